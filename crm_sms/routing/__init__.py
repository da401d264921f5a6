"""Who acts on a reply, and by when."""

from crm_sms.routing.conversations import (
    CONVERSATION,
    Conversation,
    Reply,
    conversation_of,
    converse,
)
from crm_sms.routing.tasks import (
    TaskRules,
    acting_owner,
    deserves_task,
    due_date,
    is_fresh,
    task_key,
)

__all__ = [
    "CONVERSATION",
    "Conversation",
    "Reply",
    "TaskRules",
    "acting_owner",
    "conversation_of",
    "converse",
    "deserves_task",
    "due_date",
    "is_fresh",
    "task_key",
]
