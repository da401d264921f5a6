"""Who clicked: a person, or one of the machines that open links before people do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from crm_sms.events import Click, ClickClass

TOO_SOON = timedelta(seconds=5)
"""A click this close to delivery is a scanner's: a person has to notice the text first.

Not any click before it: where the provider gives no time, delivery is when its receipt reached us,
and one that came late would make a machine of every person who had clicked by then.
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


def classify(click: Click, delivered_at: datetime | None, others: Iterable[Click]) -> ClickClass:
    """What made this click; `others` may be all clicks of the same text, this one included.

    A provider's own PREVIEW or BOT stands. Without a user agent only timing can tell: such a click
    is BOT or UNKNOWN, never HUMAN. Clicks without a time pass the tests of time.
    """
    if click.click_class in (ClickClass.PREVIEW, ClickClass.BOT):
        return click.click_class
    agent = click.user_agent or ""
    for known, pattern in _AGENTS:
        if pattern.search(agent):
            return known
    if _too_soon(click, delivered_at) or _one_of_several(click, others):
        return ClickClass.BOT
    return ClickClass.HUMAN if agent.strip() else ClickClass.UNKNOWN


def _too_soon(click: Click, delivered_at: datetime | None) -> bool:
    if click.clicked_at is None or delivered_at is None:
        return False
    return abs(click.clicked_at - delivered_at) <= TOO_SOON


def _one_of_several(click: Click, others: Iterable[Click]) -> bool:
    at = click.clicked_at
    return at is not None and any(
        other.link != click.link
        and other.clicked_at is not None
        and abs(other.clicked_at - at) <= TOO_MANY_WITHIN
        for other in others
    )
