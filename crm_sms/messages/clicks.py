"""Who clicked: a person, or one of the machines that open links before people do."""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from crm_sms.events import Click, ClickClass

TOO_SOON = timedelta(seconds=5)
"""A click this soon after delivery is a scanner's: a person has to notice the text first.

So is any click before it. Where the provider gives no time, delivery is when its receipt reached
us; a receipt that comes late therefore takes people's clicks for a scanner's, never the reverse.
"""

TOO_MANY_WITHIN = timedelta(seconds=1)
"""Nobody opens two links of one text within this time."""

_AGENTS: Sequence[tuple[ClickClass, re.Pattern[str]]] = (
    (
        ClickClass.PREVIEW,
        re.compile(
            r"preview|facebookexternalhit|twitterbot|slackbot|whatsapp|google-pagerenderer", re.I
        ),
    ),
    (ClickClass.BOT, re.compile(r"bot|crawler|scan", re.I)),
)


_Opened = tuple[datetime, str]
"""When a link was opened, and which."""


def classify(click: Click, delivered_at: datetime | None, others: Iterable[Click]) -> ClickClass:
    """What made this click; `others` may be all clicks of the same text, this one included.

    A provider's own PREVIEW or BOT stands. Without a user agent only timing can tell: such a click
    is BOT or UNKNOWN, never HUMAN. Clicks without a time pass the tests of time.
    """
    return _classify(click, delivered_at, _at_once([click, *others]))


def classify_each(clicks: Collection[Click], delivered_at: datetime | None) -> list[ClickClass]:
    """What made each of all clicks of a text, in their order; a text may have very many."""
    at_once = _at_once(clicks)
    return [_classify(click, delivered_at, at_once) for click in clicks]


def _classify(
    click: Click, delivered_at: datetime | None, at_once: Container[_Opened]
) -> ClickClass:
    if click.click_class in (ClickClass.PREVIEW, ClickClass.BOT):
        return click.click_class
    agent = click.user_agent or ""
    for known, pattern in _AGENTS:
        if pattern.search(agent):
            return known
    if _too_soon(click, delivered_at) or _opened(click) in at_once:
        return ClickClass.BOT
    return ClickClass.HUMAN if agent.strip() else ClickClass.UNKNOWN


def _too_soon(click: Click, delivered_at: datetime | None) -> bool:
    if click.clicked_at is None or delivered_at is None:
        return False
    return click.clicked_at <= delivered_at + TOO_SOON


def _opened(click: Click) -> _Opened | None:
    return (click.clicked_at, click.link) if click.clicked_at else None


def _at_once(clicks: Iterable[Click]) -> set[_Opened]:
    """What was opened within TOO_MANY_WITHIN of another link, before it or after it.

    Of the other links' openings on one side only the nearest matters: it is the neighbour's, or, if
    that is the same link, the one nearest to the neighbour.
    """
    opened = sorted({found for click in clicks if (found := _opened(click))})
    return {
        one
        for places in (opened, opened[::-1])
        for one, other in zip(places, _nearest_others(places), strict=True)
        if other is not None and abs(one[0] - other) <= TOO_MANY_WITHIN
    }


def _nearest_others(places: Iterable[_Opened]) -> Iterator[datetime | None]:
    """For each place, when a link other than its own was opened last in this order."""
    last: _Opened | None = None
    other: datetime | None = None
    for at, link in places:
        if last and last[1] != link:
            other = last[0]
        yield other
        last = (at, link)
