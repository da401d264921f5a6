"""What the rows of an export or a listing tell that was not known before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum, auto

from crm_sms.consent import verdict
from crm_sms.events import Event, OptOutRules, OptOutType
from crm_sms.ledger.facts import text_alias


class News(Enum):
    """What a row tells: of a text that nobody spoke of, more of a known one, nothing."""

    TEXT = auto()
    MORE = auto()
    NOTHING = auto()


def news_of(events: Sequence[Event], fresh: Iterable[bool], heard: set[str]) -> Iterator[News]:
    """What each tells, after those before it: `fresh` are those that were not stored yet, `heard`
    the texts, by `text_alias`, that were spoken of; it grows."""
    for event, new in zip(events, fresh, strict=True):
        text = text_alias(event)
        yield News.NOTHING if not new else News.MORE if text in heard else News.TEXT
        heard.add(text)


def opt_outs(events: Iterable[Event], rules: OptOutRules) -> int:
    """How many of these suppress a number."""
    verdicts = (verdict(event, rules) for event in events)
    return sum(no is not None and no.type is OptOutType.STOP for no in verdicts)
