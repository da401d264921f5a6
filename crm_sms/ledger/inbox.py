"""Events still to be processed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, literal, select

from crm_sms.ledger.slices import slices
from crm_sms.ledger.store import Ledger
from crm_sms.ledger.tables import events, inbox, message_aliases, message_data, messages


@dataclass(frozen=True, slots=True)
class Waiting:
    """One inbox row: the event, the text it speaks of, and our key if it carries one."""

    event_id: int
    text: str
    message_key: str | None


def claim(connection: Connection, most: int) -> list[Waiting]:
    """Rows for this transaction alone, oldest first; what another one holds is passed over."""
    return [Waiting(*row) for row in connection.execute(_CLAIM, {"most": most})]


_CLAIM = (
    select(inbox.c.event_id, events.c.text, events.c.message_key)
    .join(events, events.c.id == inbox.c.event_id)
    .order_by(inbox.c.event_id)
    .limit(bindparam("most"))
    .with_for_update(of=inbox, skip_locked=True)
)


def done(connection: Connection, event_ids: Collection[int]) -> int:
    """Take rows out, in the commit that planned them; how many there were.

    Rows that another transaction holds stay: it is about to plan the same text again, which does no
    harm, while waiting for it here could end in a deadlock.
    """
    pieces = slices(sorted(event_ids))
    return sum(connection.execute(_DONE, {"wanted": some}).rowcount for some in pieces)


_MINE = (
    select(inbox.c.event_id)
    .where(inbox.c.event_id.in_(bindparam("wanted", expanding=True)))
    .with_for_update(skip_locked=True)
)
_DONE = delete(inbox).where(inbox.c.event_id.in_(_MINE))


def put_back(
    ledger: Ledger, connection: Connection, message_ids: Collection[int], now: datetime
) -> None:
    """Have these messages processed again: one of their events each returns to the inbox."""
    one_each = (
        select(func.min(events.c.id), literal(now, inbox.c.since.type))
        .join(message_aliases, message_aliases.c.alias == events.c.text)
        .where(message_aliases.c.message_id.in_(bindparam("wanted", expanding=True)))
        .group_by(message_aliases.c.message_id)
    )
    statement = ledger.insert(inbox).from_select(["event_id", "since"], one_each)
    for some in slices(sorted(message_ids)):
        connection.execute(statement.on_conflict_do_nothing(), {"wanted": some})


def messages_with(connection: Connection, numbers: Collection[str]) -> list[int]:
    """Messages whose person's end is one of these numbers."""
    pieces = slices(sorted(set(numbers)))
    return [id for some in pieces for id in connection.execute(_WITH, {"wanted": some}).scalars()]


_WITH = (
    select(messages.c.id)
    .join(message_data, message_data.c.message_id == messages.c.id)
    .where(message_data.c.number.in_(bindparam("wanted", expanding=True)))
)


def is_empty(connection: Connection) -> bool:
    """Whether nothing waits, as far as is committed."""
    return connection.execute(_ANY).first() is None


_ANY = select(inbox.c.event_id).limit(1)


def backlog(connection: Connection) -> tuple[int, datetime | None]:
    """How many events wait, and since when the oldest does."""
    row = connection.execute(select(func.count(), func.min(inbox.c.since))).one()
    return row[0], row[1]
