"""A played day at one event a second: what it costs in calls, and how soon a reply is a task."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from crm_sms.bootstrap import delivering, opt_out_rules, processing, syncing
from crm_sms.events import Event, EventKind
from crm_sms.ledger import outbox
from crm_sms.records import Chunk, Verdict, WriteResult
from crm_sms.testing.world import CRM, World
from crm_sms.use_cases.deliver import deliver
from crm_sms.use_cases.process import process
from crm_sms.use_cases.receive import receive
from crm_sms.use_cases.sync_people import sync_people
from figures import load
from figures.company import world_with

DAY_S, QUICK_S = 86_400, 900
MOST_CALLS = 20_000
_PEOPLE = 10_000
_TEXTS_PER_S = 4 / 21  # four texts of five events, and a reply to one of them
_CALL_S = 0.15
_SYNC_S = 300


def measure(folder: Path, quick: bool) -> Mapping[str, Any]:
    """See docs/figures.md."""
    return of_seconds(folder, QUICK_S if quick else DAY_S, _PEOPLE)


def of_seconds(folder: Path, seconds: int, people: int) -> Mapping[str, Any]:
    """So many seconds of the day; its calls are also given for the whole of it."""
    with world_with(folder, people) as world:
        day = _Day(world, people)
        started = time.perf_counter()
        _play(day, seconds)
        elapsed = time.perf_counter() - started
        waits = sorted((made - day.replies[key]).total_seconds() for key, made in day.tasks.items())
    calls = sum(count for kind, count in day.calls.items() if kind != "pull")
    whole = round(calls * DAY_S / seconds)
    return {
        "played_s": seconds,
        "events": day.events,
        "replies": len(day.replies),
        "tasks": len(waits),
        "calls": calls,
        "calls_in_a_whole_day": whole,
        "calls_most": MOST_CALLS,
        "binding_met": whole <= MOST_CALLS,
        "calls_by_kind": {kind: count for kind, count in day.calls.items() if kind != "pull"},
        "mirror_pull_calls": day.calls["pull"],
        "yardstick_calls_of_one_a_record": day.records,
        "times_fewer": round(day.records / calls, 1),
        "reply_to_task_p50_s": _part(waits, 0.5),
        "reply_to_task_p95_s": _part(waits, 0.95),
        "call_takes_s": _CALL_S,
        "machine_s": round(elapsed, 1),
        "machine_s_in_sandbox_and_client": round(day.outside_s, 1),
    }


@dataclass(slots=True)
class _Day:
    """A day as it is played: `records` were asked for, `replies` and `tasks` are by task key when
    the one came and the other was made."""

    world: World
    people: int
    events: int = 0
    records: int = 0
    outside_s: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)
    replies: dict[str, datetime] = field(default_factory=dict)
    tasks: dict[str, datetime] = field(default_factory=dict)


class _Slow:
    """The real client, every call of which lets simulated time pass, and is counted by kind."""

    def __init__(self, crm: Any, day: _Day) -> None:
        self._crm, self._day = crm, day
        self.limits = crm.limits

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._crm, name)
        return self._timed(name, found) if name in ("read", "describe") else found

    def write(self, chunks: Sequence[Chunk]) -> WriteResult:
        result: WriteResult = self._timed("write", self._crm.write)(chunks)
        for chunk, outcomes in zip(chunks, result.outcomes, strict=True):
            for row, outcome in zip(chunk.rows, outcomes, strict=True):
                if row.key.startswith("task:") and outcome.verdict is Verdict.DONE:
                    self._day.tasks[row.key] = self._day.world.now
        return result

    def _timed(self, name: str, call: Any) -> Any:
        def timed(*arguments: Any, **named: Any) -> Any:
            self._day.world.advance(_CALL_S)
            before, started = self._crm.calls, time.perf_counter()
            try:
                return call(*arguments, **named)
            finally:
                self._day.outside_s += time.perf_counter() - started
                self._day.calls[name] += self._crm.calls - before

        return timed


def _play(day: _Day, seconds: int) -> None:
    """The worker's loop by hand: what came is processed at once, what is due is delivered."""
    world, app = day.world, day.world.app
    rules, prepared = opt_out_rules(app), processing(app)
    writing = delivering(app, CRM)
    writing = replace(writing, crm=_Slow(writing.crm, day))
    start = world.now
    coming = load.traffic(world.account, start, _TEXTS_PER_S, day.people)
    event = next(coming)
    due, pull_at = start, start + timedelta(seconds=_SYNC_S)
    for second in range(seconds):
        now = start + timedelta(seconds=second)
        if now < world.now:  # the call of the second before is still under way
            now = world.now
        else:
            world.box.clock.set(now)
        came = []
        while event.received_at <= now:
            came.append(event)
            event = next(coming)
        if came:
            receive(app.ledger, rules, came, now)
            _note(day, came)
            day.records += process(prepared).records
            due = _next_due(day)
        if due <= world.now:
            deliver(writing)
            due = _next_due(day)
        if now >= pull_at:
            day.calls["pull"] += sync_people(syncing(app, CRM)).calls
            pull_at += timedelta(seconds=_SYNC_S)


def _note(day: _Day, came: list[Event]) -> None:
    day.events += len(came)
    for event in came:
        if event.kind is EventKind.REPLY:
            day.replies[f"task:twilio:{event.account}:{event.provider_message_id}"] = (
                event.received_at
            )


def _next_due(day: _Day) -> datetime:
    with day.world.app.ledger.read() as connection:
        return outbox.next_due(connection, CRM) or datetime.max.replace(tzinfo=day.world.now.tzinfo)


def _part(ordered: list[float], share: float) -> float | None:
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 2) if ordered else None
