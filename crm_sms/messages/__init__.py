"""One text, folded from all facts known of it, whatever order they came in."""

from crm_sms.messages.clicks import classify
from crm_sms.messages.fold import fold, message_key
from crm_sms.messages.message import Message
from crm_sms.messages.names import Named, named, own_key
from crm_sms.messages.task_worth import is_task_worthy
from crm_sms.messages.threads import Place, ThreadEntry, places, tie_of

__all__ = [
    "Message",
    "Named",
    "Place",
    "ThreadEntry",
    "classify",
    "fold",
    "is_task_worthy",
    "message_key",
    "named",
    "own_key",
    "places",
    "tie_of",
]
