"""Salesforce's JSON values in our form, and ours in Salesforce's."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from crm_sms.records import Scalar

T = TypeVar("T")

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{3})\+0000")


_REFERENCE, _HARMLESS = "@{", "@\u2060{"
"""Composite replaces `@{name}` in any value by an earlier answer and fails the chunk if there is
none; people may text that. An invisible word joiner keeps it from being one."""


def literal(value: Scalar) -> Scalar:
    """The value as it may stand in a Composite; a number that JSON has no form for is none."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.replace(_REFERENCE, _HARMLESS) if isinstance(value, str) else value


def scalar(value: object) -> Scalar:
    """A value in the form of `Scalar`, as we wrote it if it is ours; compound values (addresses)
    have none and become None."""
    if isinstance(value, str):
        ours = value.replace(_HARMLESS, _REFERENCE)
        return _INSTANT.sub(r"\1.\2Z", ours) if _INSTANT.fullmatch(ours) else ours
    return value if isinstance(value, bool | int | float) else None


def scalars(record: Mapping[str, Any], names: Collection[str]) -> dict[str, Scalar]:
    """The named fields of a record, as far as it has them; names in any case."""
    held = {name.casefold(): value for name, value in record.items()}
    return {name: scalar(held[name.casefold()]) for name in names if name.casefold() in held}


def instant(value: str) -> datetime:
    """A DateTime as Salesforce writes it: `2026-11-20T15:48:22.000+0000`."""
    return datetime.fromisoformat(value)


def optional(kind: Callable[[Any], T], value: Scalar) -> T | None:
    """A value as what it is of; None stays None."""
    return None if value is None else kind(value)


def distinct(names: Iterable[str]) -> list[str]:
    """Names without repetition, the first spelling kept: a SELECT must not name a field twice."""
    spellings: dict[str, str] = {}
    for name in names:
        spellings.setdefault(name.casefold(), name)
    return list(spellings.values())
