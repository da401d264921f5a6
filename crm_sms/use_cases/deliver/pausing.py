"""How fast one CRM is written to, and when it is left alone; kept in the ledger between runs."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from crm_sms.delivery.pace import Pace
from crm_sms.ledger.notes import note, put_note
from crm_sms.use_cases.deliver.words import Delivery


def last_pace(delivery: Delivery) -> tuple[Pace, datetime | None]:
    with delivery.ledger.read() as connection:
        found = note(connection, f"pace:{delivery.name}")
    if not found:
        return Pace.start(delivery.crm.limits), None
    until = datetime.fromisoformat(found["until"]) if found["until"] else None
    return Pace(found["rows"], found["failures"]), until


def put_pace(
    delivery: Delivery, connection: Connection, pace: Pace, until: datetime | None
) -> None:
    value = {
        "rows": pace.rows,
        "failures": pace.failures,
        "until": until.isoformat() if until else None,
    }
    put_note(delivery.ledger, connection, f"pace:{delivery.name}", value)
