"""How many rows a request carries: as many as the CRM takes, fewer after it struggled."""

from __future__ import annotations

from dataclasses import dataclass, replace

from crm_sms.ports import CrmLimits

_GROWTH = 1.25


@dataclass(frozen=True, slots=True)
class Pace:
    """The size of the next request, and how often in a row the CRM did not answer."""

    rows: int
    failures: int = 0

    @staticmethod
    def start(limits: CrmLimits) -> Pace:
        """As many rows as a request may carry."""
        return Pace(limits.rows_per_request)

    def after(
        self, limits: CrmLimits, *, elapsed_s: float, struggled: bool, unanswered: bool
    ) -> Pace:
        """Half after a time-out or an exhausted CPU; a quarter more while calls are quick."""
        failures = self.failures + 1 if unanswered else 0
        if struggled:
            return Pace(max(limits.least_rows, self.rows // 2), failures)
        if unanswered or elapsed_s >= limits.slow_s:
            return replace(self, failures=failures)
        return Pace(min(limits.rows_per_request, int(self.rows * _GROWTH) + 1), failures)

    @property
    def pause_s(self) -> float:
        """How long to leave the CRM alone: 1, 2, 4 … 60 s while it does not answer."""
        # The exponent is bounded: after a thousand failures 2.0 ** n is no float any more.
        return min(60.0, 2.0 ** min(self.failures - 1, 6)) if self.failures else 0.0


def back_off_s(tries: int, jitter: float) -> float:
    """Seconds until a row is tried again: 1, 2, 4 … 300, each between half and whole.

    `jitter` is between 0 and 1; it keeps rows that failed on one lock from meeting there again.
    """
    return min(300.0, 2.0 ** min(tries, 9)) * (0.5 + jitter / 2)
