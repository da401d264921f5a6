"""A ledger that was restored from a backup: what to do, and saying that it was done."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection

from crm_sms.ledger import Ledger
from crm_sms.ledger.arrivals import doubt_waiting
from crm_sms.ledger.restored import Behind, behind, forget_behind, put_restored
from crm_sms.ledger.slices import MOST


def what_to_do(crm: str, found: Behind, now: datetime) -> str:
    """What delivery found, and the remedy."""
    known = f"is of {_shown(found.known)}" if found.known else "is none"
    days = 2 + (now - found.known) // timedelta(days=1) if found.known else 30
    return (
        f"{crm} holds a text that we wrote at {_shown(found.newest)}, and the last write that the "
        f"ledger knows of {known}: it was restored from a backup. Nothing is written there until "
        f"you run crm-sms sync provider --since {days}d, and then crm-sms db restored "
        "(docs/backup.md)"
    )


def what_it_lacks(connection: Connection, crm: str, now: datetime) -> str:
    """The same if delivery found the ledger to be older than this CRM, else nothing."""
    found = behind(connection, crm)
    return what_to_do(crm, found, now) if found else ""


def _shown(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"


def restored(ledger: Ledger, crms: Collection[str], now: datetime) -> dict[str, int]:
    """What the ledger lacked was fetched: have these CRMs written to again. By CRM, how many of
    the records that wait are looked up before they are written.

    Safe to repeat and to cut off: a CRM is written to again only when all of its rows are doubted.
    """
    return {crm: _restored(ledger, crm, now) for crm in crms}


def _restored(ledger: Ledger, crm: str, now: datetime) -> int:
    with ledger.write("restored") as connection:
        # Excludes processors: what one plans from here on is doubted as it is planned.
        ledger.lock(connection, ["mirror"])
        put_restored(ledger, connection, crm, now)
    count, last = 0, MOST
    while last == MOST:
        with ledger.write("restored", give_way=True) as connection:
            # Excludes whoever claims: a row must not leave while it is about to be doubted.
            ledger.lock(connection, [f"claim:{crm}"])
            last = doubt_waiting(connection, crm, MOST)
        count += last
    with ledger.write("restored") as connection:
        forget_behind(connection, crm)
    return count
