"""Whether one mapped field fits the field that the CRM has."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from crm_sms.mapping.names import Kind
from crm_sms.mapping.scopes import RecordName
from crm_sms.mapping.sections import MappedField, Section
from crm_sms.mapping.values import LONGEST_LIST
from crm_sms.records import FieldDescription, FieldType, WriteRule

_TEXTS = frozenset({FieldType.TEXT, FieldType.LONG_TEXT, FieldType.PHONE, FieldType.OTHER})
_TAKES: Mapping[Kind, frozenset[FieldType]] = {
    Kind.TEXT: _TEXTS | {FieldType.PICKLIST, FieldType.REFERENCE},
    Kind.LIST: _TEXTS,
    Kind.LINK: _TEXTS,
    Kind.NUMBER: frozenset({FieldType.NUMBER, FieldType.OTHER}),
    Kind.CHECKBOX: frozenset({FieldType.CHECKBOX, FieldType.OTHER}),
    Kind.INSTANT: frozenset({FieldType.INSTANT, FieldType.OTHER}),
    Kind.DATE: frozenset({FieldType.DATE, FieldType.OTHER}),
    Kind.RECORD: frozenset({FieldType.REFERENCE, FieldType.TEXT, FieldType.OTHER}),
    Kind.ANY: frozenset(FieldType),
}
"""Which fields can hold which kinds of values."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """What does not fit and what to do. `unusable`: the field must be left out, `wrong`: a
    mistake in the mapping or the CRM, not only a field that somebody chose not to have."""

    text: str
    remedy: str
    unusable: bool = True
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class Targets:
    """The objects that a record of each name may be, as far as the mapping names them, and those
    that an unnamed one (an account, an owner) cannot be."""

    named: Mapping[RecordName, frozenset[str]]
    ours: frozenset[str]


def misfits(
    section: Section, field: MappedField, description: FieldDescription, targets: Targets
) -> Iterator[Misfit]:
    """Everything about the field that does not fit, worst first."""
    if description.type not in _TAKES[field.kind]:
        yield _wrong_type(field, description)
    if field.record and not _points_right(field.record, description.refers_to, targets):
        yield Misfit(
            f"is {field.record}, but the field points to {' or '.join(description.refers_to)}",
            "map the record that the field is for",
            wrong=True,
        )
    if not _writable(section, field, description):
        yield Misfit(
            "our user may not write the field",
            "grant edit access to the field, or remove it from the mapping",
        )
    yield from _lacking(field, description)
    if field.kind is Kind.LIST and description.length and description.length < LONGEST_LIST:
        yield Misfit(
            f"holds {description.length} characters, so a list may end in the middle of a text",
            f"make the field {LONGEST_LIST} characters long",
            unusable=False,
        )


def _wrong_type(field: MappedField, description: FieldDescription) -> Misfit:
    wanted = " or ".join(sorted(type_.value for type_ in _TAKES[field.kind] - {FieldType.OTHER}))
    remedy = f"give it a value that fits, or make the field a {wanted} field"
    return Misfit(f"gives {field.kind}, but the field is {description.type}", remedy, wrong=True)


def _points_right(record: RecordName, refers_to: Collection[str], targets: Targets) -> bool:
    if not refers_to:
        return True
    if record in targets.named:
        return targets.named[record] <= set(refers_to)
    return not set(refers_to) <= targets.ours


def _writable(section: Section, field: MappedField, description: FieldDescription) -> bool:
    creates = section.key_field is not None
    updates = not section.create_only and field.rule is not WriteRule.ONCE
    return (description.creatable or not creates) and (description.updatable or not updates)


def _lacking(field: MappedField, description: FieldDescription) -> Iterator[Misfit]:
    if description.type is not FieldType.PICKLIST or not description.choices:
        return
    lacking = [choice for choice in field.choices if choice not in description.choices]
    if lacking:
        then = "these are left out" if description.restricted else "nobody can choose these"
        yield Misfit(
            f"the picklist has no active {', '.join(lacking)}: {then}",
            "add them to the picklist, or name its own values in the mapping",
            unusable=False,
            wrong=field.required and description.restricted,
        )
