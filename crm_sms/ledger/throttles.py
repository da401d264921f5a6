"""How fast each CRM is written to, when it is left alone, and what it said of its quota: kept
between runs and workers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from crm_sms.delivery.pace import Pace
from crm_sms.delivery.throttle import Throttle
from crm_sms.delivery.windows import USAGE_HOLDS
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
    )


def put_throttle(ledger: Ledger, connection: Connection, crm: str, throttle: Throttle) -> None:
    """Keep it, with what a request taught, in the commit that settles that request."""
    until = throttle.until
    value = {
        "rows": throttle.pace.rows,
        "failures": throttle.pace.failures,
        "most": throttle.pace.most,
        "until": until.isoformat() if until else None,
        "why": throttle.why,
    }
    put_note(ledger, connection, f"throttle:{crm}", value)


def usage_at(connection: Connection, crm: str, now: datetime) -> Usage | None:
    """What this CRM said last of its quota; None if that was too long ago."""
    found = note(connection, f"usage:{crm}")
    if not found or abs(now - datetime.fromisoformat(found["at"])) >= USAGE_HOLDS:
        return None
    return Usage(found["used"], found["limit"])


def put_usage(
    ledger: Ledger, connection: Connection, crm: str, usage: Usage | None, now: datetime
) -> None:
    """Keep what this CRM has just said; None if it said nothing."""
    if usage:
        value = {"used": usage.used, "limit": usage.limit, "at": now.isoformat()}
        put_note(ledger, connection, f"usage:{crm}", value)


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
