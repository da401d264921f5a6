"""Which outbound text each reply answers, in the thread of one address of ours and a number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from crm_sms.events import Direction

ANSWERS_WITHIN = timedelta(days=7)
"""A reply later than this opens a matter of its own: counted as an answer, one that comes weeks
later would rule every average of response times."""


@dataclass(frozen=True, slots=True)
class ThreadEntry:
    """One text of a thread; `key` is the message's."""

    key: str
    direction: Direction
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """`reply` answers `outbound`, both message keys.

    `response_seconds` is set for the first reply to a text only: how long the person took.
    `replied_at` is when this reply came.
    """

    outbound: str
    reply: str
    replied_at: datetime
    response_seconds: int | None = None


def answers(thread: Iterable[ThreadEntry]) -> tuple[Answer, ...]:
    """The replies that answer something, oldest first.

    A reply answers the last outbound text strictly before it, if that is at most ANSWERS_WITHIN
    old. Of texts at one instant (providers' times are often whole seconds) replies come first, as
    an automatic answer is likelier than a person who needs no time; then the key decides.
    """
    found: list[Answer] = []
    last: ThreadEntry | None = None
    answered = False
    for entry in sorted(set(thread), key=_order):
        if entry.direction is Direction.OUTBOUND:
            last, answered = entry, False
        elif last and entry.occurred_at - last.occurred_at <= ANSWERS_WITHIN:
            seconds = int((entry.occurred_at - last.occurred_at).total_seconds())
            first = None if answered else seconds
            found.append(Answer(last.key, entry.key, entry.occurred_at, first))
            answered = True
    return tuple(found)


def _order(entry: ThreadEntry) -> tuple[datetime, bool, str]:
    return (entry.occurred_at, entry.direction is Direction.OUTBOUND, entry.key)
