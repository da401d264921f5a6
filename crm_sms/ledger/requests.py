"""An account of every turn that a worker took at writing to a CRM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update

from crm_sms.ledger.tables import requests
from crm_sms.records import Verdict


@dataclass(frozen=True, slots=True)
class LastRequest:
    """The last attempt to write to a CRM; without `ended_at` it is under way or was cut off."""

    started_at: datetime
    ended_at: datetime | None
    rows: int
    done: int | None
    unclear: int | None
    parked: int | None


def open_request(connection: Connection, crm: str, worker: str, rows: int, now: datetime) -> str:
    """Note that a worker is about to write; the answer is a holder that no other request has."""
    statement = (
        requests.insert()
        .values(crm=crm, worker=worker, started_at=now, rows=rows)
        .returning(requests.c.id)
    )
    return str(connection.execute(statement).scalar_one())


def close_request(
    connection: Connection,
    holder: str,
    calls: int,
    verdicts: Sequence[Verdict],
    now: datetime,
    crm_at: datetime | None = None,
) -> None:
    """Add what became of its rows, or of some of them; `crm_at` is when the CRM answered by its own
    clock."""
    more = {
        "calls": calls,
        "done": verdicts.count(Verdict.DONE),
        "unclear": verdicts.count(Verdict.MAYBE),
        "parked": verdicts.count(Verdict.PARK),
    }
    values: dict[str, Any] = {
        name: func.coalesce(requests.c[name], 0) + count for name, count in more.items()
    }
    if crm_at:
        values["crm_at"] = crm_at
    statement = update(requests).where(requests.c.id == int(holder))
    connection.execute(statement.values(ended_at=now, **values))


def last_request(connection: Connection, crm: str) -> LastRequest | None:
    """The one that was opened last; None before the first."""
    query = select(requests).where(requests.c.crm == crm).order_by(requests.c.id.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return LastRequest(row.started_at, row.ended_at, row.rows, row.done, row.unclear, row.parked)
