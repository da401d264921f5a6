"""From the fields that a mapping names to the fields that a project holds, and why some are not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from crm_sms.ports import Finding
from crm_sms.records import FieldType, NeededField
from crm_sms_salesforce.metadata.table import ACTIVITIES, PARTS, Definition, table, words

_LONGEST_NAME, _LONGEST_LABEL = 40, 40
_OWN_NAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*__c")
"""Salesforce's names of custom fields and objects: no double underscore but the last."""

_RECORDS: Mapping[str, str] = {"account": "Account", "owner": "User"}
"""What a look-up points to where the mapping does not name the object."""


@dataclass(frozen=True, slots=True)
class Field:
    """A custom field to be made; `object` is where it is made, Activity for tasks."""

    object: str
    name: str
    definition: Definition


@dataclass(frozen=True, slots=True)
class Definitions:
    """The fields to be made, the object of texts if it is to be made too, and a finding for each
    that is left out (failed) or whose definition is derived (a warning)."""

    fields: tuple[Field, ...]
    findings: tuple[Finding, ...]
    own: str | None = None


def is_custom(name: str) -> bool:
    """Whether an admin made the field or object, or a package brought it."""
    return name.endswith("__c")


def home(object: str) -> str:
    """Where a custom field of this object is made: tasks and events share theirs."""
    return "Activity" if object in ACTIVITIES else object


def define(needs: Iterable[NeededField]) -> Definitions:
    """A definition for every custom field that is needed, from the table or derived from how the
    mapping fills it; fields that are only read and not in the table exist already."""
    made: dict[tuple[str, str], Field] = {}
    findings: dict[str, Finding] = {}
    own = None
    for need in needs:
        if need.section == "message" and is_custom(need.object):
            if why := _unusable(need.object):
                findings[need.object] = _left_out(need.object, *why)
            else:
                own = need.object
        place = home(need.object), need.name
        if not is_custom(need.name) or place in made:
            continue
        found = _definition(need)
        subject = _subject(need)
        if isinstance(found, Finding):
            findings[subject] = found
        elif found is not None:
            made[place] = Field(*place, found)
            if need.name not in _known(need):
                findings[subject] = _derived(subject, need, found)
    return Definitions(tuple(made.values()), tuple(findings.values()), own)


def _known(need: NeededField) -> Mapping[str, Definition]:
    return table().fields[PARTS[need.section]]


def _definition(need: NeededField) -> Definition | Finding | None:
    known = _known(need).get(need.name)
    if known is not None:
        return _fitted(known, need)
    if not need.written:
        return None
    if why := _unusable(need.name):
        return _left_out(_subject(need), *why)
    alike = _known(need).get(need.like or "")
    if alike is not None:
        return _fitted(replace(alike, label=_label(need.name)), need)
    return _invented(need)


def _unusable(name: str) -> tuple[str, str] | None:
    """Why no project may hold a field or object of this name, and what to do."""
    if "__" in name.removesuffix("__c"):
        return "belongs to a package", "let its package bring it, and grant our user access to it"
    if not _OWN_NAME.fullmatch(name) or len(name.removesuffix("__c")) > _LONGEST_NAME:
        return "is no name that Salesforce takes", f"use at most {_LONGEST_NAME} letters, digits, _"
    return None


def _fitted(definition: Definition, need: NeededField) -> Definition:
    """With the mapping's own choices in the table's order, and its own objects to point to."""
    ours = [value for value in definition.values if value in need.choices]
    theirs = [value for value in need.choices if value not in definition.values]
    values = (*ours, *theirs) if definition.values else ()
    to = (need.refers_to or definition.to) if definition.to else ""
    return replace(definition, values=values or definition.values, to=to)


def _label(name: str) -> str:
    return words(name)[:_LONGEST_LABEL].strip()


def _invented(need: NeededField) -> Definition | Finding:
    """What the mapping's way to fill the field says of it."""
    if need.key:
        return replace(_KEY, label=_label(need.name))
    make = _BY_TYPE.get(need.type) if need.type else None
    if make is None:
        remedy = "make the field yourself, and grant our user access to it"
        return _left_out(
            _subject(need), "is filled by an expression that does not tell its type", remedy
        )
    made = make(need)
    if made.type == "Lookup" and not made.to:
        remedy = "map contact and lead into a field each"
        return _left_out(
            _subject(need), f"is to point to a {need.record} of more than one object", remedy
        )
    return replace(made, label=_label(need.name))


def _lookup(need: NeededField) -> Definition:
    to = need.refers_to or _RECORDS.get(need.record or "", "")
    children = f"{words(need.object)} {words(need.name)}".replace(" ", "_")[:_LONGEST_NAME]
    return Definition("Lookup", to=to, children=children.strip("_"))


_KEY = Definition("Text", length=255, unique=True, external=True, case_sensitive=True)

_BY_TYPE: Mapping[FieldType, Callable[[NeededField], Definition]] = {
    FieldType.TEXT: lambda _: Definition("Text", length=255),
    FieldType.NUMBER: lambda _: Definition("Number", precision=18, scale=5),
    FieldType.CHECKBOX: lambda _: Definition("Checkbox"),
    FieldType.DATE: lambda _: Definition("Date"),
    FieldType.INSTANT: lambda _: Definition("DateTime"),
    FieldType.PICKLIST: lambda need: Definition("Picklist", values=need.choices),
    FieldType.REFERENCE: _lookup,
}


def _subject(need: NeededField) -> str:
    return f"{home(need.object)}.{need.name}"


def _left_out(subject: str, why: str, remedy: str) -> Finding:
    return Finding(subject, False, f"is left out: it {why}", remedy)


def _derived(subject: str, need: NeededField, made: Definition) -> Finding:
    source = f"as {need.like} is" if need.like in _known(need) else "by what the mapping writes"
    size = f" {made.length}" if made.length else ""
    text = f"is not a name of ours: it is written as {made.type}{size}, {source}"
    remedy = "if the org has this field, delete its file here before you deploy: it would change it"
    return Finding(subject, None, text, remedy)
