"""How fast one CRM is written to, and when it is left alone; kept in the ledger between runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from crm_sms.delivery.pace import Pace
from crm_sms.ledger.notes import note, put_note
from crm_sms.records import Usage
from crm_sms.use_cases.deliver.words import Delivery

_USAGE_HOLDS = timedelta(minutes=15)
"""How long a CRM's word on its quota is believed. Calls come back as time passes, but it says so
only when it is called, and with little left nothing but an opt-out would call it."""


@dataclass(frozen=True, slots=True)
class Throttle:
    """What the last requests to a CRM taught: the pace, until when to pause and why, its usage at
    `at`."""

    pace: Pace
    until: datetime | None = None
    why: str = ""
    usage: Usage | None = None
    at: datetime | None = None

    def usage_now(self, now: datetime) -> Usage | None:
        """The usage, while it can still be believed."""
        return self.usage if self.at and now - self.at < _USAGE_HOLDS else None

    def told(self, usage: Usage | None, at: datetime) -> Throttle:
        """The same after an answer of the CRM; None if it did not speak of its usage."""
        return replace(self, usage=usage, at=at) if usage else self


def last_throttle(delivery: Delivery) -> Throttle:
    """What is known of this CRM; at the beginning, full pace."""
    with delivery.ledger.read() as connection:
        found = note(connection, f"throttle:{delivery.name}")
    if not found:
        return Throttle(Pace.start(delivery.crm.limits))
    return Throttle(
        Pace(found["rows"], found["failures"]),
        _instant(found["until"]),
        found["why"],
        Usage(*found["usage"]) if found["usage"] else None,
        _instant(found["at"]),
    )


@dataclass(frozen=True, slots=True)
class Pause:
    """Until when a CRM is left alone, and why."""

    until: datetime
    why: str


def last_pause(connection: Connection, name: str) -> Pause | None:
    """The pause that the last request to this CRM ended with, which may be over; None if it ended
    well."""
    found = note(connection, f"throttle:{name}")
    until = _instant(found["until"]) if found else None
    return Pause(until, found["why"]) if found and until else None


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def put_throttle(delivery: Delivery, connection: Connection, throttle: Throttle) -> None:
    """Keep it, with what a request taught, in the commit that settles that request."""
    usage, until, at = throttle.usage, throttle.until, throttle.at
    value = {
        "rows": throttle.pace.rows,
        "failures": throttle.pace.failures,
        "until": until.isoformat() if until else None,
        "why": throttle.why,
        "usage": [usage.used, usage.limit] if usage else None,
        "at": at.isoformat() if at else None,
    }
    put_note(delivery.ledger, connection, f"throttle:{delivery.name}", value)
