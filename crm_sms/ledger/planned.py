"""What waits for a CRM as it was planned once: looked over, withdrawn if it is not wanted now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, Connection, Select, and_, bindparam, false, func, or_, select

from crm_sms.ledger.crm_records import by_object, known_records
from crm_sms.ledger.outbox import UNPLANNED, lock_rows
from crm_sms.ledger.tables import outbox
from crm_sms.records import Lane, Reason, State

_REFUSED = func.coalesce(outbox.c.reason == Reason.REFERENCE, false())
UNTRIED = and_(
    or_(outbox.c.tries == 0, _REFUSED), outbox.c.holder.is_(None), outbox.c.maybe.is_(False)
)
"""No request has carried such a row yet, or the CRM refused it for what it names."""

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
_WITHDRAW = (
    outbox.delete()
    .where(
        outbox.c.id.in_(_WANTED),
        or_(
            and_(or_(outbox.c.state == State.WAITING, _REFUSED), UNTRIED),
            outbox.c.object == UNPLANNED,
        ),
    )
    .returning(outbox.c.id)
)


def planned_after(connection: Connection, crm: str, id: int, most: int) -> list[PlannedRow]:
    """Rows of one CRM with a greater number, in that order."""
    return _found(connection, _AFTER, {"crm": crm, "after": id, "most": most})


def _found(connection: Connection, query: Select[Any], values: Any) -> list[PlannedRow]:
    rows = connection.execute(query, values)
    return [PlannedRow(row[0], row[1], row[2], row[3], Lane(row[4])) for row in rows]


def withdraw(connection: Connection, ids: Collection[int]) -> set[int]:
    """Take rows out that no request has carried yet, or that could not be planned; others stay.
    Which were taken out: nobody claims them from here on."""
    if not ids:
        return set()
    lock_rows(connection, ids)
    return set(connection.execute(_WITHDRAW, {"wanted": list(ids)}).scalars())


def withdraw_unwanted(
    connection: Connection, crm: str, message_ids: Collection[int], wanted: Collection[Place]
) -> None:
    """Withdraw the records of these messages that are not among `wanted`: later facts of a text, or
    of its thread, may take back what earlier ones asked for. Sums and opt-outs of people stay."""
    if message_ids:
        rows = _found(connection, _NAMED_AFTER, {"crm": crm, "wanted": list(message_ids)})
        withdraw(connection, [row.id for row in rows if row.place not in wanted])


def withdraw_unseen(
    connection: Connection, crm: str, wanted: Mapping[Place, Collection[str] | None]
) -> set[Place]:
    """Withdraw what waits at these places where no CRM can have seen one of their fields (None: any
    field of the record), nor sees it before this transaction ends. The places of the others."""
    records = {place[:2] for place in wanted}
    found = {
        row.place: row.id
        for object_name, keys in by_object(records).items()
        for row in _found(connection, _AT, {"crm": crm, "object": object_name, "wanted": keys})
        if row.place in wanted
    }
    gone = withdraw(connection, found.values())
    seen = {place for place, id in found.items() if id not in gone}
    # After the rows: one that was written meanwhile is known by now.
    known = known_records(connection, crm, records)
    for place, fields in wanted.items():
        record = known.get(place[:2])
        if record and (fields is None or not record.written.keys().isdisjoint(fields)):
            seen.add(place)
    return seen


_AT = _ROWS.where(
    outbox.c.crm == bindparam("crm"),
    outbox.c.object == bindparam("object"),
    outbox.c.key.in_(_WANTED),
)
