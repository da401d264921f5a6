"""The whole demo: write the script, play it, judge it, and keep it running if asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from crm_sms.demo import script as scripts
from crm_sms.demo.check import judge
from crm_sms.demo.naive import measure
from crm_sms.demo.play import Tell, play
from crm_sms.demo.played import Played
from crm_sms.demo.result import Result, result, written_rows
from crm_sms.demo.stage import CLOCK_FILE, Ports, Stage, standing
from crm_sms.demo.words import DAYS, Script
from crm_sms.engine.wake import wake_of
from crm_sms.engine.worker import Worker


@dataclass(frozen=True, slots=True)
class Performance:
    """A demo that was played; everything still stands."""

    stage: Stage
    script: Script
    played: Played
    result: Result


@contextmanager
def performed(
    folder: Path, people: int, seed: int, today: datetime, tell: Tell, ports: Ports
) -> Iterator[Performance]:
    """Play the fortnight that ended with the last midnight before `today`, in `folder`.

    Raises BadSettings if a port is taken.
    """
    began = time.perf_counter()
    script = scripts.write(people, seed)
    end = today.replace(hour=0, minute=0, second=0, microsecond=0)
    with standing(folder, script, end - timedelta(days=DAYS), ports) as stage:
        played = play(stage, script, tell)
        judged = judge(stage, script, played)
        alone = measure(written_rows(judged.observed))
        elapsed = time.perf_counter() - began
        found = result(script, seed, played, judged, alone, elapsed)
        yield Performance(stage, script, played, found)


@contextmanager
def living(stage: Stage) -> Iterator[None]:
    """Real time from here on, with a worker: sandbox and web service go on by themselves."""
    stage.box.twilio.clear_faults()
    (stage.folder / CLOCK_FILE).unlink()
    worker = Worker(stage.app, wake_of(stage.app.ledger))
    worker.start()
    try:
        yield
    finally:
        worker.stop()
