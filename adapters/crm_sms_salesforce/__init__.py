"""Salesforce for crm-sms."""

from __future__ import annotations

from crm_sms.errors import MissingExtra

try:
    from crm_sms_salesforce.client import SalesforceCrm
except ImportError as error:
    raise MissingExtra("salesforce", "The Salesforce adapter") from error

__all__ = ["SalesforceCrm"]
