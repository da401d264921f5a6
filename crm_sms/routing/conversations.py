"""Which replies share one task."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

CONVERSATION = timedelta(hours=24)
"""How long a conversation lasts from its first reply, unless its task is completed earlier."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Replies of one person that share a task; `closed_at` is when the task was seen completed."""

    id: int
    person_id: str
    task_key: str
    started_at: datetime
    closed_at: datetime | None = None


def conversation_of(at: datetime, known: Iterable[Conversation]) -> Conversation | None:
    """The conversation that a reply at this instant belongs to, or None if it opens a new one.

    A reply that comes late but is up to a day older than the opening one belongs too: its task
    exists already, and a second one for the same exchange would help nobody.
    """
    fits = [
        conversation
        for conversation in known
        if abs(at - conversation.started_at) < CONVERSATION
        and (conversation.closed_at is None or at <= conversation.closed_at)
    ]
    return min(fits, key=lambda found: (found.started_at, found.task_key), default=None)
