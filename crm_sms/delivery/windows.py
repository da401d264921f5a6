"""How long each lane waits to share a request, and what the CRM's quota leaves for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from crm_sms.records import Lane, Usage


@dataclass(frozen=True, slots=True)
class Windows:
    """Seconds a row of each lane may wait for company, the share of the CRM's quota that is kept
    for opt-outs, and how long a text's records may be held for its body."""

    opt_outs: float = 0.0
    tasks: float = 1.0
    timeline: float = 15.0
    roll_ups: float = 60.0
    reserve: float = 0.05
    bodies: float = 120.0

    def of(self, lane: Lane) -> timedelta:
        """The window of one lane."""
        return timedelta(seconds=getattr(self, _NAMES[lane]))

    @property
    def longest(self) -> timedelta:
        """No row is put off for longer when it is stored."""
        return max(timedelta(seconds=self.bodies), *(self.of(lane) for lane in Lane))


_NAMES: Mapping[Lane, str] = {
    Lane.OPT_OUT: "opt_outs",
    Lane.TASK: "tasks",
    Lane.TIMELINE: "timeline",
    Lane.ROLL_UP: "roll_ups",
}

USAGE_HOLDS = timedelta(minutes=15)
"""How long a CRM's word on its quota is believed. Calls come back as time passes, but it says so
only when it is called, and with little left nothing but an opt-out would call it."""

_EASY = 0.5
"""While this share of the quota is left, windows are as set."""


def stretch(usage: Usage | None) -> float:
    """By how much windows grow: 1 while half the quota is left, doubling each time that the rest
    halves, so that what remains per second is never spent faster than it comes back."""
    if usage is None or usage.limit <= 0:
        return 1.0
    left = max(usage.limit - usage.used, 1) / usage.limit
    return max(1.0, _EASY / left)


def open_lanes(windows: Windows, usage: Usage | None) -> tuple[Lane, ...]:
    """The lanes that may write now: near the quota's end only opt-outs."""
    return (Lane.OPT_OUT,) if is_reserved(windows.reserve, usage) else tuple(Lane)


def is_reserved(reserve: float, usage: Usage | None) -> bool:
    """Whether the calls that are left are the share that is kept for opt-outs."""
    return usage is not None and usage.limit - usage.used <= reserve * usage.limit


def extra_wait(windows: Windows, usage: Usage | None) -> dict[Lane, timedelta]:
    """What each lane waits beyond its window because the quota runs low; opt-outs nothing."""
    factor = stretch(usage) - 1.0
    waits = {lane: windows.of(lane) * factor for lane in Lane}
    return waits | {Lane.OPT_OUT: timedelta(0)}
