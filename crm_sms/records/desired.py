"""What a record of ours should look like, and when each of its fields may be written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum

Scalar = str | int | float | bool | None
"""A field's value on its way: instants are `2026-11-20T15:48:22.000Z`, dates `2026-11-20`."""


class Lane(IntEnum):
    """Waiting rows by urgency; lower goes first. Opt-outs never share a chunk with the others."""

    OPT_OUT = 0
    TASK = 1
    TIMELINE = 2
    ROLL_UP = 3


class WriteRule(StrEnum):
    """When a field may be written.

    ALWAYS: the field is ours alone. ONCE: only when the record is made. IF_EMPTY: only where the
    CRM has nothing. UNTIL_EDITED: not when the CRM's value differs from the ones we wrote.
    """

    ALWAYS = "always"
    ONCE = "once"
    IF_EMPTY = "if_empty"
    UNTIL_EDITED = "until_edited"


class Part(StrEnum):
    """What of the referenced record a field takes."""

    ID = "id"
    URL = "url"


@dataclass(frozen=True, slots=True)
class Reference:
    """Stands for a record that delivery resolves, or writes first; None where that record parked.

    `object` and `key` are those of a DesiredRecord.
    """

    object: str
    key: str
    part: Part = Part.ID


@dataclass(frozen=True, slots=True)
class Text:
    """A text with references in it, joined when they are resolved."""

    parts: tuple[str | Reference, ...]


Value = Scalar | Reference | Text


@dataclass(frozen=True, slots=True)
class DesiredField:
    """What a field should hold, and when it may be written."""

    value: Value
    rule: WriteRule = WriteRule.ALWAYS


@dataclass(frozen=True, slots=True)
class DesiredRecord:
    """The fields that one CRM record should have, as far as one lane is concerned.

    With `key_field`, `key` is the value of that unique field and the record is ours (made if
    missing). Without, `key` is the CRM's id of a record that others made; it is only updated.
    `create_only` records are never touched again once they exist, deleted or not. `partition`
    (account, else person) names what two writers must not touch at once. `starred` fields are
    those without which the record must not be written.
    """

    crm: str
    object: str
    key: str
    lane: Lane
    fields: Mapping[str, DesiredField]
    key_field: str | None = None
    create_only: bool = False
    partition: str = ""
    starred: frozenset[str] = frozenset()
