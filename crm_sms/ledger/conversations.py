"""Conversations in the ledger."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, select, update

from crm_sms.ledger.tables import conversations, matches
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


def start(
    connection: Connection, crm: str, person_id: str, task_key: str, started_at: datetime
) -> Conversation:
    """A new conversation; the key of its task is unique."""
    row = {"crm": crm, "person_id": person_id, "task_key": task_key, "started_at": started_at}
    id = connection.execute(_START, row).scalar_one()
    return Conversation(id, person_id, task_key, started_at)


def move(connection: Connection, id: int, person_id: str) -> list[int]:
    """Give a conversation to another person, with its opening text; the other texts' messages."""
    connection.execute(
        update(conversations).where(conversations.c.id == id).values(person_id=person_id)
    )
    query = select(matches.c.message_id).where(matches.c.conversation_id == id)
    return list(connection.execute(query).scalars())


def rename_task(connection: Connection, message_id: int, old: str, new: str) -> None:
    """Give the task of the conversations that this message opened another key."""
    held = select(matches.c.conversation_id).where(matches.c.message_id == message_id)
    connection.execute(
        update(conversations)
        .where(conversations.c.id.in_(held), conversations.c.task_key == old)
        .values(task_key=new)
    )


def close(connection: Connection, crm: str, closed: Sequence[tuple[str, datetime]]) -> int:
    """Note that the tasks with these keys were seen completed; of how many that was not known."""
    return sum(_close(connection, crm, task_key, at) for task_key, at in closed)


def _close(connection: Connection, crm: str, task_key: str, at: datetime) -> int:
    open_ = (
        conversations.c.crm == crm,
        conversations.c.task_key == task_key,
        conversations.c.closed_at.is_(None),
    )
    return connection.execute(update(conversations).where(*open_).values(closed_at=at)).rowcount
