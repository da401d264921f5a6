"""What waits for a CRM as it was planned once: looked over, withdrawn if it is not wanted now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, Connection, Select, and_, bindparam, or_, select

from crm_sms.ledger.crm_records import by_object, known_records
from crm_sms.ledger.outbox import UNPLANNED, lock_rows
from crm_sms.ledger.store import Ledger
from crm_sms.ledger.tables import outbox
from crm_sms.records import DesiredRecord, Lane, State

UNTRIED = and_(outbox.c.tries == 0, outbox.c.holder.is_(None), outbox.c.maybe.is_(False))
"""No request has carried such a row yet."""

Place = tuple[str, str, Lane]
"""Object, key and lane: what is unique to a row of one CRM."""


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """A row of the outbox, by its number, and the message it is due to."""

    id: int
    message_id: int | None
    object: str
    key: str
    lane: Lane

    @property
    def place(self) -> Place:
        """What is unique to the row."""
        return self.object, self.key, self.lane


_ROWS = select(outbox.c.id, outbox.c.message_id, outbox.c.object, outbox.c.key, outbox.c.lane)
_WANTED: BindParameter[Any] = bindparam("wanted", expanding=True)
_AFTER = (
    _ROWS.where(outbox.c.crm == bindparam("crm"), outbox.c.id > bindparam("after"))
    .order_by(outbox.c.id)
    .limit(bindparam("most"))
)
_NAMED_AFTER = _ROWS.where(
    outbox.c.crm == bindparam("crm"),
    outbox.c.message_id.in_(_WANTED),
    or_(outbox.c.key_field.is_not(None), outbox.c.object == UNPLANNED),
)
_WITHDRAW = outbox.delete().where(
    outbox.c.id.in_(_WANTED),
    or_(and_(outbox.c.state == State.WAITING, UNTRIED), outbox.c.object == UNPLANNED),
)


def planned_after(connection: Connection, crm: str, id: int, most: int) -> list[PlannedRow]:
    """Rows of one CRM with a greater number, in that order."""
    return _found(connection, _AFTER, {"crm": crm, "after": id, "most": most})


def _found(connection: Connection, query: Select[Any], values: Any) -> list[PlannedRow]:
    rows = connection.execute(query, values)
    return [PlannedRow(row[0], row[1], row[2], row[3], Lane(row[4])) for row in rows]


def withdraw(connection: Connection, ids: Collection[int]) -> None:
    """Take rows out that no request has carried yet, or that could not be planned; others stay."""
    if ids:
        lock_rows(connection, ids)
        connection.execute(_WITHDRAW, {"wanted": list(ids)})


def withdraw_unwanted(
    connection: Connection, crm: str, message_ids: Collection[int], wanted: Collection[Place]
) -> None:
    """Withdraw the records of these messages that are not among `wanted`: later facts of a text, or
    of its thread, may take back what earlier ones asked for. Sums and opt-outs of people stay."""
    if message_ids:
        rows = _found(connection, _NAMED_AFTER, {"crm": crm, "wanted": list(message_ids)})
        withdraw(connection, [row.id for row in rows if row.place not in wanted])


def withdraw_unseen(
    ledger: Ledger, connection: Connection, crm: str, records: Sequence[DesiredRecord]
) -> set[Place]:
    """Withdraw what waits at the places of these records where no CRM can have seen one of their
    fields, nor sees it before this transaction ends. The places of the others."""
    if not records:
        return set()
    # Excludes whoever claims rows: a request could leave with a row between the look and the end.
    ledger.lock(connection, [f"claim:{crm}"])
    places = {(record.object, record.key) for record in records}
    known = known_records(connection, crm, places)
    waiting: dict[Place, tuple[int, bool]] = {}
    for object_name, keys in by_object(places).items():
        values = {"crm": crm, "object": object_name, "wanted": keys}
        for row in connection.execute(_AT, values):
            waiting[object_name, row[1], Lane(row[2])] = (row[0], row[3])
    seen, gone = set(), []
    for record in records:
        place = (record.object, record.key, record.lane)
        id, untried = waiting.get(place, (0, True))
        written = known[place[:2]].written if place[:2] in known else {}
        if untried and written.keys().isdisjoint(record.fields):
            gone.append(id)
        else:
            seen.add(place)
    withdraw(connection, gone)
    return seen


_AT = select(
    outbox.c.id, outbox.c.key, outbox.c.lane, and_(outbox.c.state == State.WAITING, UNTRIED)
).where(
    outbox.c.crm == bindparam("crm"),
    outbox.c.object == bindparam("object"),
    outbox.c.key.in_(_WANTED),
)
