"""Twilio for crm-sms: signed callbacks, exported message logs, sending."""

from crm_sms_twilio.adapter import Twilio

__all__ = ["Twilio"]
