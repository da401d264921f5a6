"""What the texts between one address of ours and a number mean for each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from crm_sms.events import Direction, Status
from crm_sms.messages.message import Message

ANSWERS_WITHIN = timedelta(days=7)
"""A reply later than this opens a matter of its own: counted as an answer, one that comes weeks
later would rule every average of response times."""

_NEVER_ARRIVED = frozenset(
    {Status.FAILED, Status.UNDELIVERED, Status.EXPIRED, Status.CANCELED},
)
"""Of any other text the person may know, also while nothing is heard of it."""


def tie_of(message: Message) -> str:
    """What decides the order of texts of one instant: the provider's id where there is one, for the
    key that a text keeps depends on when a CRM was written."""
    return message.provider_message_id or message.key


@dataclass(frozen=True, slots=True)
class ThreadEntry:
    """One text of a thread; `key` is the message's, `tie` as `tie_of` gives it. `missed` says that
    it never reached a phone."""

    key: str
    tie: str
    direction: Direction
    occurred_at: datetime
    missed: bool = False

    @staticmethod
    def of(
        key: str, tie: str, direction: Direction, occurred_at: datetime, status: Status
    ) -> ThreadEntry:
        """The entry of a text where it stands now."""
        return ThreadEntry(key, tie, direction, occurred_at, status in _NEVER_ARRIVED)


@dataclass(frozen=True, slots=True)
class Place:
    """What its thread says of a text.

    `before` is the key of the text of ours that came last before it; before a reply, the last that
    may have reached the phone, if there is one. `replied_at` is when the person answered a text of
    ours, `response_seconds` how long they took, on both the text and its first answer.
    """

    before: str | None = None
    replied_at: datetime | None = None
    response_seconds: int | None = None


def places(thread: Iterable[ThreadEntry]) -> dict[str, Place]:
    """The place of every text of one thread, by key; the same for every order of the entries.

    A reply answers the last text of ours strictly before it that may have reached the phone, if
    that is at most ANSWERS_WITHIN old. Of texts at one instant (providers' times are often whole
    seconds) replies come first, as an automatic answer is likelier than a person who needs no time;
    then the tie decides.
    """
    found: dict[str, Place] = {}
    last: ThreadEntry | None = None
    seen: ThreadEntry | None = None
    for entry in sorted(set(thread), key=_order):
        if entry.direction is Direction.OUTBOUND:
            found[entry.key] = Place(last.key if last else None)
            last, seen = entry, seen if entry.missed else entry
            continue
        before = seen or last
        found[entry.key] = Place(before.key if before else None)
        if seen and found[seen.key].replied_at is None:
            _answer(found, seen, entry)
    return found


def _answer(found: dict[str, Place], asked: ThreadEntry, reply: ThreadEntry) -> None:
    took = reply.occurred_at - asked.occurred_at
    if took > ANSWERS_WITHIN:
        return
    seconds = int(took.total_seconds())
    said = found[asked.key]
    found[asked.key] = replace(said, replied_at=reply.occurred_at, response_seconds=seconds)
    found[reply.key] = replace(found[reply.key], response_seconds=seconds)


def _order(entry: ThreadEntry) -> tuple[datetime, bool, str]:
    return (entry.occurred_at, entry.direction is Direction.OUTBOUND, entry.tie)
