"""How long Salesforce serves a version of its API: what it has announced, and what it promises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from crm_sms.ports import Finding

SUBJECT = "salesforce api_version"

SUPPORT_YEARS = 3
"""A version is served for at least so long, and its end is announced at least a year ahead
(API End-of-Life, developer.salesforce.com)."""

SOON = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Retirement:
    """An announcement: versions up to `last` are gone from this day on; `source` is where it says
    so. Releases have no day of their own in it, so the first of their month is taken."""

    last: float
    on: date
    source: str


RETIREMENTS: Sequence[Retirement] = (
    Retirement(20, date(2022, 6, 1), "Salesforce Help 000354473"),
    Retirement(30, date(2025, 6, 1), "Salesforce Help 000354473"),
    Retirement(40, date(2028, 6, 1), "Salesforce Help 005321531"),
)
"""Oldest first. When Salesforce announces the next one, it is a line here."""

_SPRING_26 = (66, 2026)
_MONTHS = (2, 6, 10)
"""Spring, Summer and Winter, which is named after the year that follows."""


def released(version: float) -> date:
    """The first day of the month of its release; three releases a year since long ago."""
    number, year = _SPRING_26
    years, season = divmod(int(version) - number, len(_MONTHS))
    return date(year + years, _MONTHS[season], 1)


def version_finding(served: Sequence[str], api_version: str, today: date) -> Finding:
    """Whether the org serves the configured version, and for how much longer it will."""
    newest = max(served, key=float)
    announced = next((one for one in RETIREMENTS if float(api_version) <= one.last), None)
    remedy = f"set api_version to {newest} or lower"
    if announced and announced.on <= today:
        text = f"{api_version} is retired since {announced.on} ({announced.source})"
        return Finding(SUBJECT, False, text, f"{remedy}, above {RETIREMENTS[-1].last:g}")
    if api_version not in served:
        return Finding(SUBJECT, False, f"the org does not serve {api_version}", remedy)
    return _time_left(api_version, newest, announced, today)


def _time_left(version: str, newest: str, announced: Retirement | None, today: date) -> Finding:
    remedy = f'set api_version = "{newest}", run crm-sms doctor, then restart serve and worker'
    if announced:
        text = f"{version} is retired on {announced.on} ({announced.source})"
        soon = announced.on - today < SOON
        return Finding(SUBJECT, None, text, remedy) if soon else Finding(SUBJECT, True, text)
    start = released(float(version))
    until = start.replace(year=start.year + SUPPORT_YEARS)
    text = f"{version} of at most {newest}; no retirement is announced, it is promised until"
    if until - today < SOON:
        return Finding(SUBJECT, None, f"{text} {until}", remedy)
    return Finding(SUBJECT, True, f"{text} {until} at least")
