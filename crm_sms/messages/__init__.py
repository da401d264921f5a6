"""One text, folded from all facts known of it, whatever order they came in."""

from crm_sms.messages.message import Message

__all__ = ["Message"]
