"""When a CRM came, and which texts were here before it: its records of those are made with care.
So are those of texts from before the ledger was restored."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, exists, func, select, update

from crm_sms.ledger.notes import note, put_note
from crm_sms.ledger.outbox import lock_rows
from crm_sms.ledger.planned import UNTRIED
from crm_sms.ledger.restored import restored_at
from crm_sms.ledger.store import Ledger
from crm_sms.ledger.tables import crm_records, messages, outbox
from crm_sms.records import State


@dataclass(frozen=True, slots=True)
class Arrival:
    """A CRM came at this instant; `last` is the newest message that was processed before."""

    at: datetime
    last: int


def put_arrival(ledger: Ledger, connection: Connection, crm: str, now: datetime) -> None:
    """Note that this CRM came now. The lock "mirror" must be held."""
    last = connection.execute(select(func.max(messages.c.id))).scalar_one() or 0
    put_note(ledger, connection, f"arrival:{crm}", {"at": now.isoformat(), "last": last})


def arrival(connection: Connection, crm: str) -> Arrival | None:
    """When this CRM came, if that was noted."""
    found = note(connection, f"arrival:{crm}")
    return Arrival(datetime.fromisoformat(found["at"]), found["last"]) if found else None


def doubt(connection: Connection, crm: str, message_ids: Collection[int]) -> None:
    """Records of texts that were here before this CRM may be in it, written under another name, and
    those of texts from before the ledger was restored, written by the ledger that is lost, as far
    as it has not told us of them: they are looked up before one is made."""
    came = arrival(connection, crm)
    older = {id for id in message_ids if came and id <= came.last}
    if restored := restored_at(connection, crm):
        then = (messages.c.id.in_(message_ids), messages.c.occurred_at <= restored)
        older.update(connection.execute(select(messages.c.id).where(*then)).scalars())
    if older:
        _doubt(connection, crm, and_(outbox.c.message_id.in_(older), UNTRIED))


def doubt_waiting(connection: Connection, crm: str, most: int) -> int:
    """The same of so many of the records that wait for a CRM; how many there were."""
    return _doubt(connection, crm, outbox.c.holder.is_(None), most)


def _doubt(
    connection: Connection, crm: str, which: ColumnElement[bool], most: int | None = None
) -> int:
    here = outbox.c
    told = exists().where(
        crm_records.c.crm == here.crm,
        crm_records.c.object == here.object,
        crm_records.c.key == here.key,
    )
    ours = (here.crm == crm, which, here.key_field.is_not(None), here.maybe.is_(False))
    query = select(here.id).where(*ours, here.state == State.WAITING, ~told)
    ids = list(connection.execute(query.order_by(here.id).limit(most)).scalars())
    lock_rows(connection, ids)
    connection.execute(update(outbox).where(here.id.in_(ids)).values(maybe=True))
    return len(ids)
