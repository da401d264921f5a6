"""How fast each CRM is written to, and when it is left alone, between runs and workers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from crm_sms.delivery.pace import Pace
from crm_sms.delivery.throttle import Throttle
from crm_sms.ledger.notes import note, put_note
from crm_sms.ledger.store import Ledger
from crm_sms.records import Usage


def last_throttle(connection: Connection, crm: str) -> Throttle | None:
    """What the last requests to this CRM taught; None if there was none."""
    found = note(connection, f"throttle:{crm}")
    if not found:
        return None
    return Throttle(
        Pace(found["rows"], found["failures"], found.get("most")),
        _instant(found["until"]),
        found["why"],
        Usage(*found["usage"]) if found["usage"] else None,
        _instant(found["at"]),
    )


def put_throttle(ledger: Ledger, connection: Connection, crm: str, throttle: Throttle) -> None:
    """Keep it, with what a request taught, in the commit that settles that request."""
    usage, until, at = throttle.usage, throttle.until, throttle.at
    value = {
        "rows": throttle.pace.rows,
        "failures": throttle.pace.failures,
        "most": throttle.pace.most,
        "until": until.isoformat() if until else None,
        "why": throttle.why,
        "usage": [usage.used, usage.limit] if usage else None,
        "at": at.isoformat() if at else None,
    }
    put_note(ledger, connection, f"throttle:{crm}", value)


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


@dataclass(frozen=True, slots=True)
class Pause:
    """Until when a CRM is left alone, and why."""

    until: datetime
    why: str


def pause_at(connection: Connection, crm: str, now: datetime) -> Pause | None:
    """The pause that the last request to this CRM ended with; None if it is over."""
    found = last_throttle(connection, crm)
    until = found.pause_at(now) if found else None
    return Pause(until, found.why) if found and until else None
