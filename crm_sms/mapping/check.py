"""A mapping held against what the CRM shows our user, before anything is written."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, replace
from difflib import get_close_matches

from crm_sms.mapping.fits import Misfit, Targets, fitted, misfits
from crm_sms.mapping.mapping import Mapping
from crm_sms.mapping.scopes import RecordName
from crm_sms.mapping.sections import MappedField, Section
from crm_sms.records import Columns, FieldType, Lane, ObjectDescription

Descriptions = MappingOf[str, ObjectDescription]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that does not fit: where (file and key), what, and what to do.

    With `fatal` the check as a whole fails; otherwise it is a warning.
    """

    file: str
    key: str
    text: str
    remedy: str
    fatal: bool

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.text}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Checked:
    """All problems at once, and the mapping that can run in spite of them.

    Fields that do not fit are left out of `mapping`; where one of them is required, the records
    are named in `mapping.blocked` and must park. Its texts are cut to the fields' lengths, and a
    choice that a restricted picklist lacks becomes `otherwise`, or nothing.
    """

    mapping: Mapping
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is left but warnings."""
        return not any(problem.fatal for problem in self.problems)


def check(mapping: Mapping, descriptions: Descriptions) -> Checked:
    """Hold a mapping against descriptions of its `objects()`.

    An object or field that is absent there is missing in the CRM or hidden from our user.
    """
    targets = _targets(mapping)
    problems: list[Problem] = []
    blocked: dict[tuple[str, Lane], str] = {}

    def judged(section: Section) -> Section:
        judgement = _judge(section, descriptions.get(section.object), targets)
        problems.extend(judgement.problems)
        if judgement.blocking:
            reason = "; ".join(str(problem) for problem in judgement.blocking)
            blocked[section.object, section.lane] = reason
        return judgement.section

    fit = replace(
        mapping,
        message=judged(mapping.message),
        task=judged(mapping.task),
        timeline=mapping.timeline and judged(mapping.timeline),
        opportunity=mapping.opportunity and judged(mapping.opportunity),
        opt_outs={name: judged(one) for name, one in mapping.opt_outs.items()},
        person_roll_ups={name: judged(one) for name, one in mapping.person_roll_ups.items()},
        people=tuple(
            _columns(mapping.name, columns, descriptions.get(columns.object), problems)
            for columns in mapping.people
        ),
        blocked=blocked,
    )
    once = {(problem.key, problem.text): problem for problem in reversed(problems)}
    return Checked(fit, tuple(reversed(once.values())))


@dataclass(frozen=True, slots=True)
class _Judgement:
    section: Section
    problems: list[Problem]
    blocking: list[Problem]


def _judge(section: Section, description: ObjectDescription | None, targets: Targets) -> _Judgement:
    """A section without the fields that cannot be written. One that is blocked keeps them all: its
    rows wait, whole, until the CRM is put right."""
    starred = bool(section.starred)
    whole = [
        Problem(section.file, key, misfit.text, misfit.remedy, starred)
        for key, misfit in _of_the_record(section, description)
    ]
    if description is None or (whole and not starred):
        fields = section.fields if starred else ()
        return _Judgement(replace(section, fields=fields), whole, whole if starred else [])
    judgement = _Judgement(section, list(whole), list(whole))
    kept = [
        fitted(field, description.fields.get(field.name))
        for field in section.fields
        if _keep(judgement, field, list(_of_the_field(section, field, description, targets)))
    ]
    return replace(judgement, section=replace(section, fields=tuple(kept)))


def _keep(judgement: _Judgement, field: MappedField, found: list[Misfit]) -> bool:
    """Whether the field stays; what is wrong with it is added to the judgement."""
    unusable = any(misfit.unusable for misfit in found)
    said = [_problem(judgement.section, field, misfit) for misfit in found]
    judgement.problems.extend(said)
    judgement.blocking.extend(said if field.required and unusable else [])
    return field.required or not unusable


def _problem(section: Section, field: MappedField, misfit: Misfit) -> Problem:
    key = f"{section.path}.fields.{field.name}"
    text = f"{section.object}: {misfit.text}"
    fatal = misfit.wrong or (misfit.unusable and field.required)
    return Problem(section.file, key, text, misfit.remedy, fatal)


def _missing_object(name: str) -> Misfit:
    return Misfit(
        f"there is no {name}, or our user may not see it",
        "make the object, or grant our user access to it",
    )


def _missing_field(name: str, description: ObjectDescription) -> Misfit:
    spelt = {known.casefold(): known for known in description.fields}
    close = get_close_matches(name.casefold(), spelt, 1, cutoff=0.8)
    hint = f"; did you mean {spelt[close[0]]}?" if close else ""
    return Misfit(
        f"there is no field {name}, or our user may not see it",
        f"make the field, or grant our user access to it{hint}",
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


def _columns(
    file: str, columns: Columns, description: ObjectDescription | None, problems: list[Problem]
) -> Columns:
    """The columns that a pull can bring; what is missing goes to `problems`."""
    path = f"people.{columns.kind}"
    if description is None:
        gone = _missing_object(columns.object)
        problems.append(Problem(file, f"{path}.object", gone.text, gone.remedy, fatal=True))
        return columns
    seen = description.fields
    phones = tuple(name for name in columns.phones if name in seen)
    wanted = {"phones": columns.phones, "expressions": columns.further}
    for key, names in wanted.items():
        for name in names:
            if name not in seen:
                misfit = _missing_field(name, description)
                text = f"{columns.object}: {misfit.text}"
                fatal = key == "phones" and not phones
                problems.append(Problem(file, f"{path}.{key}", text, misfit.remedy, fatal))
    return replace(
        columns,
        phones=phones,
        opt_out=columns.opt_out if columns.opt_out in seen else None,
        further=tuple(name for name in columns.further if name in seen),
    )
