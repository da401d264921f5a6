"""Which replies of a batch belong to which conversation, and which of them make the task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from crm_sms.events import Direction
from crm_sms.ledger import Ledger, conversations, inbox
from crm_sms.ledger.matched import Match
from crm_sms.messages import is_task_worthy
from crm_sms.routing import Conversation, conversation_of, is_fresh, task_key
from crm_sms.use_cases.process.words import LoadedText, Planner, Processing


def converse(
    processing: Processing,
    planner: Planner,
    connection: Connection,
    texts: Sequence[LoadedText],
    chosen: dict[str, Match],
) -> dict[str, Conversation]:
    """The conversation of each reply that deserves a task, by message key; `chosen` takes it too.

    The people's locks must be held: two replies of one person at once would each find no
    conversation and each open one.
    """
    worthy = [text for text in texts if _deserves(planner, text, chosen)]
    if not worthy:
        return {}
    worthy.sort(key=lambda text: (text.message.occurred_at, text.message.key))
    held = [chosen[text.message.key].conversation_id for text in worthy]
    known = conversations.by_id(connection, {id for id in held if id})
    people = {chosen[text.message.key].person_id or "" for text in worthy}
    since = worthy[0].message.occurred_at
    for one in conversations.recent(connection, planner.crm, people, since):
        known[one.id] = one
    found: dict[str, Conversation] = {}
    # Those that opened a conversation first: if one moves, the others must find it moved.
    for text in sorted(worthy, key=lambda text: not _opened(text, chosen, known)):
        key = text.message.key
        one = _conversation(processing, planner, connection, text, chosen[key], known)
        known[one.id] = found[key] = one
        chosen[key] = replace(chosen[key], conversation_id=one.id)
    return found


def _deserves(planner: Planner, text: LoadedText, chosen: Mapping[str, Match]) -> bool:
    message = text.message
    return (
        message.direction is Direction.INBOUND
        and chosen[message.key].person_id is not None
        and is_task_worthy(message, text.said)
        and is_fresh(message, planner.tasks)
    )


def _opened(
    text: LoadedText, chosen: Mapping[str, Match], known: Mapping[int, Conversation]
) -> bool:
    own = known.get(chosen[text.message.key].conversation_id or 0)
    return own is not None and own.task_key == task_key(text.message.key)


def _conversation(
    processing: Processing,
    planner: Planner,
    connection: Connection,
    text: LoadedText,
    match: Match,
    known: Mapping[int, Conversation],
) -> Conversation:
    person_id = match.person_id or ""
    own = known.get(match.conversation_id or 0)
    if own and own.person_id == person_id:
        return own
    if own and own.task_key == task_key(text.message.key):
        return _moved(processing.ledger, connection, own, person_id, text)
    theirs = [one for one in known.values() if one.person_id == person_id]
    at = text.message.occurred_at
    return conversation_of(at, theirs) or conversations.start(
        connection, planner.crm, person_id, task_key(text.message.key), at
    )


def _moved(
    ledger: Ledger, connection: Connection, own: Conversation, person_id: str, text: LoadedText
) -> Conversation:
    """The opening reply turned out to be somebody else's: its task goes with it, and the other
    replies are looked at again."""
    others = [id for id in conversations.move(connection, own.id, person_id) if id != text.id]
    inbox.put_back(ledger, connection, others, text.message.received_at)
    return replace(own, person_id=person_id)
