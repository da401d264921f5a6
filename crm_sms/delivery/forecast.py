"""How many calls a CRM will be asked for, told beforehand from what happens and how long it waits.

A request leaves when the first row's window ends, and takes along whatever else waits. So what
counts is how often a window ends, not how many rows there are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from crm_sms.delivery.windows import Windows, stretch
from crm_sms.ports import CrmLimits
from crm_sms.records import Lane, Usage

DAY_S = 86_400

_NEAR = 1e-4
"""How exactly the point is found at which windows stop growing."""


@dataclass(frozen=True, slots=True)
class WantedRow:
    """A row that something that happens makes. `fresh`: of a record that is new with it. One that
    `follows` refers to such a record, so it leaves a request later."""

    lane: Lane
    object: str
    fresh: bool = False
    follows: bool = False


@dataclass(frozen=True, slots=True)
class Stream:
    """Something that happens so many times a day, at any time of it, and the rows that it makes."""

    name: str
    a_day: float
    rows: tuple[WantedRow, ...]


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What is asked whether anything happens or not: descriptions of so many objects each hour, and
    pulls of so many calls every `sync_s`."""

    objects: int
    calls_per_pull: int
    sync_s: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """Calls a day, and new records a day by object. `by_lane` are the writes, by the lane whose
    window's end sent them; `stretched` is by how much the windows were taken to have grown."""

    by_kind: Mapping[str, float]
    by_lane: Mapping[Lane, float]
    records: Mapping[str, float]
    stretched: float = 1.0

    @property
    def calls(self) -> float:
        """All calls of a day."""
        return sum(self.by_kind.values())


def forecast(
    streams: Sequence[Stream],
    windows: Windows,
    upkeep: Upkeep,
    limits: CrmLimits | None,
    *,
    stretched: float = 1.0,
) -> Forecast:
    """The calls of a day with these windows. What room a request has is left out of account without
    `limits`: that matters for very many rows only."""
    longer = _longer(windows, stretched)
    triggers = [trigger for one in streams for trigger in _triggers(one, longer)]
    ends, shares = _window_ends(triggers)
    room = _requests_for_rows(streams, ends, limits) if limits else 1.0
    by_lane = dict.fromkeys(Lane, 0.0)
    for trigger, share in zip(triggers, shares, strict=True):
        by_lane[trigger.lane] += ends * share * room * (2 if trigger.twice else 1)
    by_kind = {
        "write": sum(by_lane.values()),
        "describe": float(upkeep.objects * 24) if triggers else 0.0,
        "pull": upkeep.calls_per_pull * DAY_S / upkeep.sync_s,
    }
    return Forecast(by_kind, by_lane, _new_records(streams), stretched)


def settled(
    streams: Sequence[Stream],
    windows: Windows,
    upkeep: Upkeep,
    limits: CrmLimits | None,
    quota: Usage,
) -> Forecast:
    """The same where windows grow because the quota runs low: the day at which they are as long as
    its calls make them. `quota.used` are the calls of others."""

    def wanted(found: Forecast) -> float:
        return stretch(Usage(round(quota.used + found.calls), quota.limit))

    def at(factor: float) -> Forecast:
        return forecast(streams, windows, upkeep, limits, stretched=factor)

    low, high = 1.0, float(max(quota.limit, 1))  # no stretch is longer than the whole quota
    if wanted(at(low)) <= low:
        return at(low)
    while high - low > _NEAR * low:
        middle = (low + high) / 2
        low, high = (middle, high) if wanted(at(middle)) > middle else (low, middle)
    return at(high)


@dataclass(frozen=True, slots=True)
class _Trigger:
    """What may send a request: so often a second, after so many seconds, `twice` if rows follow."""

    per_s: float
    after_s: float
    lane: Lane
    twice: bool = False


def _triggers(stream: Stream, windows: Windows) -> list[_Trigger]:
    """The row with the shortest window takes the others along. Rows that follow one leave in a
    second request if their window has ended by then, else when it ends."""
    per_s = stream.a_day / DAY_S
    if not stream.rows or not per_s:
        return []
    waits = {row: windows.of(row.lane).total_seconds() for row in stream.rows}
    first = min(stream.rows, key=lambda row: (waits[row], row.lane))
    later = [row for row in stream.rows if row.follows]
    if any(waits[row] <= waits[first] for row in later):
        return [_Trigger(per_s, waits[first], first.lane, twice=True)]
    rest = [min(later, key=lambda row: waits[row])] if later else []
    return [_Trigger(per_s, waits[row], row.lane) for row in (first, *rest)]


def _window_ends(triggers: Sequence[_Trigger]) -> tuple[float, list[float]]:
    """Window ends a day, and which share of them each trigger has.

    For what happens at random, the chance that no window has ended by t after the last request is
    exp(-Σ rate x (t - window)) over those with a shorter window; its integral is the mean time
    between two.
    """
    shares = [0.0 for _ in triggers]
    steps = sorted({0.0, *(one.after_s for one in triggers)})
    left, mean = 1.0, 0.0
    for start, end in zip(steps, [*steps[1:], math.inf], strict=True):
        rate = sum((one.per_s for one in triggers if one.after_s <= start), 0.0)
        if not rate:
            mean += end - start
            continue
        remains = left * math.exp(-rate * (end - start))
        mean += (left - remains) / rate
        for index, one in enumerate(triggers):
            if one.after_s <= start:
                shares[index] += one.per_s / rate * (left - remains)
        left = remains
    return (DAY_S / mean if triggers else 0.0), shares


def _requests_for_rows(streams: Sequence[Stream], ends: float, limits: CrmLimits) -> float:
    """Requests for the rows of one window's end, at least one: rows of one sort share chunks, and a
    request has room for so many chunks."""
    rows: dict[tuple[object, ...], float] = {}
    for one in streams:
        for row in one.rows:
            sort = (row.object, row.fresh, row.follows, row.lane is Lane.OPT_OUT)
            rows[sort] = rows.get(sort, 0.0) + one.a_day / max(ends, 1.0)
    chunks = sum(max(1 - math.exp(-n), n / limits.rows_per_chunk) for n in rows.values())
    return max(1.0, chunks / limits.chunks_per_request)


def _new_records(streams: Sequence[Stream]) -> Mapping[str, float]:
    found: dict[str, float] = {}
    for one in streams:
        for row in one.rows:
            if row.fresh:
                found[row.object] = found.get(row.object, 0.0) + one.a_day
    return found


def _longer(windows: Windows, factor: float) -> Windows:
    """As they are while the quota runs low; opt-outs never wait longer."""
    return replace(
        windows,
        tasks=windows.tasks * factor,
        timeline=windows.timeline * factor,
        roll_ups=windows.roll_ups * factor,
    )
