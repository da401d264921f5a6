"""Conversations in the ledger."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, delete, select, update

from crm_sms.ledger.planned import withdraw
from crm_sms.ledger.tables import conversations, crm_records, matches, messages, outbox
from crm_sms.routing import CONVERSATION, Conversation

_COLUMNS = (
    conversations.c.id,
    conversations.c.person_id,
    conversations.c.task_key,
    conversations.c.started_at,
    conversations.c.closed_at,
)


def recent(
    connection: Connection, crm: str, person_ids: Collection[str], since: datetime
) -> list[Conversation]:
    """Conversations of these people that could take a text of `since` or later."""
    values = {"crm": crm, "wanted": list(person_ids), "since": since - CONVERSATION}
    return [Conversation(*row) for row in connection.execute(_RECENT, values)]


_WANTED: BindParameter[Any] = bindparam("wanted", expanding=True)
_RECENT = select(*_COLUMNS).where(
    conversations.c.crm == bindparam("crm"),
    conversations.c.person_id.in_(_WANTED),
    conversations.c.started_at > bindparam("since"),
)
_BY_ID = select(*_COLUMNS).where(conversations.c.id.in_(_WANTED))
_START = conversations.insert().returning(conversations.c.id)


def by_id(connection: Connection, ids: Collection[int]) -> dict[int, Conversation]:
    """Conversations by id."""
    if not ids:
        return {}
    rows = connection.execute(_BY_ID, {"wanted": list(ids)})
    return {row[0]: Conversation(*row) for row in rows}


def start(connection: Connection, crm: str, new: Conversation) -> Conversation:
    """Store a new conversation; the key of its task is unique. The same with its number."""
    row = {
        "crm": crm,
        "person_id": new.person_id,
        "task_key": new.task_key,
        "started_at": new.started_at,
    }
    return replace(new, id=connection.execute(_START, row).scalar_one())


def move(connection: Connection, id: int, person_id: str) -> set[int]:
    """Give a conversation to another person; the messages that belong to it."""
    connection.execute(
        update(conversations).where(conversations.c.id == id).values(person_id=person_id)
    )
    return set(connection.execute(_MEMBERS, {"wanted": [id]}).scalars())


_MEMBERS = select(matches.c.message_id).where(matches.c.conversation_id.in_(_WANTED))


def take_back(
    connection: Connection, crm: str, opened: Mapping[int, int]
) -> tuple[set[int], set[int]]:
    """Of these conversations, each with the message that opened it, end those whose task no CRM can
    have seen yet, nor sees before this transaction ends. Which they were, and all their messages.
    """
    if not opened:
        return set(), set()
    here = conversations.c
    tasks = {row[0]: row[1] for row in connection.execute(_TASKS, {"wanted": list(opened)})}
    waits = select(outbox.c.id, outbox.c.key).where(
        outbox.c.crm == crm,
        outbox.c.message_id.in_(opened.values()),
        outbox.c.key.in_(tasks.values()),
    )
    waiting = {row[0]: row[1] for row in connection.execute(waits)}
    gone = withdraw(connection, waiting)
    seen = {key for id, key in waiting.items() if id not in gone}
    # After the rows: one that was written meanwhile is known by now.
    known = (crm_records.c.crm == crm, crm_records.c.key.in_(tasks.values()))
    seen.update(connection.execute(select(crm_records.c.key).where(*known)).scalars())
    ended = {id for id, key in tasks.items() if key not in seen}
    members = set(connection.execute(_MEMBERS, {"wanted": list(ended)}).scalars())
    out = matches.c.conversation_id.in_(ended)
    connection.execute(update(matches).where(out).values(conversation_id=None))
    connection.execute(delete(conversations).where(here.id.in_(ended)))
    return ended, members


_TASKS = select(conversations.c.id, conversations.c.task_key).where(conversations.c.id.in_(_WANTED))


def rename_task(connection: Connection, message_id: int, old: str, new: str) -> None:
    """Give the task of the conversations that this message opened another key."""
    held = select(matches.c.conversation_id).where(matches.c.message_id == message_id)
    connection.execute(
        update(conversations)
        .where(conversations.c.id.in_(held), conversations.c.task_key == old)
        .values(task_key=new)
    )


def close(
    connection: Connection, crm: str, closed: Sequence[tuple[str, datetime]]
) -> tuple[int, set[int]]:
    """Note that the tasks with these keys were seen completed; of how many that was not known, and
    the messages that joined their conversations later than that."""
    count, late = 0, set[int]()
    for key, at in closed:
        values = {"whose": crm, "task": key, "end": at}
        if connection.execute(_CLOSE, values).rowcount:
            count += 1
            late |= set(connection.execute(_LATE, values).scalars())
    return count, late


_CLOSE = (
    update(conversations)
    .where(
        conversations.c.crm == bindparam("whose"),
        conversations.c.task_key == bindparam("task"),
        conversations.c.closed_at.is_(None),
    )
    .values(closed_at=bindparam("end"))
)
_LATE = (
    select(messages.c.id)
    .join(matches, matches.c.message_id == messages.c.id)
    .join(conversations, conversations.c.id == matches.c.conversation_id)
    .where(
        conversations.c.crm == bindparam("whose"),
        conversations.c.task_key == bindparam("task"),
        messages.c.occurred_at > bindparam("end"),
    )
)
