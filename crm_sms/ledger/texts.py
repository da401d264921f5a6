"""Messages in the ledger: found by any of their names, stored as their facts leave them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, delete, exists, literal, select

from crm_sms.events import Direction, Status
from crm_sms.ledger.planned import UNTRIED
from crm_sms.ledger.store import Ledger
from crm_sms.ledger.tables import (
    crm_records,
    message_aliases,
    message_data,
    messages,
    outbox,
)
from crm_sms.messages import Message, ThreadEntry, tie_of


@dataclass(frozen=True, slots=True)
class StoredText:
    """What the ledger holds of a message, personal data left out."""

    id: int
    key: str
    tie: str
    thread: str | None
    direction: Direction
    occurred_at: datetime
    status: Status
    replied_at: datetime | None
    response_seconds: int | None

    @property
    def entry(self) -> ThreadEntry:
        """The text as an entry of its thread."""
        return ThreadEntry.of(self.key, self.tie, self.direction, self.occurred_at, self.status)


_STORED = (
    messages.c.id,
    messages.c.key,
    messages.c.tie,
    messages.c.thread,
    messages.c.direction,
    messages.c.occurred_at,
    messages.c.status,
    messages.c.replied_at,
    messages.c.response_seconds,
)


# Statements are built once: putting one together costs more than running it.
_WANTED: BindParameter[Any] = bindparam("wanted", expanding=True)
_BY_ALIAS = select(message_aliases).where(message_aliases.c.alias.in_(_WANTED))
_BY_MESSAGE = select(message_aliases).where(message_aliases.c.message_id.in_(_WANTED))
_BY_ID = select(*_STORED).where(messages.c.id.in_(_WANTED))
_BY_THREAD = select(*_STORED).where(messages.c.thread.in_(_WANTED))
_NEW = messages.insert().returning(messages.c.id, messages.c.key)


def _stored(row: Any) -> StoredText:
    return StoredText(
        row[0], row[1], row[2], row[3], Direction(row[4]), row[5], Status(row[6]), *row[7:]
    )


def owners_of(connection: Connection, aliases: Collection[str]) -> dict[str, int]:
    """Message ids by alias, for the aliases that are taken."""
    if not aliases:
        return {}
    rows = connection.execute(_BY_ALIAS, {"wanted": list(aliases)})
    return {row.alias: row.message_id for row in rows}


def aliases_of(connection: Connection, ids: Collection[int]) -> dict[int, set[str]]:
    """All aliases by message id."""
    found: dict[int, set[str]] = {}
    if ids:
        for row in connection.execute(_BY_MESSAGE, {"wanted": list(ids)}):
            found.setdefault(row.message_id, set()).add(row.alias)
    return found


def stored(connection: Connection, ids: Collection[int]) -> dict[int, StoredText]:
    """Messages by id."""
    if not ids:
        return {}
    return {row[0]: _stored(row) for row in connection.execute(_BY_ID, {"wanted": list(ids)})}


def stored_after(connection: Connection, id: int, most: int) -> list[int]:
    """Messages with a greater id, in that order."""
    query = select(messages.c.id).where(messages.c.id > id).order_by(messages.c.id).limit(most)
    return list(connection.execute(query).scalars())


def in_threads(connection: Connection, threads: Collection[str]) -> list[StoredText]:
    """Every message of these threads."""
    if not threads:
        return []
    return [_stored(row) for row in connection.execute(_BY_THREAD, {"wanted": list(threads)})]


def store(
    ledger: Ledger, connection: Connection, texts: Sequence[tuple[int | None, str | None, Message]]
) -> dict[str, int]:
    """Insert or update messages, each given as (id if it has one, thread, message); ids by key."""
    new = [_message_row(thread, message) for id, thread, message in texts if id is None]
    ids: dict[str, int] = {message.key: id for id, _, message in texts if id is not None}
    if new:
        ids |= {row.key: row.id for row in connection.execute(_NEW, new)}
    known = [{"id": id, **_message_row(t, message)} for id, t, message in texts if id is not None]
    ledger.upsert(connection, messages, known)
    data = [_data_row(ids[message.key], message) for _, _, message in texts]
    ledger.upsert(connection, message_data, data)
    return ids


def _message_row(thread: str | None, message: Message) -> dict[str, Any]:
    return {
        "key": message.key,
        "tie": tie_of(message),
        "thread": thread,
        "direction": message.direction,
        "status": message.status,
        "conflict": message.conflict,
        "occurred_at": message.occurred_at,
        "received_at": message.received_at,
        "sent_at": message.sent_at,
        "first_clicked_at": message.first_clicked_at,
        "last_clicked_at": message.last_clicked_at,
        "click_count": message.click_count,
        "replied_at": message.replied_at,
        "response_seconds": message.response_seconds,
        "verified": message.verified,
    }


def _data_row(id: int, message: Message) -> dict[str, Any]:
    person, ours = message.person_address, message.our_address
    return {
        "message_id": id,
        "number": person.e164 if person else None,
        "our_address": (ours.e164 or ours.raw) if ours else None,
    }


def name(ledger: Ledger, connection: Connection, aliases: Mapping[str, int]) -> None:
    """Give messages these aliases; one that is taken stays where it is."""
    rows = [{"alias": alias, "message_id": id} for alias, id in aliases.items()]
    if rows:
        connection.execute(ledger.insert(message_aliases).on_conflict_do_nothing(), rows)


STARTS = ("", "task:", "entry:")
"""The records of a text have its key, alone or after one of these."""


def may_rename(ledger: Ledger, connection: Connection, ids: Collection[int]) -> set[int]:
    """Of these messages, those whose key no CRM can have seen yet, nor sees before this transaction
    ends."""
    if not ids:
        return set()
    waiting = (outbox.c.message_id.in_(ids), outbox.c.key_field.is_not(None))
    crms = connection.execute(select(outbox.c.crm).where(*waiting).distinct()).scalars()
    # Excludes whoever claims rows: else a request could leave with the old key between this look
    # and the commit that drops the row, and the text would have two records.
    ledger.lock(connection, [f"claim:{crm}" for crm in crms])
    keys = [literal(start).concat(messages.c.key) for start in STARTS]
    written = exists().where(crm_records.c.key.in_(keys))
    tried = exists().where(
        outbox.c.message_id == messages.c.id,
        outbox.c.key_field.is_not(None),
        ~UNTRIED,
    )
    query = select(messages.c.id).where(messages.c.id.in_(ids), ~written, ~tried)
    return set(connection.execute(query).scalars())


def forget_waiting(connection: Connection, ids: Collection[int]) -> None:
    """Drop the records of these messages that wait under a key they no longer have."""
    if ids:
        connection.execute(
            delete(outbox).where(outbox.c.message_id.in_(ids), outbox.c.key_field.is_not(None))
        )
