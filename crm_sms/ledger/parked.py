"""Rows that cannot be written as things stand: kept with the reason, listed, retried, dropped."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from crm_sms.ledger import inbox
from crm_sms.ledger.outbox import UNPLANNED, lock_rows
from crm_sms.ledger.storable import storable_text
from crm_sms.ledger.store import Ledger
from crm_sms.ledger.tables import outbox
from crm_sms.records import Lane, Reason, State


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that could not even be planned; `record` says which of its message's, for a screen
    too: it is parked once."""

    record: str
    message_id: int
    detail: str

    @property
    def place(self) -> tuple[str, str, Lane]:
        """Where in the outbox it is parked."""
        return UNPLANNED, f"{self.record}:{self.message_id}", Lane.TIMELINE


def park(
    ledger: Ledger, connection: Connection, crm: str, refused: Sequence[Refused], now: datetime
) -> None:
    """Keep what could not be planned as a parked row; a retry plans its message again."""
    rows = [
        {
            "crm": crm,
            "object": object_name,
            "key": key,
            "lane": int(lane),
            "partition": "",
            "fields": {},
            "starred": [],
            "message_id": one.message_id,
            "state": State.PARKED,
            "reason": Reason.SETUP,
            "detail": storable_text(one.detail),
            "created_at": now,
            "due_at": now,
            "not_before": now,
        }
        for one in refused
        for object_name, key, lane in [one.place]
    ]
    if rows:
        statement = ledger.insert(outbox)
        statement = statement.on_conflict_do_update(
            index_elements=["crm", "object", "key", "lane"],
            set_={"detail": statement.excluded.detail},
        )
        connection.execute(statement, rows)


@dataclass(frozen=True, slots=True)
class Parked:
    """One parked row as a screen shows it."""

    id: int
    crm: str
    object: str
    key: str
    lane: Lane
    reason: Reason
    detail: str
    since: datetime
    tries: int


def parked(
    connection: Connection, *, crm: str | None = None, reason: Reason | None = None
) -> list[Parked]:
    """Parked rows, the most urgent lane first, then the oldest."""
    query = select(outbox).where(outbox.c.state == State.PARKED)
    if crm:
        query = query.where(outbox.c.crm == crm)
    if reason:
        query = query.where(outbox.c.reason == reason)
    return [
        Parked(
            row.id,
            row.crm,
            row.object,
            row.key,
            Lane(row.lane),
            Reason(row.reason),
            row.detail or "",
            row.created_at,
            row.tries,
        )
        for row in connection.execute(query.order_by(outbox.c.lane, outbox.c.created_at))
    ]


def retry(ledger: Ledger, connection: Connection, ids: Collection[int], now: datetime) -> int:
    """Have parked rows written again, planned anew from their messages; how many there were.

    At most a slice at a time: this holds them all until its commit.
    What could not be planned leaves the outbox: its message returns to the inbox.
    """
    lock_rows(connection, ids)
    here = (outbox.c.id.in_(ids), outbox.c.state == State.PARKED)
    found = connection.execute(select(outbox.c.id, outbox.c.message_id).where(*here)).all()
    messages = {row.message_id for row in found if row.message_id is not None}
    connection.execute(delete(outbox).where(*here, outbox.c.object == UNPLANNED))
    connection.execute(
        update(outbox)
        .where(*here)
        .values(state=State.WAITING, tries=0, reason=None, detail=None, due_at=now, not_before=now)
    )
    inbox.put_back(ledger, connection, messages, now)
    return len(found)


def drop(connection: Connection, ids: Collection[int]) -> int:
    """Give parked rows up for good, at most a slice at a time; how many there were. Their texts
    stay in the ledger."""
    lock_rows(connection, ids)
    result = connection.execute(
        delete(outbox).where(outbox.c.id.in_(ids), outbox.c.state == State.PARKED)
    )
    return result.rowcount


def drop_some_of(connection: Connection, crm: str, most: int) -> int:
    """Give at most so many rows of one CRM up for good, parked or not; how many there were."""
    query = select(outbox.c.id).where(outbox.c.crm == crm).order_by(outbox.c.id).limit(most)
    ids = list(connection.execute(query).scalars())
    lock_rows(connection, ids)
    connection.execute(delete(outbox).where(outbox.c.id.in_(ids)))
    return len(ids)
