"""What the play leaves for those who judge it, and the stopwatch of its last day."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from crm_sms.demo.stage import Stage


@dataclass(slots=True)
class Played:
    """What the play left for those who judge it: the provider's ids by the script's names, calls
    of our clients, and how long replies of the last day took to become tasks, in seconds."""

    sids: dict[str, str] = field(default_factory=dict)
    backlog_records: int = 0
    backlog_calls: int = 0
    api_calls: int = 0
    mirror_calls: int = 0
    outage_attempts: int = 0
    forged: int = 0
    forged_refused: int = 0
    simulated_s: list[float] = field(default_factory=list)
    real_s: list[float] = field(default_factory=list)


class Stopwatch:
    """How long from a reply to its task: on the simulated clock, and of the machine's time while
    the simulated one stood."""

    def __init__(self, stage: Stage, played: Played) -> None:
        self._stage, self._played = stage, played
        self._open: dict[str, tuple[datetime, float]] = {}
        self._began = 0.0
        self._busy = 0.0

    def start(self) -> None:
        """An instant begins."""
        self._began = time.perf_counter()

    def stop(self, keys: Sequence[str]) -> None:
        """An instant ends: replies came in during it, whose tasks would have these keys; tasks
        that are there by now stop theirs."""
        before, now = self._busy, self._stage.world.now
        self._busy += time.perf_counter() - self._began
        self._open |= dict.fromkeys(keys, (now, before))
        for task in self._stage.world.tasks() if self._open else ():
            if task["SMS_Key__c"] in self._open:
                at, since = self._open.pop(task["SMS_Key__c"])
                self._played.simulated_s.append((now - at).total_seconds())
                self._played.real_s.append(self._busy - since)
