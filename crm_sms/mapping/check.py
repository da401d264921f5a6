"""A mapping held against what the CRM shows our user, before anything is written."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain

from crm_sms.mapping.fits import Misfit, Targets, misfits
from crm_sms.mapping.mapping import Mapping
from crm_sms.mapping.scopes import RecordName
from crm_sms.mapping.sections import MappedField, Section
from crm_sms.records import Columns, FieldType, ObjectDescription

Descriptions = MappingOf[str, ObjectDescription]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that does not fit: where (file and key), what, and what to do.

    A `fatal` one must be put right; any other is a warning.
    """

    file: str
    key: str
    text: str
    remedy: str
    fatal: bool

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.text}; {self.remedy}"


def check(mapping: Mapping, descriptions: Descriptions) -> tuple[Problem, ...]:
    """Every problem that a mapping has with these descriptions of its `objects()`.

    An object or field that is absent there is missing in the CRM or hidden from our user. Nothing
    is changed by a check: what cannot be written is left out, or parks, when it is written.
    """
    targets = _targets(mapping)
    found = chain(
        *(_of_section(one, descriptions.get(one.object), targets) for one in mapping.sections),
        *(_of_columns(mapping, one, descriptions.get(one.object)) for one in mapping.people),
    )
    once: dict[tuple[str, str], Problem] = {}
    for problem in found:
        place = problem.key, problem.text
        once[place] = problem if problem.fatal else once.get(place, problem)
    return tuple(once.values())


def _of_section(
    section: Section, description: ObjectDescription | None, targets: Targets
) -> Iterator[Problem]:
    for key, misfit in _of_the_record(section, description):
        fatal = bool(section.starred)
        yield Problem(section.file, key, misfit.text, misfit.remedy, fatal)
    if description is not None:
        for field in section.fields:
            for misfit in _of_the_field(section, field, description, targets):
                yield _problem(section, field, misfit)


def _problem(section: Section, field: MappedField, misfit: Misfit) -> Problem:
    key = f"{section.path}.fields.{field.name}"
    text = f"{section.object}: {misfit.text}"
    fatal = misfit.wrong or (misfit.unusable and field.required)
    return Problem(section.file, key, text, misfit.remedy, fatal)


_WRITTEN = "crm-sms plan --out DIR writes both, with a permission set to assign"


def _missing_object(name: str) -> Misfit:
    return Misfit(
        f"there is no {name}, or our user may not see it",
        f"make the object, or grant our user access to it; {_WRITTEN}",
    )


def _missing_field(name: str, description: ObjectDescription) -> Misfit:
    spelt = {known.casefold(): known for known in description.fields}
    close = get_close_matches(name.casefold(), spelt, 1, cutoff=0.8)
    hint = f" (did you mean {spelt[close[0]]}?)" if close else ""
    return Misfit(
        f"there is no field {name}, or our user may not see it",
        f"make the field, or grant our user access to it{hint}; {_WRITTEN}",
    )


def _of_the_record(
    section: Section, description: ObjectDescription | None
) -> Iterator[tuple[str, Misfit]]:
    """What keeps the record as a whole from being written, with the key that is to blame."""
    if description is None:
        yield section.object_key, _missing_object(section.object)
        return
    needs = {"create": description.creatable} if section.key_field else {}
    needs |= {} if section.create_only else {"edit": description.updatable}
    for verb, allowed in needs.items():
        if not allowed:
            text = f"our user may not {verb} {section.object} records"
            yield section.object_key, Misfit(text, f"grant {verb} access to the object")
    if section.key_field and (misfit := _of_the_key(section.key_field, description)):
        yield f"{section.path}.key", misfit


def _of_the_key(name: str, description: ObjectDescription) -> Misfit | None:
    key = description.fields.get(name)
    if key is None:
        return _missing_field(name, description)
    if not key.unique_key or key.type is not FieldType.TEXT:
        return Misfit(
            f"{name} is not a unique text field, so records could be made twice",
            "make it a Text field that is an external id and unique",
        )
    if not key.creatable:
        return Misfit(f"our user may not write {name}", "grant edit access to the field")
    return None


def _of_the_field(
    section: Section, field: MappedField, description: ObjectDescription, targets: Targets
) -> Iterator[Misfit]:
    known = description.fields.get(field.name)
    if known is None:
        yield _missing_field(field.name, description)
    else:
        yield from misfits(section, field, known, targets)


def _targets(mapping: Mapping) -> Targets:
    people = {columns.kind.value: columns.object for columns in mapping.people}
    named = {RecordName(kind): frozenset({name}) for kind, name in people.items()}
    named[RecordName.PERSON] = frozenset(people.values())
    if mapping.opportunity:
        named[RecordName.OPPORTUNITY] = frozenset({mapping.opportunity.object})
    return Targets(named, frozenset({mapping.message.object}).union(*named.values()))


def _of_columns(
    mapping: Mapping, columns: Columns, description: ObjectDescription | None
) -> Iterator[Problem]:
    """What a pull cannot bring."""
    path = f"people.{columns.kind}"
    if description is None:
        gone = _missing_object(columns.object)
        yield Problem(mapping.name, f"{path}.object", gone.text, gone.remedy, fatal=True)
        return
    where = mapping.wheres.get(columns.object)
    judged = where.expression.columns if where else frozenset()
    no_phones = not set(columns.phones) & set(description.fields)
    for key, names, fatal in (
        ("phones", columns.phones, no_phones),
        ("where", sorted(judged), True),  # without it everybody is left out, or taken in
        ("expressions", [name for name in columns.further if name not in judged], False),
    ):
        for name in names:
            if name not in description.fields:
                misfit = _missing_field(name, description)
                text = f"{columns.object}: {misfit.text}"
                yield Problem(mapping.name, f"{path}.{key}", text, misfit.remedy, fatal)
