"""Whether the ledger knows all that it wrote to a CRM: one restored from a backup does not, until
somebody says that what it lacks was fetched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from crm_sms.ledger.notes import forget_note, note, put_note
from crm_sms.ledger.store import Ledger
from crm_sms.ledger.tables import requests

_LAST = 100
"""Turns that are looked at: no two workers have so many under way."""


@dataclass(frozen=True, slots=True)
class Behind:
    """A CRM holds a write of ours made at `newest`, and the ledger knows of none after `known`
    (None: of none at all). Both by the CRM's clock."""

    newest: datetime
    known: datetime | None


def last_delivery(connection: Connection, crm: str, lease: timedelta) -> datetime | None:
    """Until when this ledger can have written to the CRM, by the CRM's clock as its answers told
    it; None if it never wrote. A turn that was not brought to its end counts with its whole lease.

    Of a CRM that is new by its name, until when it wrote to any: the name may be all that is new.
    """
    turns = _turns(connection, crm) or _turns(connection, None)
    answered = next((turn for turn in turns if turn.crm_at and turn.ended_at), None)
    ahead = answered.crm_at - answered.ended_at if answered else timedelta(0)
    ends = [turn.crm_at or (turn.ended_at or turn.started_at + lease) + ahead for turn in turns]
    if at := restored_at(connection, crm):
        ends.append(at + ahead)
    return max(ends, default=None)


def _turns(connection: Connection, crm: str | None) -> list[Any]:
    query = select(requests).order_by(requests.c.id.desc()).limit(_LAST)
    if crm is not None:
        query = query.where(requests.c.crm == crm)
    return list(connection.execute(query))


def behind(connection: Connection, crm: str) -> Behind | None:
    """What delivery found this ledger to lack; None if nothing is known of."""
    found = note(connection, f"behind:{crm}")
    if not found:
        return None
    known = found["known"]
    return Behind(
        datetime.fromisoformat(found["newest"]), datetime.fromisoformat(known) if known else None
    )


def put_behind(ledger: Ledger, connection: Connection, crm: str, found: Behind) -> None:
    """From here on nothing is written to this CRM, by nobody."""
    known = found.known.isoformat() if found.known else None
    put_note(
        ledger, connection, f"behind:{crm}", {"newest": found.newest.isoformat(), "known": known}
    )


def forget_behind(connection: Connection, crm: str) -> None:
    """The CRM is written to again."""
    forget_note(connection, f"behind:{crm}")


def restored_at(connection: Connection, crm: str) -> datetime | None:
    """When somebody last said that the ledger was restored and has what it lacked."""
    found = note(connection, f"restored:{crm}")
    return datetime.fromisoformat(found) if found else None


def put_restored(ledger: Ledger, connection: Connection, crm: str, now: datetime) -> None:
    """Texts up to now may have records in the CRM of which the ledger does not know."""
    put_note(ledger, connection, f"restored:{crm}", now.isoformat())
