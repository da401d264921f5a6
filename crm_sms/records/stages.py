"""How an opportunity came to where it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter


@dataclass(frozen=True, slots=True)
class Stage:
    """How an opportunity stood from `at` on, until its next one.

    `closed` and `won` are what the CRM says of a stage of this name at the time of the pull, None
    where it does not tell. Whether the opportunity was deleted later is said by the opportunity.
    """

    id: str
    opportunity_id: str
    at: datetime
    modified_at: datetime
    stage: str | None = None
    amount: float | None = None
    close_date: date | None = None
    probability: float | None = None
    closed: bool | None = None
    won: bool | None = None


def collapsed(stages: Iterable[Stage]) -> list[Stage]:
    """The history of one opportunity, oldest first, without rows that changed nothing: not the
    stage, the amount, the close date or the probability. A CRM may keep such rows.

    In any order, the same rows give the same history.
    """
    kept: list[Stage] = []
    for stage in sorted(stages, key=attrgetter("at", "id")):
        if not kept or _state(stage) != _state(kept[-1]):
            kept.append(stage)
    return kept


_state = attrgetter("stage", "amount", "close_date", "probability")
