"""The sandbox that expressions and templates run in, with the filters that they may use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from jinja2 import StrictUndefined
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from crm_sms.records import Reference

LONGEST_RESULT = 131_072
"""Characters of a result: the most that a long text field of any CRM we know holds."""

LINK = "\ufdd0"
"""Stands for the message's URL while a template is rendered: one of the characters that Unicode
keeps for a program's own use. It is taken out of data, so no text can forge it."""


class TooLong(ValueError):
    """A result would pass LONGEST_RESULT."""

    def __init__(self) -> None:
        super().__init__(f"the result is longer than {LONGEST_RESULT} characters")


class Environment(ImmutableSandboxedEnvironment):
    """Jinja2's sandbox without globals, in which a missing fact is None wherever it leads."""

    # `"x" * 10**9` and `"%999999999d" % 1` are two short ways to a very long result.
    intercepted_binops = frozenset({"*", "%"})

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=False, finalize=shown)
        self.globals.clear()
        self.filters = {name: _none_through(filter_) for name, filter_ in _FILTERS.items()}
        self.filters["default"] = _default
        self.tests = {"none": lambda value: value is None}

    def getattr(self, obj: Any, attribute_name: str) -> Any:
        """None where there is nothing to ask; a person's further columns before methods."""
        if obj is None:
            return None
        if isinstance(obj, Mapping):
            return obj.get(attribute_name)
        return super().getattr(obj, attribute_name)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """The same: `person.fields["Rating"]` is `person.fields.Rating`."""
        return self.getattr(obj, argument)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Only numbers are multiplied and divided."""
        if not isinstance(left, int | float) or not isinstance(right, int | float):
            raise TypeError(f"{operator} takes numbers")
        return super().call_binop(context, operator, left, right)


def shown(value: Any) -> str:
    """A value within a text: nothing for None, instants to the minute in UTC."""
    if value is None:
        return ""
    if isinstance(value, Reference):
        return LINK
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    return str(value).replace(LINK, "")


def _none_through(filter_: Callable[..., Any]) -> Callable[..., Any]:
    """The same filter, which leaves a missing value missing."""

    def apply(value: Any, *arguments: Any, **named: Any) -> Any:
        return None if value is None else filter_(value, *arguments, **named)

    return apply


def _default(value: Any, instead: Any) -> Any:
    return instead if value is None or value == "" else value


def _replace(value: Any, old: str, new: str) -> str:
    text = str(value)
    if len(text) + text.count(old) * len(new) > LONGEST_RESULT:
        raise TooLong
    return text.replace(old, new)


def _join(value: Sequence[str], between: str = ", ") -> str:
    return between.join(value)


def _truncate(value: Any, length: int) -> str:
    """One line, at most this long."""
    text = " ".join(str(value).split())
    return text if len(text) <= length else text[: max(length - 1, 0)] + "…"


def _date(value: datetime) -> date:
    return value.date()


_FILTERS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "date": _date,
    "float": float,
    "int": int,
    "join": _join,
    "length": len,
    "lower": lambda value: str(value).lower(),
    "replace": _replace,
    "round": round,
    "title": lambda value: str(value).title(),
    "trim": lambda value: str(value).strip(),
    "truncate": _truncate,
    "upper": lambda value: str(value).upper(),
}
