"""Rows for records that are not there any more: withdrawn, or planned again without them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, and_, delete, false, or_, select, true, update

from crm_sms.ledger.outbox import lock_rows
from crm_sms.ledger.tables import opportunities, outbox, people
from crm_sms.records import Reason, State

_PARKED = outbox.c.state == State.PARKED
_OPEN = and_(
    outbox.c.key_field.is_(None),
    outbox.c.holder.is_(None),
    or_(~_PARKED, outbox.c.reason.in_([Reason.DELETED, Reason.CONVERTED])),
)
"""Such a row is no record of ours, no request carries it, and nothing else is wrong with it."""

_THEIRS = and_(
    people.c.crm == outbox.c.crm,
    people.c.id == outbox.c.key,
    people.c.object == outbox.c.object,
)


def rows_of_the_gone(connection: Connection, crm: str) -> list[int]:
    """Rows that would be written to people and opportunities that are gone: what is for them is
    planned for whoever took their place, or once they are back."""
    deals = (opportunities.c.crm == outbox.c.crm) & (opportunities.c.id == outbox.c.key)
    rows = select(outbox.c.id).where(outbox.c.crm == crm, _OPEN)
    queries = (
        rows.join(people, _THEIRS).where(people.c.deleted == true()),
        rows.join(opportunities, deals).where(opportunities.c.deleted == true()),
    )
    return sorted(id for query in queries for id in connection.execute(query).scalars())


def withdraw_gone(connection: Connection, ids: Collection[int]) -> int:
    """Take these rows out, but for those that a request has taken up meanwhile; how many."""
    lock_rows(connection, ids)
    return connection.execute(delete(outbox).where(outbox.c.id.in_(ids), _OPEN)).rowcount


def naming_the_gone(connection: Connection, crm: str) -> list[tuple[int, int | None]]:
    """Parked rows that name what was gone, each with its message."""
    query = select(outbox.c.id, outbox.c.message_id).where(outbox.c.crm == crm, _NAMING)
    return [(row.id, row.message_id) for row in connection.execute(query.order_by(outbox.c.id))]


def try_again(connection: Connection, ids: Collection[int], now: datetime) -> None:
    """What these rows name may be back: have them written once more, a few times in all."""
    lock_rows(connection, ids)
    connection.execute(
        update(outbox)
        .where(outbox.c.id.in_(ids), _NAMING, outbox.c.tries < _TRIES)
        .values(state=State.WAITING, due_at=now, not_before=now)
    )


_NAMING = and_(_PARKED, outbox.c.reason == Reason.REFERENCE)

_TRIES = 5


def not_found(connection: Connection, crm: str, most: int) -> dict[str, dict[str, list[int]]]:
    """By object and id, the rows of people who live as far as the mirror knows, and whom the CRM
    did not find when the rows were to be written; at most so many."""
    query = (
        select(outbox.c.object, outbox.c.key, outbox.c.id)
        .join(people, _THEIRS)
        .where(
            outbox.c.crm == crm,
            people.c.deleted == false(),
            outbox.c.key_field.is_(None),
            _PARKED,
            outbox.c.reason == Reason.DELETED,
        )
        .order_by(outbox.c.id)
        .limit(most)
    )
    found: dict[str, dict[str, list[int]]] = {}
    for object_name, key, id in connection.execute(query):
        found.setdefault(object_name, {}).setdefault(key, []).append(id)
    return found
