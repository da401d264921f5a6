"""A record fitted to what the CRM has and grants our user at the moment it is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from crm_sms.records import (
    DesiredField,
    FieldDescription,
    FieldType,
    ObjectDescription,
    Reference,
    Scalar,
    Text,
    Value,
)

T = TypeVar("T")

LONGEST_LINK = 255
"""Characters kept free in a cut text for each link that is filled in later."""

_CUT_MARK = "…"


@dataclass(frozen=True, slots=True)
class Fitted(Generic[T]):
    """The fields that can be written, and by name why the others cannot.

    `missing` are starred: the row must park. `left_out` are optional.
    """

    fields: Mapping[str, T]
    missing: Mapping[str, str]
    left_out: Mapping[str, str]


def fit(
    fields: Mapping[str, DesiredField],
    starred: Collection[str],
    description: ObjectDescription | None,
) -> Fitted[DesiredField]:
    """Cut texts to their fields and leave out what no field takes.

    Without a description the object itself is missing. References must not be resolved yet: a link
    that was filled in would be cut like any text.
    """
    if description is None:
        return Fitted({}, missing={"its object": "missing or hidden"}, left_out={})
    seen = description.fields
    wrong = {name: "missing or hidden" for name in starred if name not in seen}
    for name, desired in fields.items():
        if why := _misfit(desired.value, seen.get(name)):
            wrong[name] = why
    cut = {name: _cut(fields[name], seen[name]) for name in fields if name not in wrong}
    return _parted(cut, wrong, starred)


def permit(
    fields: Mapping[str, Scalar],
    starred: Collection[str],
    description: ObjectDescription,
    new_key: str | None,
) -> Fitted[Scalar]:
    """Leave out what our user may not write in this operation.

    `new_key` is the key field of a record that is about to be made, None for one that exists.
    `fields` are those to be written, fitted before.
    """
    seen = description.fields
    if new_key is None:
        wrong = {name: "our user may not edit it" for name in fields if not seen[name].updatable}
        return _parted(fields, wrong, starred)
    wrong = {
        name: "our user may not set it in a new record"
        for name in (*fields, new_key)
        if not seen[name].creatable
    }
    if not seen[new_key].unique_key:
        wrong[new_key] = "it is not unique, so records could be made twice"
    return _parted(fields, wrong, starred)


def _parted(
    fields: Mapping[str, T], wrong: Mapping[str, str], starred: Collection[str]
) -> Fitted[T]:
    return Fitted(
        {name: value for name, value in fields.items() if name not in wrong},
        missing={name: wrong[name] for name in sorted(wrong) if name in starred},
        left_out={name: wrong[name] for name in sorted(wrong) if name not in starred},
    )


def _misfit(value: Value, description: FieldDescription | None) -> str | None:
    if description is None:
        return "missing or hidden"
    if value is None:
        return None
    if not _TAKES[description.type](value):
        return f"it is a {description.type} field, which takes no such value"
    restricted = description.type is FieldType.PICKLIST and description.restricted
    if restricted and value and value not in description.choices:
        return "its picklist is restricted and lacks the choice"
    return None


def _is_text(value: Value) -> bool:
    return isinstance(value, str | Text | Reference)


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _written_as(pattern: str) -> Callable[[Value], bool]:
    form = re.compile(pattern)
    return lambda value: isinstance(value, str) and (not value or bool(form.fullmatch(value)))


_TAKES: Mapping[FieldType, Callable[[Value], bool]] = {
    FieldType.TEXT: _is_text,
    FieldType.LONG_TEXT: _is_text,
    FieldType.PHONE: _is_text,
    FieldType.PICKLIST: _is_text,
    FieldType.REFERENCE: _is_text,
    FieldType.NUMBER: _is_number,
    FieldType.CHECKBOX: lambda value: isinstance(value, bool),
    FieldType.DATE: _written_as(r"\d{4}-\d\d-\d\d"),
    FieldType.INSTANT: _written_as(r"\d{4}-\d\d-\d\dT[\d:.]+Z"),
    FieldType.OTHER: lambda value: True,
}
"""Whether a field of each type takes a value: a CRM refuses the row with another, or the request
that it travels in."""

_CUT = frozenset({FieldType.TEXT, FieldType.LONG_TEXT, FieldType.PHONE, FieldType.OTHER})


def _cut(desired: DesiredField, description: FieldDescription) -> DesiredField:
    limit, value = description.length, desired.value
    if not limit or description.type not in _CUT:
        return desired
    if isinstance(value, Text):
        return replace(desired, value=cut_parts(value, limit))
    return replace(desired, value=cut(value, limit)) if isinstance(value, str) else desired


def length(text: str) -> int:
    """Characters as CRMs count them: UTF-16 units, so an emoji counts as two or more [mem]."""
    return len(text) + sum(character > "\uffff" for character in text)


def cut(text: str, limit: int) -> str:
    """The text, or as much of its beginning as fits with an ellipsis; no character is split."""
    if len(text) * 2 <= limit or length(text) <= limit:
        return text
    kept, used = 0, length(_CUT_MARK)
    for character in text:
        used += length(character)
        if used > limit:
            break
        kept += 1
    return text[:kept] + _CUT_MARK if limit else ""


def cut_parts(text: Text, limit: int) -> Text:
    """The same for a text with links: its longest passages are cut, the links stay whole."""
    parts = list(text.parts)
    links = sum(isinstance(part, Reference) for part in parts)
    room = max(limit - links * LONGEST_LINK, 0)
    while (excess := _plain_length(parts) - room) > 0:
        at = max(range(len(parts)), key=lambda index: _plain_length(parts[index : index + 1]))
        passage = str(parts[at])
        parts[at] = cut(passage, max(length(passage) - excess, 0))
    return Text(tuple(part for part in parts if part != ""))


def _plain_length(parts: Iterable[str | Reference]) -> int:
    return sum(length(part) for part in parts if isinstance(part, str))
