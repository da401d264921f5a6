"""Native values become what a CRM takes: scalars in their written form, cut to the field."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from crm_sms.records import Reference, Text, Value

LIST_SEPARATOR = ";"
"""Between the texts of a list in one field, as CRMs write multiple values."""

LONGEST_LINK = 255
"""Characters kept free in a cut text for each link that is filled in later."""

LARGEST = 10**18
"""Numbers have at most 18 digits in a CRM."""

_CUT_MARK = "…"


def to_value(raw: Any, limit: int | None = None) -> Value:
    """The written form of a native value; texts no longer than `limit` (see `cut`).

    Instants become `2026-11-20T15:48:22.000Z`, dates `2026-11-20`, lists their texts between `;`,
    as many as fit whole. Raises TypeError or ValueError for what no field can hold; the message
    holds no data.
    """
    convert = _PLAIN.get(type(raw))
    if convert is not None:
        return convert(raw)
    if isinstance(raw, str):
        return cut(str(raw), limit)
    if isinstance(raw, Text):
        return cut_text(raw, limit)
    if isinstance(raw, tuple | list):
        return _joined(raw, limit)
    raise TypeError(f"gives a {type(raw).__name__}, which no field can hold")


def instant(at: datetime) -> str:
    """An instant as CRMs write it, in UTC to the millisecond; raises ValueError without a zone."""
    if at.tzinfo is None:
        raise ValueError("gives an instant without a zone")
    return at.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def length(text: str) -> int:
    """Characters as CRMs count them: UTF-16 units, so an emoji counts as two or more [mem]."""
    return len(text) + sum(character > "\uffff" for character in text)


def cut(text: str, limit: int | None) -> str:
    """The text, or as much of its beginning as fits with an ellipsis; no character is split."""
    if limit is None or len(text) * 2 <= limit or length(text) <= limit:
        return text
    kept, used = 0, length(_CUT_MARK)
    for character in text:
        used += length(character)
        if used > limit:
            break
        kept += 1
    return text[:kept] + _CUT_MARK if limit else ""


def cut_text(text: Text, limit: int | None) -> Text:
    """The same for a text with links: its longest passages are cut, the links stay whole."""
    if limit is None:
        return text
    parts = list(text.parts)
    links = sum(isinstance(part, Reference) for part in parts)
    excess = _plain_length(parts) - max(limit - links * LONGEST_LINK, 0)
    while excess > 0:
        at = max(range(len(parts)), key=lambda index: _plain_length(parts[index : index + 1]))
        passage = str(parts[at])
        parts[at] = cut(passage, max(length(passage) - excess, 0))
        excess = _plain_length(parts) - max(limit - links * LONGEST_LINK, 0)
    return Text(tuple(part for part in parts if part != ""))


def _plain_length(parts: Iterable[str | Reference]) -> int:
    return sum(length(part) for part in parts if isinstance(part, str))


def _joined(texts: Iterable[Any], limit: int | None) -> str:
    kept = ""
    for text in texts:
        if not isinstance(text, str):
            raise TypeError("gives a list of something other than texts")
        longer = f"{kept}{LIST_SEPARATOR}{text}" if kept else text
        if limit is not None and length(longer) > limit:
            break
        kept = longer
    return kept


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError("gives a number that is not finite")
    return number


def _whole(number: int) -> int:
    if abs(number) >= LARGEST:
        raise ValueError("gives a number of more than 18 digits")
    return number


def _same(value: Any) -> Any:
    return value


_PLAIN: Mapping[type, Callable[[Any], Value]] = {
    type(None): _same,
    bool: _same,
    int: _whole,
    float: _finite,
    datetime: instant,
    date: date.isoformat,
    Reference: _same,
}
