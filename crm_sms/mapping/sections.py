"""One kind of record as a mapping file describes it, ready to be filled with facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from crm_sms.errors import BadMapping
from crm_sms.mapping.expressions import ExpressionError
from crm_sms.mapping.names import Kind, Scope, Values
from crm_sms.mapping.schema import FieldSpec
from crm_sms.mapping.scopes import RECORDS, SCOPES, RecordName
from crm_sms.mapping.values import to_value
from crm_sms.records import DesiredField, DesiredRecord, Lane, Value, WriteRule


@dataclass(frozen=True, slots=True)
class MappedField:
    """A field of the CRM with the function that finds its value; `source` is what the file says,
    `roots` the names of its scope that it reads."""

    name: str
    source: str
    get: Callable[[Values], Any]
    kind: Kind
    rule: WriteRule
    required: bool = False
    record: RecordName | None = None
    values: Mapping[str, str] | None = None
    otherwise: str | None = None
    constant: str | None = None
    columns: frozenset[str] = frozenset()
    roots: frozenset[str] = frozenset()

    @property
    def choices(self) -> tuple[str, ...]:
        """The texts that this field can be given, where they are known beforehand."""
        said = (*(self.values or {}).values(), self.otherwise, self.constant)
        return tuple(dict.fromkeys(text for text in said if text is not None))

    def value(self, facts: Values) -> Value:
        """What the field should hold, whole: delivery fits it to what the CRM has by then.

        Raises ExpressionError, TypeError or ValueError, with no data in the message.
        """
        raw = self.get(facts)
        if self.values is not None and raw is not None:
            raw = self.values.get(_as_key(raw), self.otherwise)
        return to_value(raw)


def _as_key(raw: Any) -> str:
    return str(raw).lower() if isinstance(raw, bool) else str(raw)


UNTOUCHED = "untouched"
"""Among the facts, and no name of any expression: lookups that keep what they have. A converted
lead cannot be referred to any more; where it is named already, it stays."""


@dataclass(frozen=True, slots=True)
class Section:
    """A record of one object and lane.

    For messages, `path` is the section's key in `file` and `object_key` the key that names the
    object. `starred` are the fields without which the record must not be written, its key among
    them.
    """

    file: str
    path: str
    object_key: str
    object: str
    lane: Lane
    fields: tuple[MappedField, ...]
    key_field: str | None = None
    create_only: bool = False
    starred: frozenset[str] = frozenset()

    @property
    def columns(self) -> frozenset[str]:
        """The person's further columns that the fields read."""
        return frozenset().union(*(field.columns for field in self.fields))

    def record(self, crm: str, key: str, partition: str, facts: Values) -> DesiredRecord:
        """The record these facts ask for; raises BadMapping that names file and key.

        Nothing is known of a None: it is written only by the rule `always`, where it clears what
        is no longer so, and left out otherwise.
        """
        desired: dict[str, DesiredField] = {}
        for field in self.fields:
            if field.record in facts.get(UNTOUCHED, ()):
                continue
            value = self._value(field, facts)
            if value is not None or field.rule is WriteRule.ALWAYS:
                desired[field.name] = DesiredField(value, field.rule)
        return DesiredRecord(
            crm=crm,
            object=self.object,
            key=key,
            lane=self.lane,
            fields=desired,
            key_field=self.key_field,
            create_only=self.create_only,
            partition=partition,
            starred=self.starred,
        )

    def _value(self, field: MappedField, facts: Values) -> Value:
        try:
            value = field.value(facts)
        except (ExpressionError, TypeError, ValueError) as error:
            raise BadMapping(f"{self.key_of(field)}: {error}; correct the expression") from None
        if value is None and field.required:
            raise BadMapping(
                f"{self.key_of(field)}: is required and has no value for this record; "
                "give it one for every record"
            )
        return value

    def key_of(self, field: MappedField) -> str:
        """Where the field stands, for messages: file and key."""
        return f"{self.file}: {self.path}.fields.{field.name}"


LANES: Mapping[str, Lane] = {
    "message": Lane.TIMELINE,
    "timeline_entry": Lane.TIMELINE,
    "task": Lane.TASK,
    "person_roll_up": Lane.ROLL_UP,
    "opportunity_roll_up": Lane.ROLL_UP,
    "opt_out": Lane.OPT_OUT,
}
"""How urgent each section's records are."""

CREATE_ONLY = frozenset({"timeline_entry", "task"})
"""Sections whose records are a rep's alone once they are made."""


def section(
    file: str,
    path: str,
    object: str,
    fields: Mapping[str, FieldSpec],
    *,
    key: str | None = None,
    object_key: str | None = None,
) -> Section:
    """The section at `path`, compiled from its checked fields."""
    create_only = path in CREATE_ONLY
    default = WriteRule.ONCE if create_only else WriteRule.ALWAYS
    mapped = [_compiled(name, spec, SCOPES[path], default) for name, spec in fields.items()]
    required = {field.name for field in mapped if field.required}
    return Section(
        file=file,
        path=path,
        object_key=object_key or f"{path}.object",
        object=object,
        lane=LANES[path],
        fields=tuple(mapped),
        key_field=key,
        create_only=create_only,
        starred=frozenset(required | {key} if key else required),
    )


def _compiled(name: str, spec: FieldSpec, scope: Scope, default: WriteRule) -> MappedField:
    rule = spec.rule or default
    expression = spec.compiled(scope)
    if isinstance(expression, RecordName):
        find = RECORDS[expression]
        source = f"record {expression}"
        return MappedField(name, source, find, Kind.RECORD, rule, spec.required, record=expression)
    return MappedField(
        name,
        spec.value or spec.text or "",
        expression.get,
        Kind.TEXT if spec.values else expression.kind,
        rule,
        spec.required,
        values=spec.values or None,
        otherwise=spec.otherwise,
        constant=expression.constant,
        columns=expression.columns,
        roots=expression.roots,
    )
