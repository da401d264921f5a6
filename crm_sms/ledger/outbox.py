"""Desired records that wait for a CRM: put in, claimed under a lease, settled, parked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    Connection,
    String,
    and_,
    case,
    cast,
    func,
    or_,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from crm_sms.ledger.crm_records import by_object
from crm_sms.ledger.desired_json import encode
from crm_sms.ledger.store import Ledger
from crm_sms.ledger.tables import outbox
from crm_sms.records import (
    DesiredField,
    DesiredRecord,
    Lane,
    Reason,
    State,
)

UNPLANNED = "unplanned"
"""Stands for the object of a record that the mapping could not make."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A row as claimed."""

    id: int
    object: str
    key: str
    lane: Lane
    key_field: str | None
    create_only: bool
    fields: Mapping[str, DesiredField]
    starred: frozenset[str]
    version: int
    tries: int
    maybe: bool
    rewrite_at: datetime | None
    sent: Mapping[str, Sequence[str]]
    reason: Reason | None

    @property
    def place(self) -> tuple[str, str]:
        """The record this row is about."""
        return self.object, self.key


def put(
    ledger: Ledger,
    connection: Connection,
    records: Iterable[tuple[DesiredRecord, int | None]],
    now: datetime,
    windows: Mapping[Lane, timedelta],
    holds: Mapping[int, datetime] = MappingProxyType({}),
) -> int:
    """Store desired records, each with the message it is due to; a waiting row takes new fields.

    `holds` are by message: no request carries its timeline's rows before, unless they come again
    without a hold.

    A record is the whole of what its lane wants, so new facts replace the row's fields. A parked
    row stays parked: a retry is somebody's decision; but for one that somebody or something was
    gone for, where it names others by now, and for an opt-out of somebody who was gone and is
    wanted again, since an opt-out reaches whoever holds the number, also later.
    """
    rows = [
        {
            "crm": record.crm,
            "object": record.object,
            "key": record.key,
            "lane": int(record.lane),
            "key_field": record.key_field,
            "create_only": record.create_only,
            "partition": record.partition,
            "fields": {name: encode(field) for name, field in record.fields.items()},
            "starred": sorted(record.starred),
            "message_id": message_id,
            "created_at": now,
            "due_at": now + windows[record.lane],
            "not_before": _held_until(record.lane, message_id, holds, now),
        }
        for record, message_id in records
    ]
    if rows:
        # Whoever locks several rows takes them in this order (see `lock_rows`): a deliverer that
        # settles and a processor that plans the same rows would else wait for each other.
        rows.sort(key=lambda row: (row["object"], row["key"], row["lane"]))
        connection.execute(_put(ledger.is_sqlite), rows)
    return len(rows)


def waiting_at(
    connection: Connection, crm: str, lane: Lane, places: Collection[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Of these (object, key), those that have a row in this lane, parked ones too."""
    return {
        (object_name, key)
        for object_name, keys in by_object(places).items()
        for key in connection.execute(
            select(outbox.c.key).where(
                outbox.c.crm == crm,
                outbox.c.object == object_name,
                outbox.c.lane == int(lane),
                outbox.c.key.in_(keys),
            )
        ).scalars()
    }


def lock_rows(connection: Connection, ids: Collection[int]) -> None:
    """Hold these rows until the transaction ends, taken in the order in which `put` takes them.

    For whoever changes several rows, before the first; on SQLite a writer excludes every other.
    """
    if connection.dialect.name == "sqlite" or not ids:
        return
    places = (outbox.c.object, outbox.c.key)
    order = [*(place.collate("C") for place in places), outbox.c.lane]
    query = select(outbox.c.id).where(outbox.c.id.in_(ids)).order_by(*order).with_for_update()
    connection.execute(query).all()


def _held_until(
    lane: Lane, message_id: int | None, holds: Mapping[int, datetime], now: datetime
) -> datetime:
    if lane is not Lane.TIMELINE or message_id is None:
        return now
    return max(now, holds.get(message_id, now))


_GONE = (Reason.DELETED, Reason.CONVERTED, Reason.REFERENCE)


@lru_cache  # putting a statement together costs more than running it
def _put(is_sqlite: bool) -> Any:
    statement = sqlite.insert(outbox) if is_sqlite else postgresql.insert(outbox)
    new = statement.excluded
    other = cast(outbox.c.fields, String) != cast(new.fields, String)
    returned = and_(
        outbox.c.state == State.PARKED,
        or_(*(outbox.c.reason == gone for gone in _GONE)),
        or_(outbox.c.lane == int(Lane.OPT_OUT), other),
    )
    anew = or_(outbox.c.state == State.SETTLING, returned)
    # A row that nobody has tried to write backs off from nothing: it is held, and may be let go.
    sooner = and_(outbox.c.tries == 0, new.not_before < outbox.c.not_before)
    return statement.on_conflict_do_update(
        index_elements=["crm", "object", "key", "lane"],
        set_={
            "version": outbox.c.version + 1,
            "key_field": new.key_field,
            "create_only": new.create_only,
            "fields": new.fields,
            "starred": new.starred,
            "message_id": new.message_id,
            "partition": new.partition,
            "state": case((anew, State.WAITING), else_=outbox.c.state),
            "due_at": case((anew, new.due_at), else_=outbox.c.due_at),
            "not_before": case((or_(anew, sooner), new.not_before), else_=outbox.c.not_before),
        },
    )


def counts(connection: Connection) -> list[tuple[str, str, int, int]]:
    """(crm, state, lane, rows) for all rows."""
    query = select(outbox.c.crm, outbox.c.state, outbox.c.lane, func.count()).group_by(
        outbox.c.crm, outbox.c.state, outbox.c.lane
    )
    return [(row[0], row[1], row[2], row[3]) for row in connection.execute(query)]


def next_due(connection: Connection, crm: str) -> datetime | None:
    """When the next row's turn comes, windows and back-off counted; None if none waits."""
    later = case(
        (outbox.c.due_at > outbox.c.not_before, outbox.c.due_at), else_=outbox.c.not_before
    )
    query = select(func.min(later)).where(outbox.c.crm == crm, outbox.c.state != State.PARKED)
    found: datetime | None = connection.execute(query).scalar_one_or_none()
    return found
