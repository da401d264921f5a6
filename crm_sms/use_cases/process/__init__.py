"""Facts become desired records: claim the inbox, fold, match, plan, one commit."""

from crm_sms.use_cases.process.run import process
from crm_sms.use_cases.process.words import Planner, Processing, ProcessReport

__all__ = ["Planner", "ProcessReport", "Processing", "process"]
