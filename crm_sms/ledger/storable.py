"""Makes what comes from outside fit both databases alike, so that none of it is refused for a
character.

What is changed in an event is still whole in its raw bytes.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from operator import attrgetter
from typing import Any, TypeVar

from crm_sms.events import Event, Metadata
from crm_sms.records import MirrorRow

Row = TypeVar("Row", bound=MirrorRow)

LONGEST_NAME = 200
"""Characters, of up to 4 bytes: three names share an index row of 2,704 bytes at most."""

LARGEST_NUMBER = 2**31 - 1
"""PostgreSQL's INTEGER; no text has as many parts or pictures."""

_UNFIT = re.compile("[\0\ud800-\udfff]")
_ESCAPED = re.compile(r"\\x00|\\ud[89a-f]")
"""The same in a `repr`, or a text that reads like it."""
_REPLACEMENT = "\ufffd"
_NAMES = ("provider", "account", "key", "provider_message_id", "message_key")
_NUMBERS = ("segments", "media_count")

_names = attrgetter(*_NAMES)
_words = attrgetter("provider_status", "error_code", "body")
_metadata = attrgetter(*(field.name for field in fields(Metadata)))


def storable(event: Event) -> Event:
    """The event itself, or a copy without what a database refuses.

    NUL and lone surrogates become U+FFFD, longer names end in a digest of the whole, and numbers
    that no column holds are left out. The same event always gives the same copy.
    """
    return event if _fits(event) else _fitted(event)


def storable_text(text: str) -> str:
    """A text without what a database refuses, such as the words of a CRM that quotes its data."""
    return _UNFIT.sub(_REPLACEMENT, text)


def storable_row(row: Row) -> Row:
    """A row of the CRM's, itself or a copy with such texts in all its fields."""
    # A million rows are looked at, and nearly none has to be taken apart.
    if not _ESCAPED.search(repr(row)):
        return row
    clean: Row = _clean(row)
    return clean


def _fits(event: Event) -> bool:
    """Whether nothing has to change; every callback passes here, hence one look at all texts."""
    names = _names(event)
    if max(map(len, filter(None, names))) > LONGEST_NAME or _misfits(event):
        return False
    texts = [*names, *_words(event), *_metadata(event.metadata), *event.media]
    texts += [end.raw for end in (event.sender, event.recipient) if end]
    if event.click:
        texts += [event.click.link, event.click.user_agent]
    if event.raw:
        texts += [event.raw.content_type, event.raw.query]
    whole = "".join(filter(None, texts))
    return not _UNFIT.search(whole)


def _misfits(event: Event) -> dict[str, Any]:
    """The numbers that no column holds."""
    large = [name for name in _NUMBERS if abs(getattr(event, name) or 0) > LARGEST_NUMBER]
    if event.price is not None and not math.isfinite(event.price):
        large.append("price")
    return dict.fromkeys(large)


def _fitted(event: Event) -> Event:
    whole: Event = _clean(event)
    changed: dict[str, Any] = {name: _short(getattr(whole, name)) for name in _NAMES}
    return replace(whole, **changed, **_misfits(event))


def _clean(value: Any) -> Any:
    if isinstance(value, str) and not isinstance(value, Enum):
        return storable_text(value)
    if isinstance(value, tuple):
        return tuple(map(_clean, value))
    if isinstance(value, Mapping):
        return {name: _clean(one) for name, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: _clean(getattr(value, field.name)) for field in fields(value)}
        return replace(value, **parts)
    return value


def _short(name: str | None) -> str | None:
    if name is None or len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()
    return f"{name[: LONGEST_NAME - len(digest) - 1]}~{digest}"
