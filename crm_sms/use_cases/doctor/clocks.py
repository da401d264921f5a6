"""Whether our clock and that of a CRM or provider agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from crm_sms.clock import Clock
from crm_sms.ports import Finding

_WARNS = timedelta(seconds=30)
_FAILS = timedelta(minutes=2)
"""Salesforce takes a signed sign-in (JWT) for two minutes; what is missed, late or changed since is
told by comparing times within five."""

_SECOND = timedelta(seconds=1)
_REMEDY = (
    "set this machine's clock by NTP: timedatectl set-ntp true, then timedatectl timesync-status; "
    "if it is right, the clock of the other side is not"
)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a check found, and when it began and ended by our clock."""

    findings: Sequence[Finding]
    began: datetime
    ended: datetime


def timed(clock: Clock, look: Callable[[], list[Finding]]) -> Looked:
    """A check, and how late it was."""
    began = clock()
    findings = look()
    return Looked(findings, began, clock())


def agreement(subject: str, looked: Looked, answered_at: datetime | None) -> list[Finding]:
    """Whether the time that they gave with an answer lies within the check; vendors give whole
    seconds. Nothing if they gave none."""
    if answered_at is None:
        return []
    ahead = looked.began - answered_at - _SECOND
    behind = answered_at - looked.ended - _SECOND
    off, word = max((ahead, "ahead of"), (behind, "behind"))
    text = f"ours is {max(off, timedelta()).total_seconds():.0f} s {word} theirs"
    if off < _WARNS:
        return [Finding(subject, True, "ours and theirs agree")]
    return [Finding(subject, False if off >= _FAILS else None, text, _REMEDY)]
