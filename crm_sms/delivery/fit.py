"""A record cut to what the CRM shows our user: hidden fields, lengths, picklists."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from crm_sms.records import (
    DesiredField,
    FieldDescription,
    FieldType,
    ObjectDescription,
    Scalar,
)


@dataclass(frozen=True, slots=True)
class Fitted:
    """The fields that can be written; `missing` are the starred ones that cannot: the row must
    park. `left_out` are optional ones that the CRM hides."""

    fields: Mapping[str, DesiredField]
    missing: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def fit(
    fields: Mapping[str, DesiredField],
    starred: Collection[str],
    description: ObjectDescription | None,
) -> Fitted:
    """Drop what our user cannot see. Without a description the object itself is missing."""
    if description is None:
        return Fitted({}, missing=tuple(sorted(starred)) or tuple(fields))
    seen = {name: desired for name, desired in fields.items() if name in description.fields}
    hidden = [name for name in fields if name not in seen]
    return Fitted(
        seen,
        missing=tuple(name for name in hidden if name in starred),
        left_out=tuple(name for name in hidden if name not in starred),
    )


def cut(value: Scalar, description: FieldDescription | None) -> Scalar:
    """A text cut to the field's length; a choice that a restricted picklist lacks left empty."""
    if description is None or not isinstance(value, str):
        return value
    if description.type is FieldType.PICKLIST:
        lacking = description.restricted and value not in description.choices
        return None if lacking else value
    if description.length and len(value) > description.length:
        return value[: description.length - 1] + "…"
    return value
