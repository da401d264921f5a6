"""How much waits for a CRM, counted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from crm_sms.ledger.tables import outbox
from crm_sms.records import Lane, State


@dataclass(frozen=True, slots=True)
class Queue:
    """One CRM's lane: rows that wait, of those the ones whose turn has come, and rows that are
    written but will be written once more when no late writer can be under way."""

    lane: str
    waiting: int
    due: int
    settling: int
    oldest: datetime | None


def queues(connection: Connection, crm: str, now: datetime) -> list[Queue]:
    """Every lane, the most urgent first; parked rows are left out."""
    here = outbox.c
    query = (
        select(
            here.lane,
            func.count().filter(here.state == State.WAITING),
            func.count().filter(here.due_at <= now, here.not_before <= now),
            func.count().filter(here.state == State.SETTLING),
            func.min(here.created_at).filter(here.state == State.WAITING),
        )
        .where(here.crm == crm, here.state != State.PARKED)
        .group_by(here.lane)
    )
    found = {row[0]: row[1:] for row in connection.execute(query)}
    return [Queue(lane.name.lower(), *found.get(lane, (0, 0, 0, None))) for lane in Lane]


def parked_by_reason(connection: Connection, crm: str) -> dict[str, int]:
    """How many rows are parked."""
    here = outbox.c
    query = (
        select(here.reason, func.count())
        .where(here.crm == crm, here.state == State.PARKED)
        .group_by(here.reason)
        .order_by(here.reason)
    )
    return {reason: rows for reason, rows in connection.execute(query)}
