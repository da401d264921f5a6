"""Native values become what a CRM takes: scalars in their written form."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from crm_sms.records import Reference, Text, Value

LIST_SEPARATOR = ";"
"""Between the texts of a list in one field, as CRMs write multiple values."""

LONGEST_LIST = 255
"""Characters of a list: the longest plain text field, which is what lists are kept in. A list that
were cut later, to its field, could end in the middle of a text: half a phone number."""

LARGEST = 10**18
"""Numbers have at most 18 digits in a CRM."""


def to_value(raw: Any) -> Value:
    """The written form of a native value.

    Instants become `2026-11-20T15:48:22.000Z`, dates `2026-11-20`, lists their texts between `;`,
    as many as LONGEST_LIST takes whole. Raises TypeError or ValueError for what no field can hold;
    the message holds no data.
    """
    convert = _PLAIN.get(type(raw))
    if convert is not None:
        return convert(raw)
    if isinstance(raw, str):
        return str(raw)
    if isinstance(raw, tuple | list):
        return _joined(raw)
    raise TypeError(f"gives a {type(raw).__name__}, which no field can hold")


def instant(at: datetime) -> str:
    """An instant as CRMs write it, in UTC to the millisecond; raises ValueError without a zone."""
    if at.tzinfo is None:
        raise ValueError("gives an instant without a zone")
    return at.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _joined(texts: Iterable[Any]) -> str:
    kept = ""
    for text in texts:
        if not isinstance(text, str):
            raise TypeError("gives a list of something other than texts")
        longer = f"{kept}{LIST_SEPARATOR}{text}" if kept else text
        if kept and len(longer) > LONGEST_LIST:
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
    Text: _same,
}
