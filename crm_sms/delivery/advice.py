"""Whether a CRM's quota bears what is forecast, and if not, which setting to change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from crm_sms.delivery.forecast import Forecast, Stream, Upkeep, forecast, settled
from crm_sms.delivery.windows import Windows, stretch
from crm_sms.ports import CrmLimits
from crm_sms.records import Lane, Usage


class Fit(StrEnum):
    """How a day's calls go into a quota. SLOWER: all is written, but windows grow. TOO_MUCH: what
    waits grows from day to day, and only opt-outs are written at once."""

    FITS = "fits"
    SLOWER = "slower"
    TOO_MUCH = "too_much"


@dataclass(frozen=True, slots=True)
class Change:
    """A setting and the seconds that it should have."""

    setting: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """How it goes, with the windows as the quota leaves them; which settings would have it fit with
    windows as they are set, and the day's calls then. No changes: it fits, or none helps."""

    fit: Fit
    day: Forecast
    changes: tuple[Change, ...] = ()
    calls_then: float | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """What is judged: what happens, and what is set."""

    streams: Sequence[Stream]
    windows: Windows
    upkeep: Upkeep
    limits: CrmLimits | None

    @property
    def forecast(self) -> Forecast:
        """Its calls with windows as they are set."""
        return forecast(self.streams, self.windows, self.upkeep, self.limits)


def judge(day: Day, quota: Usage) -> Judgement:
    """Hold a day against a quota, of which `used` are the calls of others."""
    plain = day.forecast
    if _fits(day, quota):
        return Judgement(Fit.FITS, plain)
    grown = settled(day.streams, day.windows, day.upkeep, day.limits, quota)
    is_open = quota.used + grown.calls < (1 - day.windows.reserve) * quota.limit
    changes, calls = _eased(day, quota)
    return Judgement(Fit.SLOWER if is_open else Fit.TOO_MUCH, grown, changes, calls)


def _with(quota: Usage, calls: float) -> Usage:
    return Usage(round(quota.used + calls), quota.limit)


@dataclass(frozen=True, slots=True)
class _Knob:
    """A setting that saves calls when it grows, up to where it would hurt more than it helps."""

    setting: str
    most_s: float
    get: Callable[[Day], float]
    put: Callable[[Day, float], Day]
    calls: Callable[[Forecast], float]


def _window(name: str, lane: Lane, most_s: float) -> _Knob:
    return _Knob(
        f"windows.{name}",
        most_s,
        lambda day: float(getattr(day.windows, name)),
        lambda day, seconds: replace(day, windows=replace(day.windows, **{name: seconds})),
        lambda found: found.by_lane[lane],
    )


_KNOBS = (
    _window("tasks", Lane.TASK, 60),
    _window("timeline", Lane.TIMELINE, 300),
    _window("roll_ups", Lane.ROLL_UP, 900),
    _Knob(
        "worker.sync_s",
        3600,
        lambda day: day.upkeep.sync_s,
        lambda day, seconds: replace(day, upkeep=replace(day.upkeep, sync_s=seconds)),
        lambda found: found.by_kind["pull"],
    ),
)


def _eased(day: Day, quota: Usage) -> tuple[tuple[Change, ...], float | None]:
    """Double whatever costs most until windows stay as they are set, then take back what was not
    needed, tasks first; nothing if it never fits."""
    eased = day
    while not _fits(eased, quota):
        found = eased.forecast
        left = [one for one in _KNOBS if one.get(eased) < one.most_s and one.calls(found) > 0]
        if not left:
            return (), None
        costly = max(left, key=lambda one: one.calls(found))
        eased = costly.put(eased, min(costly.most_s, max(1.0, 2 * costly.get(eased))))
    for knob in _KNOBS:
        eased = _least(knob, knob.get(day), eased, quota)
    changed = (one for one in _KNOBS if one.get(eased) != one.get(day))
    return tuple(Change(one.setting, one.get(eased)) for one in changed), eased.forecast.calls


def _least(knob: _Knob, low: float, eased: Day, quota: Usage) -> Day:
    """With as few seconds of this setting, from `low` on, as still fit, to a second."""
    if _fits(unchanged := knob.put(eased, low), quota):
        return unchanged
    high = knob.get(eased)
    while high - low > 1:
        middle = float(round((low + high) / 2))  # lies between them, as they are so far apart
        low, high = (low, middle) if _fits(knob.put(eased, middle), quota) else (middle, high)
    return knob.put(eased, high)


def _fits(day: Day, quota: Usage) -> bool:
    return stretch(_with(quota, day.forecast.calls)) <= 1.0
