"""Waiting rows become records in one CRM: claim, look where a rule needs it, write, settle."""

from crm_sms.use_cases.deliver.run import deliver
from crm_sms.use_cases.deliver.words import Delivery, DeliveryReport

__all__ = ["Delivery", "DeliveryReport", "deliver"]
