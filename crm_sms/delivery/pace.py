"""How many rows a request carries: as many as the CRM takes, fewer after it struggled."""

from __future__ import annotations

from dataclasses import dataclass

from crm_sms.ports import CrmLimits

_GROWTH = 1.25


@dataclass(frozen=True, slots=True)
class Pace:
    """The size of requests while the CRM answers them, how often in a row it did not, and the most
    that the next one may carry for that."""

    rows: int
    failures: int = 0
    most: int | None = None

    @staticmethod
    def start(limits: CrmLimits) -> Pace:
        """As many rows as a request may carry."""
        return Pace(limits.rows_per_request)

    @property
    def size(self) -> int:
        """How many rows the next request carries."""
        return self.rows if self.most is None else min(self.rows, self.most)

    def after(
        self,
        limits: CrmLimits,
        *,
        carried: int,
        elapsed_s: float,
        struggled: bool,
        unanswered: bool,
    ) -> Pace:
        """After a request with `carried` rows: half of them after a time-out or an exhausted CPU, a
        quarter more while calls are quick.

        No answer may be one row's doing, so the next request carries half as well, until one is
        answered. A request of one row says nothing of the size.
        """
        half = max(limits.least_rows, carried // 2)
        slow = elapsed_s >= limits.slow_s
        rows = self.rows
        if struggled or (unanswered and slow):
            rows = min(rows, half) if carried > 1 else rows
        elif not (unanswered or slow):
            rows = min(limits.rows_per_request, int(rows * _GROWTH) + 1)
        return Pace(rows, self.failures + 1, half) if unanswered else Pace(rows)

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
