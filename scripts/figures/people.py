"""How fast everybody comes into an empty mirror, in how many calls and how much memory."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import requests

from crm_sms.bootstrap import installation, syncing
from crm_sms.clock import machine_clock
from crm_sms.ledger import schema
from crm_sms.sandbox.server import spawned
from crm_sms.testing.world import CRM
from crm_sms.use_cases.sync_people import sync_people
from crm_sms_salesforce import bulk
from figures.machine import memory_mb
from figures.plain import plain_inserts
from figures.receive import aim_at, seed

PEOPLE, QUICK_PEOPLE = 100_000, 10_000
MILLION = 1_000_000
MOST_CALLS = 600
_PART = "people:Contact"
_DAYS = timedelta(days=7)
_WRITTEN = ("people", "phones")
"""Tables that a pull fills."""
_WAYS = {"rest": MILLION, "bulk": 1}
"""From how many rows on a query job is made: never, and always."""


def measure(folder: Path, quick: bool) -> Mapping[str, Any]:
    """See docs/figures.md."""
    return of_people(folder, QUICK_PEOPLE if quick else PEOPLE)


def of_people(folder: Path, people: int) -> Mapping[str, Any]:
    """The first pull of so many contacts, by pages and by a query job."""
    with spawned() as box:
        # Made over a week: a pull that looks back a few minutes brings hardly anybody again.
        box.clock.set(machine_clock() - _DAYS)
        seed(box.url, people, between=lambda: box.clock.advance(_DAYS.total_seconds() / 20))
        taken = {way: _pulled(folder / way, box.url, people, most) for way, most in _WAYS.items()}
    calls = {way: one["calls_for_a_million"] for way, one in taken.items()}
    found = {f"{way}_{name}": value for way, one in taken.items() for name, value in one.items()}
    return {
        "people": people,
        **found,
        "calls_for_a_million_most": MOST_CALLS,
        "binding_met": max(calls.values()) <= MOST_CALLS,
    }


def _pulled(folder: Path, url: str, people: int, from_rows: int) -> dict[str, Any]:
    folder.mkdir()
    aim_at(folder, url)
    # A process of its own, so that its memory is what a pull needs and nothing else.
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        taken = pool.submit(_pull, folder, people, from_rows).result()
    database = folder / "crm-sms.db"
    plain = plain_inserts(database, folder / "plain", _WRITTEN, taken.pop("transactions"))
    return {
        **taken,
        "yardstick_rows_per_s": round(plain["rows"] / plain["seconds"]),
        "seconds_per_yardstick_second": round(taken["outside_s"] / plain["seconds"], 1),
    }


def _pull(folder: Path, people: int, from_rows: int) -> dict[str, Any]:
    bulk.FROM_ROWS = from_rows
    waiting = _Waiting()
    heard: list[_Heard] = []
    with closing(installation(folder, {})) as app:
        schema.upgrade(app.ledger)
        one = syncing(app, CRM)
        started, worked = time.perf_counter(), time.process_time()
        report = sync_people(
            one,
            progress=lambda part, done, total: heard.append(
                _Heard(part, done, memory_mb(), one.crm.calls)
            ),
        )
        outside = time.perf_counter() - started - waiting.seconds
        worked = time.process_time() - worked
    assert report.rows[_PART] == people
    theirs = [one for one in heard if one.part == _PART]
    calls = theirs[-1].calls - theirs[0].calls + 1
    return {
        "outside_s": round(outside, 2),
        "people_per_s": round(people / outside),
        "cpu_s": round(worked, 2),
        "minutes_for_a_million": round(outside * MILLION / people / 60, 1),
        "calls": report.calls,
        "calls_for_a_million": report.calls - calls + round(calls * MILLION / people),
        "memory_mb_at_a_tenth": round(next(one.mb for one in theirs if one.done >= people / 10)),
        "memory_mb_at_the_end": round(theirs[-1].mb),
        "transactions": len(heard),
    }


class _Heard(NamedTuple):
    """What a page left behind."""

    part: str
    done: int
    mb: float
    calls: int


class _Waiting:
    """Counts the seconds in which the client waits for the sandbox."""

    def __init__(self) -> None:
        self.seconds = 0.0
        requests.Session.send = self._timed(requests.Session.send)  # type: ignore[method-assign]
        bulk._sleep = self._timed(bulk._sleep)

    def _timed(self, call: Any) -> Any:
        def timed(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                self.seconds += time.perf_counter() - started

        return timed
