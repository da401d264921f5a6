"""Facts become desired records, by a file that an admin edits."""

from crm_sms.mapping.check import Problem, check
from crm_sms.mapping.facts import OptOut, ReplyTask, RollUp, TextFacts
from crm_sms.mapping.mapping import Mapping

__all__ = ["Mapping", "OptOut", "Problem", "ReplyTask", "RollUp", "TextFacts", "check"]
