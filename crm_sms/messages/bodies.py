"""Until when the records of a text wait for its body, which status callbacks never carry."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from crm_sms.events import Direction, Event, EventKind
from crm_sms.messages.message import Message


def body_awaited_until(
    message: Message, facts: Iterable[Event], wait: timedelta
) -> datetime | None:
    """So long after it was first heard of, unless a listing has said all there is to say; None for
    a text that need not wait.

    An entry of the timeline is made once: without the body it would be without it for ever.
    """
    if message.direction is Direction.INBOUND or message.body is not None:
        return None
    if any(fact.kind is EventKind.SNAPSHOT for fact in facts):
        return None
    return message.received_at + wait
