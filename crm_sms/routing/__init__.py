"""Who acts on a reply, and by when."""

from crm_sms.routing.conversations import CONVERSATION, Conversation, conversation_of
from crm_sms.routing.tasks import TaskRules, acting_owner, due_date, is_fresh, task_key

__all__ = [
    "CONVERSATION",
    "Conversation",
    "TaskRules",
    "acting_owner",
    "conversation_of",
    "due_date",
    "is_fresh",
    "task_key",
]
