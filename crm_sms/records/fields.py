"""The objects and fields of a CRM as our user sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class FieldType(StrEnum):
    """The sorts of fields that matter for a mapping."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    NUMBER = "number"
    CHECKBOX = "checkbox"
    DATE = "date"
    INSTANT = "instant"
    PICKLIST = "picklist"
    REFERENCE = "reference"
    PHONE = "phone"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class FieldDescription:
    """A field as our user sees it. `choices` are the active values; they bind if `restricted`."""

    name: str
    type: FieldType
    length: int | None = None
    choices: tuple[str, ...] = ()
    restricted: bool = False
    unique_key: bool = False
    creatable: bool = True
    updatable: bool = True
    refers_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ObjectDescription:
    """An object as our user sees it; hidden fields are absent."""

    name: str
    fields: Mapping[str, FieldDescription]
    creatable: bool = True
    updatable: bool = True
