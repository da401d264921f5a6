"""What of a desired record must be written, given what we wrote before and what the CRM holds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from crm_sms.records import (
    DesiredField,
    Found,
    Op,
    Reference,
    Scalar,
    Text,
    Value,
    WriteRule,
)

_LOOK_FIRST = (WriteRule.IF_EMPTY, WriteRule.UNTIL_EDITED)


Fingerprint = Callable[[Scalar], str]
"""Stands for a value wherever only equality matters, so that personal data is not kept for it."""


@dataclass(frozen=True, slots=True)
class Row:
    """A desired record on its way out, with what is known of its past.

    `crm_id` is set if we know the record to exist; `written` are the fingerprints of the values
    that the CRM confirmed. `sent` are, by field, those of the values that requests without a clear
    outcome may have written; `maybe` says that there was such a request. With `rewrite`, every
    field that is ours is written again, whatever was confirmed. `left_out` are fields that the
    record went without when it was made: they may be filled yet, if they are empty.
    """

    object: str
    key: str
    key_field: str | None
    create_only: bool
    fields: Mapping[str, DesiredField]
    fingerprint: Fingerprint
    crm_id: str | None = None
    written: Mapping[str, str] = field(default_factory=dict)
    sent: Mapping[str, Collection[str]] = field(default_factory=dict)
    maybe: bool = False
    rewrite: bool = False
    left_out: Collection[str] = ()

    @property
    def exists(self) -> bool | None:
        """None if only a look at the CRM can tell."""
        if self.key_field is None or self.crm_id is not None:
            return True
        return None if self.maybe else False


def references(fields: Mapping[str, DesiredField]) -> list[Reference]:
    """The records that must be in the CRM before these fields can be written."""
    found: list[Reference] = []
    for desired in fields.values():
        parts = desired.value.parts if isinstance(desired.value, Text) else (desired.value,)
        found.extend(part for part in parts if isinstance(part, Reference))
    return found


def resolve(
    fields: Mapping[str, DesiredField], lookup: Callable[[Reference], str | None]
) -> dict[str, DesiredField]:
    """The same fields with every reference replaced; one that cannot be resolved leaves nothing."""
    return {
        name: DesiredField(_resolved(desired.value, lookup), desired.rule)
        for name, desired in fields.items()
    }


def _resolved(value: Value, lookup: Callable[[Reference], str | None]) -> Scalar:
    if isinstance(value, Reference):
        return lookup(value)
    if isinstance(value, Text):
        parts = (lookup(part) if isinstance(part, Reference) else part for part in value.parts)
        return "".join(part or "" for part in parts).rstrip()
    return value


def must_look(row: Row) -> list[str] | None:
    """The fields to read in the CRM before the row can be decided; None if none need be.

    An empty list means that only the record's existence must be known.
    """
    if row.create_only:
        return [] if row.exists is None else None
    if row.exists is False:
        return None
    wanted = [name for name, desired in row.fields.items() if _needs_look(row, name, desired)]
    if wanted or row.exists is None:
        return wanted
    return None


def _needs_look(row: Row, name: str, desired: DesiredField) -> bool:
    if desired.rule is WriteRule.ONCE:
        return name in row.left_out
    if desired.rule not in _LOOK_FIRST:
        return False
    return _differs(row, name, desired) or row.maybe or row.rewrite


def address(row: Row, found: Found | None) -> tuple[Op, str]:
    """How the row reaches the CRM, and by which key.

    A record that is known goes by its id: an upsert would make it anew after somebody deleted it.
    """
    if row.key_field is None:
        return Op.UPDATE, row.key
    if row.create_only:
        return Op.CREATE, row.key
    known = row.crm_id or (found.id if found else None)
    return (Op.UPDATE, known) if known else (Op.UPSERT, row.key)


def to_write(row: Row, found: Found | None) -> dict[str, Scalar] | None:
    """The fields to write now; an empty dict or None says that there is nothing to do.

    `found` is what `must_look` asked for, None if the CRM has no such record. None is the answer
    for a record that is made once and exists already, deleted or not. References must be resolved.
    """
    exists = row.exists if row.exists is not None else found is not None
    if row.create_only and exists:
        return None
    return {
        name: _scalar(desired)
        for name, desired in row.fields.items()
        if not exists or _may_change(row, name, desired, found)
    }


def already_there(row: Row, found: Found | None) -> dict[str, Scalar]:
    """Values of fields that are only filled, which the CRM holds as they should be: as good as
    written, so that they are not filled again once somebody empties them."""
    held = found.fields if found else {}
    return {
        name: held[name]
        for name, desired in row.fields.items()
        if desired.rule is WriteRule.IF_EMPTY
        and held.get(name) not in _EMPTY
        and row.fingerprint(held[name]) == row.fingerprint(_scalar(desired))
    }


def sent_with(row: Row, values: Mapping[str, Scalar]) -> dict[str, list[str]]:
    """By field that somebody may edit, the fingerprints of every value that may be in the CRM once
    these have left, as they go out: cut, and with their references resolved."""
    sent = {name: list(known) for name, known in row.sent.items()}
    for name, value in values.items():
        mark = row.fingerprint(value)
        if row.fields[name].rule is WriteRule.UNTIL_EDITED and mark not in sent.get(name, ()):
            sent.setdefault(name, []).append(mark)
    return sent


def _may_change(row: Row, name: str, desired: DesiredField, found: Found | None) -> bool:
    if desired.rule is WriteRule.ALWAYS:
        return row.maybe or row.rewrite or _differs(row, name, desired)
    if found is None or not _needs_look(row, name, desired):
        return False  # of a field that nobody asked about, `found` says nothing
    current = found.fields.get(name)
    if row.fingerprint(current) == row.fingerprint(_scalar(desired)):
        return False
    if desired.rule in (WriteRule.IF_EMPTY, WriteRule.ONCE):
        # The CRM confirmed this very value once: whoever emptied the field since meant to.
        return current in _EMPTY and _differs(row, name, desired)
    return row.fingerprint(current) in _ours(row, name)


_EMPTY = (None, "")


def _differs(row: Row, name: str, desired: DesiredField) -> bool:
    return row.written.get(name) != row.fingerprint(_scalar(desired))


def _scalar(desired: DesiredField) -> Scalar:
    return desired.value  # type: ignore[return-value]  # resolved: only scalars are left


def _ours(row: Row, name: str) -> set[str]:
    """The values of a field that we may have written; an untouched field is empty."""
    sent = set(row.sent.get(name, ()))
    if name in row.written:
        return sent | {row.written[name]}
    return sent | {row.fingerprint(value) for value in _EMPTY}
