"""The shape of a mapping file, checked as a whole: every problem at once, with key and remedy."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from functools import partial
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from crm_sms.errors import BadMapping
from crm_sms.mapping.expressions import Expression, compile_text, compile_value
from crm_sms.mapping.names import Kind, Scope
from crm_sms.mapping.scopes import SCOPES, RecordName
from crm_sms.records import PersonKind, WriteRule

CrmName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,254}$")]
"""An object's or field's API name, as the CRM spells it."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FieldSpec(_Strict):
    """Where a field's value comes from, and when it may be written."""

    value: str | None = None
    text: str | None = None
    record: RecordName | None = None
    values: dict[str, str] = Field(default_factory=dict)
    otherwise: str | None = None
    rule: WriteRule | None = None
    required: bool = False

    @model_validator(mode="after")
    def _one_source(self) -> FieldSpec:
        if len([s for s in (self.value, self.text, self.record) if s is not None]) != 1:
            raise ValueError("give exactly one of value, text and record")
        if (self.values or self.otherwise is not None) and self.value is None:
            raise ValueError("values and otherwise translate a value; give one")
        if self.otherwise is not None and not self.values:
            raise ValueError("otherwise is what values lacks; give values, or remove it")
        return self

    def compiled(self, scope: Scope) -> Expression | RecordName:
        """What gives the field its value; raises ExpressionError."""
        if self.value is not None:
            return compile_value(self.value, scope)
        if self.text is not None:
            return compile_text(self.text, scope)
        return RecordName(self.record or "")


def _checked(section: str, rules: frozenset[WriteRule], spec: FieldSpec) -> FieldSpec:
    scope = SCOPES[section]
    if spec.rule and spec.rule not in rules:
        raise ValueError(f"rule {spec.rule} cannot be kept here; use {' or '.join(sorted(rules))}")
    if spec.record and not scope.has("message"):
        raise ValueError("record is known of texts only; remove the field")
    source = spec.compiled(scope)
    if isinstance(source, Expression):
        _refuse_what_cannot_be_written(spec, source)
    return spec


def _refuse_what_cannot_be_written(spec: FieldSpec, expression: Expression) -> None:
    if expression.kind is Kind.RECORD:
        raise ValueError(f"{spec.value} is a whole record; name one of its parts")
    lacking = [member for member in expression.members if member not in spec.values]
    if spec.values and lacking and spec.otherwise is None:
        raise ValueError(f"values lacks {', '.join(lacking)}; add them, or otherwise")


def _checked_condition(section: str, source: str) -> str:
    kind = compile_value(source, SCOPES[section]).kind
    if kind not in (Kind.CHECKBOX, Kind.ANY):
        raise ValueError(f"gives {kind}, not true or false; compare it with something")
    return source


_OURS = frozenset(WriteRule)
_OTHERS = _OURS - {WriteRule.ONCE}
_NEVER_AGAIN = frozenset({WriteRule.ONCE})

MessageField = Annotated[FieldSpec, AfterValidator(partial(_checked, "message", _OURS))]
EntryField = Annotated[FieldSpec, AfterValidator(partial(_checked, "timeline_entry", _NEVER_AGAIN))]
TaskField = Annotated[FieldSpec, AfterValidator(partial(_checked, "task", _NEVER_AGAIN))]
PersonField = Annotated[FieldSpec, AfterValidator(partial(_checked, "person_roll_up", _OTHERS))]
OpportunityField = Annotated[
    FieldSpec, AfterValidator(partial(_checked, "opportunity_roll_up", _OTHERS))
]
OptOutField = Annotated[FieldSpec, AfterValidator(partial(_checked, "opt_out", _OTHERS))]


class PeopleSpec(_Strict):
    """One object of people: its phone columns in the order they are tried, its opt-out checkbox,
    and which of them texts may concern."""

    object: CrmName
    phones: tuple[CrmName, ...] = Field(min_length=1)
    opt_out: CrmName
    where: Annotated[str, AfterValidator(partial(_checked_condition, "people"))] | None = None


class MessageSpec(_Strict):
    """The record of a text."""

    object: CrmName
    key: CrmName
    fields: dict[CrmName, MessageField]


class TimelineEntrySpec(_Strict):
    """The entry that a rep sees on a person's timeline."""

    object: CrmName
    key: CrmName
    when: Annotated[str, AfterValidator(partial(_checked_condition, "timeline_entry"))] = (
        "message.direction == 'inbound' or answered"
    )
    fields: dict[CrmName, EntryField]


class TaskSpec(_Strict):
    """The task for a reply."""

    object: CrmName
    key: CrmName
    fields: dict[CrmName, TaskField]


class PersonRollUpSpec(_Strict):
    """Counts and times on every object of people."""

    fields: dict[CrmName, PersonField]


class OpportunityRollUpSpec(_Strict):
    """Counts and times on opportunities."""

    object: CrmName
    fields: dict[CrmName, OpportunityField]


class OptOutSpec(_Strict):
    """What an opt-out writes on every object of people."""

    fields: dict[CrmName, OptOutField]


class MappingSpec(_Strict):
    """A whole mapping file."""

    people: dict[PersonKind, PeopleSpec] = Field(min_length=1)
    message: MessageSpec
    opt_out: OptOutSpec
    task: TaskSpec
    timeline_entry: TimelineEntrySpec | None = None
    person_roll_up: PersonRollUpSpec | None = None
    opportunity_roll_up: OpportunityRollUpSpec | None = None

    @model_validator(mode="after")
    def _opt_out_is_written(self) -> MappingSpec:
        for kind, people in self.people.items():
            written = self.opt_out.fields.get(people.opt_out)
            if written is None or not written.required:
                raise ValueError(
                    f"people.{kind}.opt_out names {people.opt_out}: write it in opt_out.fields, "
                    "with required = true"
                )
        return self

    @model_validator(mode="after")
    def _keys_are_ours(self) -> MappingSpec:
        for name in ("message", "task", "timeline_entry"):
            section = getattr(self, name)
            if section and section.key in section.fields:
                raise ValueError(f"{name}.fields.{section.key}: the key is written by itself")
        return self


SECTIONS: Mapping[str, type[BaseModel]] = {
    "": MappingSpec,
    "people": PeopleSpec,
    "message": MessageSpec,
    "timeline_entry": TimelineEntrySpec,
    "task": TaskSpec,
    "person_roll_up": PersonRollUpSpec,
    "opportunity_roll_up": OpportunityRollUpSpec,
    "opt_out": OptOutSpec,
    "fields": FieldSpec,
}
"""The tables of a mapping file with what each may hold; `fields` is a field of any of them."""

_KEYS = sorted({key for model in SECTIONS.values() for key in model.model_fields})


def read(text: str, name: str) -> MappingSpec:
    """The file's content; raises BadMapping with every problem, each with its key and remedy.

    `name` is what the file is called in messages.
    """
    try:
        return MappingSpec.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise BadMapping(f"{name}: not TOML: {error}; correct that place") from None
    except ValidationError as error:
        problems = "\n".join(f"{name}: {line}" for line in _lines(error))
        raise BadMapping(problems) from None


def _lines(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False):
        key = ".".join(str(part) for part in problem["loc"] if part != "[key]")
        said = str(problem["msg"]).removeprefix("Value error, ")
        yield f"{key}: {_REMEDIES.get(problem['type'], _as_said)(key, said)}".removeprefix(": ")


def _as_said(_: str, said: str) -> str:
    return said


def _unknown_key(key: str, _: str) -> str:
    close = get_close_matches(key.rpartition(".")[2], _KEYS, 1)
    return f"unknown key; did you mean {close[0]}?" if close else "unknown key; remove it"


_REMEDIES: Mapping[str, Callable[[str, str], str]] = {
    "extra_forbidden": _unknown_key,
    "missing": lambda *_: "is missing; add it",
    "string_type": lambda *_: 'must stand in quotes, as in value = "true"',
    "string_pattern_mismatch": lambda *_: "is not an API name, such as SMS_Key__c; correct it",
}
