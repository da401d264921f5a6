"""What the last requests to a CRM taught: how fast to write to it, and when to leave it alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from crm_sms.delivery.pace import Pace

LONGEST_PAUSE = timedelta(minutes=15)
"""A CRM is asked again after this, whatever it said. A pause that is longer was set by a clock that
has gone back since."""


@dataclass(frozen=True, slots=True)
class Throttle:
    """The pace, and until when to pause and why."""

    pace: Pace
    until: datetime | None = None
    why: str = ""

    def pause_at(self, now: datetime) -> datetime | None:
        """Until when the CRM is left alone; None if it need not be."""
        paused = self.until is not None and now < self.until <= now + LONGEST_PAUSE
        return self.until if paused else None

    def resting(self, now: datetime, pause_s: float, why: str) -> Throttle:
        """The same with the CRM left alone for so long; without a pause nothing is said of why."""
        if not pause_s:
            return replace(self, until=None, why="")
        pause = min(timedelta(seconds=pause_s), LONGEST_PAUSE)
        return replace(self, until=now + pause, why=why)
