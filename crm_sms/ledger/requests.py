"""An account of every attempt to write to a CRM."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, update

from crm_sms.ledger.tables import requests
from crm_sms.records import Verdict


def open_request(connection: Connection, crm: str, worker: str, rows: int, now: datetime) -> str:
    """Note that a worker is about to write; the answer is a holder that no other request has."""
    statement = (
        requests.insert()
        .values(crm=crm, worker=worker, started_at=now, rows=rows)
        .returning(requests.c.id)
    )
    return str(connection.execute(statement).scalar_one())


def close_request(
    connection: Connection, holder: str, calls: int, verdicts: Sequence[Verdict], now: datetime
) -> None:
    """Note what became of it."""
    statement = (
        update(requests)
        .where(requests.c.id == int(holder))
        .values(
            ended_at=now,
            calls=calls,
            done=verdicts.count(Verdict.DONE),
            unclear=verdicts.count(Verdict.MAYBE),
            parked=verdicts.count(Verdict.PARK),
        )
    )
    connection.execute(statement)
