"""Which replies share one task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from crm_sms.routing.tasks import task_key

CONVERSATION = timedelta(hours=24)
"""How long a conversation lasts from its first reply, unless its task is completed earlier."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Replies of one person that share a task; `closed_at` is when the task was seen completed.
    `id` is 0 for one that is not stored yet."""

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


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that deserves a task. `key` is its message's, `held` the id of the conversation that
    it belonged to until now."""

    key: str
    at: datetime
    person_id: str
    held: int | None = None


def converse(replies: Sequence[Reply], known: Iterable[Conversation]) -> dict[str, Conversation]:
    """The conversation of each reply, by its key.

    A reply stays where it was, unless it turned out to be somebody else's: then a conversation that
    it opened goes along, with its task, and comes back with the new person; another reply leaves.
    It leaves too where it turned out that the task had been completed before it came.
    """
    talks = {one.task_key: one for one in known}
    keys = {one.id: one.task_key for one in talks.values()}
    held = {reply.key: keys.get(reply.held or 0) for reply in replies}
    found: dict[str, Conversation] = {}
    # Those that opened a conversation first: if one moves, the others must find it moved.
    for reply in sorted(replies, key=lambda one: (not _opened(one, held), one.at, one.key)):
        own = talks.get(held[reply.key] or "")
        if own is None or own.person_id != reply.person_id or _came_too_late(reply, own):
            own = _another(reply, own, talks.values())
        talks[own.task_key] = found[reply.key] = own
    return found


def _opened(reply: Reply, held: Mapping[str, str | None]) -> bool:
    return held[reply.key] == task_key(reply.key)


def _came_too_late(reply: Reply, own: Conversation) -> bool:
    closed = own.closed_at is not None and own.closed_at < reply.at
    return closed and own.task_key != task_key(reply.key)


def _another(reply: Reply, own: Conversation | None, known: Iterable[Conversation]) -> Conversation:
    if own and own.task_key == task_key(reply.key):
        return replace(own, person_id=reply.person_id)
    theirs = [one for one in known if one.person_id == reply.person_id]
    return conversation_of(reply.at, theirs) or Conversation(
        0, reply.person_id, task_key(reply.key), reply.at
    )
