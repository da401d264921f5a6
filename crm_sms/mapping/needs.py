"""What a CRM must have for a mapping: every field that it names, with what is known of it."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as MappingOf

from crm_sms.mapping.mapping import Mapping
from crm_sms.mapping.names import Kind
from crm_sms.mapping.sections import MappedField, Section
from crm_sms.records import Columns, FieldType, NeededField

_TYPES: MappingOf[Kind, FieldType] = {
    Kind.TEXT: FieldType.TEXT,
    Kind.LIST: FieldType.TEXT,
    Kind.LINK: FieldType.TEXT,
    Kind.NUMBER: FieldType.NUMBER,
    Kind.CHECKBOX: FieldType.CHECKBOX,
    Kind.INSTANT: FieldType.INSTANT,
    Kind.DATE: FieldType.DATE,
    Kind.RECORD: FieldType.REFERENCE,
}
"""The field that each kind of value asks for; an expression of Kind.ANY leaves it open."""


def needs(mapping: Mapping, shipped: Mapping | None) -> tuple[NeededField, ...]:
    """Every field that the mapping names, once for each section and object, in the file's order.

    `shipped` is the mapping that we ship for the same CRM, if there is one: a field that holds the
    same fact under another name is `like` it.
    """
    ours = {(one.path, one.object): one for one in shipped.sections} if shipped else {}
    by_path = {path: one for (path, _), one in reversed(ours.items())}
    found: list[NeededField] = []
    for section in mapping.sections:
        like = ours.get((section.path, section.object)) or by_path.get(section.path)
        found += _of_section(section, like, mapping)
    for columns in mapping.people:
        found += _read(columns)
    return tuple(dict.fromkeys(found))


def _of_section(
    section: Section, shipped: Section | None, mapping: Mapping
) -> Iterator[NeededField]:
    named = {field.name for field in section.fields}
    same = {
        field.source: field.name
        for field in (shipped.fields if shipped else ())
        if field.name not in named
    }
    if section.key_field:
        key = shipped.key_field if shipped and shipped.key_field != section.key_field else None
        yield NeededField(
            section.path, section.object, section.key_field, FieldType.TEXT, like=key, key=True
        )
    flags = {columns.object: columns.opt_out for columns in mapping.people}
    for field in section.fields:
        yield NeededField(
            section.path,
            section.object,
            field.name,
            FieldType.PICKLIST if field.values else _TYPES.get(field.kind),
            choices=field.choices,
            record=field.record,
            refers_to=_target(field, mapping),
            like=same.get(field.source),
            flag=section.path == "opt_out" and field.name == flags.get(section.object),
        )


def _target(field: MappedField, mapping: Mapping) -> str | None:
    known = {columns.kind.value: columns.object for columns in mapping.people}
    if mapping.opportunity:
        known["opportunity"] = mapping.opportunity.object
    return known.get(field.record) if field.record else None


def _read(columns: Columns) -> Iterator[NeededField]:
    for name in columns.phones:
        yield NeededField("people", columns.object, name, FieldType.PHONE, written=False)
    for name in columns.further:
        yield NeededField("people", columns.object, name, written=False)
