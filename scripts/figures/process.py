"""How fast a backlog becomes desired records, and in how much memory."""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from itertools import accumulate, islice, pairwise
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

from crm_sms.bootstrap import installation, processing
from crm_sms.clock import machine_clock
from crm_sms.ledger import schema
from crm_sms.testing.world import CRM, install
from crm_sms.use_cases.process import process
from figures import load
from figures.machine import sampled_memory
from figures.plain import UNUSED, plain_inserts

BACKLOG, QUICK_BACKLOG = 1_000_000, 20_000
_TEXTS_PER_S = 10.0
_WRITTEN = ("messages", "message_data", "message_aliases", "conversations", "matches", "outbox")
"""Tables that processing fills."""


def measure(folder: Path, quick: bool) -> Mapping[str, Any]:
    """See docs/figures.md."""
    return of_backlog(folder, QUICK_BACKLOG if quick else BACKLOG)


def of_backlog(folder: Path, events: int, people: int = load.PEOPLE) -> Mapping[str, Any]:
    """The figure for a backlog of so many events and so many people in the mirror."""
    prepare(folder, events, people)
    # A process of its own, so that its memory is what processing needs and nothing else.
    with (
        ProcessPoolExecutor(1, get_context("spawn")) as pool,
        sampled_memory(pool.submit(os.getpid).result()) as memory,
    ):
        taken = pool.submit(_drain, folder).result()
    plain = plain_inserts(folder / "crm-sms.db", folder / "plain", _WRITTEN, taken["transactions"])
    rate = events / taken["seconds"]
    third = max(1, len(memory) // 3)
    return {
        "events": events,
        "people": people,
        "events_per_s": round(rate),
        "events_per_s_goal": 5000,
        "first_half_events_per_s": round(taken["first_half"]),
        "second_half_events_per_s": round(taken["second_half"]),
        "messages": taken["messages"],
        "records": taken["records"],
        "transactions": taken["transactions"],
        "transaction_ms_median": round(1000 * taken["median_s"], 1),
        "rows_written": plain["rows"],
        "yardstick_rows_per_s": round(plain["rows"] / plain["seconds"]),
        "seconds_per_yardstick_second": round(taken["seconds"] / plain["seconds"], 1),
        "memory_mb_most": round(max(memory)),
        "memory_mb_goal": 500,
        "memory_mb_middle_third": round(max(memory[third : 2 * third] or memory)),
        "memory_mb_last_third": round(max(memory[-third:])),
    }


def prepare(folder: Path, events: int, people: int, public_url: str = "http://127.0.0.1:1") -> None:
    """An installation in `folder` with a filled mirror and a backlog; it never calls a CRM."""
    install(folder, public_url, UNUSED, {load.ACCOUNT: load.TOKEN})
    with closing(installation(folder, {})) as app:
        schema.upgrade(app.ledger)
        now = machine_clock()
        load.fill_mirror(app, CRM, now, people)
        start = load.start_of(now, events, _TEXTS_PER_S)
        load.store(
            app, islice(load.traffic(load.ACCOUNT, start, _TEXTS_PER_S, people), events), now
        )


def _drain(folder: Path) -> dict[str, float]:
    with closing(installation(folder, {})) as app:
        prepared = processing(app)
        started = time.perf_counter()
        batches: list[tuple[float, int]] = []
        report = process(
            prepared,
            progress=lambda events: batches.append((time.perf_counter() - started, events)),
        )
    return {"messages": report.messages, "records": report.records, **_speeds(batches)}


def _speeds(batches: list[tuple[float, int]]) -> dict[str, float]:
    """Of batches, each given as when it ended and how many events it took."""
    ends = [0.0, *(at for at, _ in batches)]
    done = list(accumulate(events for _, events in batches))
    middle = bisect_left(done, done[-1] / 2)
    return {
        "seconds": ends[-1],
        "first_half": done[middle] / ends[middle + 1],
        "second_half": (done[-1] - done[middle]) / max(ends[-1] - ends[middle + 1], 0.001),
        "transactions": len(batches),
        "median_s": median(after - before for before, after in pairwise(ends)),
    }
