"""A mapping file, compiled: facts in, desired records out."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field, replace
from hashlib import sha256

from crm_sms.errors import BadMapping
from crm_sms.mapping.expressions import Expression, ExpressionError, compile_value
from crm_sms.mapping.facts import OptOut, ReplyTask, RollUp, TextFacts
from crm_sms.mapping.schema import (
    FieldSpec,
    MappingSpec,
    MessageSpec,
    TaskSpec,
    TimelineEntrySpec,
    read,
)
from crm_sms.mapping.scopes import SCOPES, RecordName
from crm_sms.mapping.sections import UNTOUCHED, Section, section
from crm_sms.mapping.where import Where
from crm_sms.records import (
    Columns,
    DesiredRecord,
    Opportunity,
    Part,
    Person,
    Reference,
)

_DIGITS = 16
"""Of a digest: two texts of one installation share it by chance once in 2^64."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """What an admin's file says, as functions from facts to desired records.

    All of them are pure. They raise BadMapping, naming file and key, for a record whose facts an
    expression cannot take or whose required field would stay empty; other records are not touched
    by that. The records of one person share a partition: the account, else the person.

    `digest` stands for the file's text: it changes whenever the text does. `wheres` are by object.
    """

    name: str
    digest: str = field(repr=False)
    people: tuple[Columns, ...]
    message: Section
    task: Section
    person_roll_ups: MappingOf[str, Section]
    opt_outs: MappingOf[str, Section]
    timeline: Section | None = None
    when: Expression | None = None
    opportunity: Section | None = None
    wheres: MappingOf[str, Where] = field(default_factory=dict)

    @staticmethod
    def load(text: str, name: str) -> Mapping:
        """A mapping from a file's text; `name` is what the file is called in messages.

        Raises BadMapping with every problem, each with its key and remedy.
        """
        return _compiled(read(text, name), name, _digest(text))

    @property
    def sections(self) -> tuple[Section, ...]:
        """Every kind of record that this mapping writes, in the order of the file."""
        ours = (self.message, self.task, self.timeline, self.opportunity)
        people = (*self.opt_outs.values(), *self.person_roll_ups.values())
        return (*(one for one in ours if one), *people)

    def columns(self) -> tuple[Columns, ...]:
        """What a pull of people must bring: phones, opt-out, and what expressions read."""
        return self.people

    def objects(self) -> frozenset[str]:
        """The objects that `check` needs described."""
        written = {section.object for section in self.sections}
        return frozenset(written | {columns.object for columns in self.people})

    def covers(self, person: Person) -> bool:
        """Whether texts may concern this person. Opt-outs ask nobody."""
        where = self.wheres.get(person.object)
        return where is None or where.covers(person)

    def message_record(self, crm: str, facts: TextFacts) -> DesiredRecord:
        """The record of a text, in the timeline lane."""
        return self.message.record(crm, facts.message.key, partition(facts.person), _text(facts))

    def timeline_entry(self, crm: str, facts: TextFacts) -> DesiredRecord | None:
        """The entry on the timeline, where the mapping wants one for this text."""
        if self.timeline is None or self.when is None:
            return None
        values = _text(facts) | {"message_url": self._url(facts)}
        try:
            wanted = self.when.get(values)
        except ExpressionError as error:
            where = f"{self.name}: {self.timeline.path}.when"
            raise BadMapping(f"{where}: {error}; correct the expression") from None
        if not wanted:
            return None
        key = f"entry:{facts.message.key}"
        return self.timeline.record(crm, key, partition(facts.person), values)

    def reply_task(self, crm: str, facts: TextFacts, task: ReplyTask) -> DesiredRecord:
        """The task for a conversation that this text opens."""
        values = _text(facts) | {"task": task, "message_url": self._url(facts)}
        return self.task.record(crm, task.key, partition(facts.person), values)

    def person_roll_up(self, crm: str, person: Person, roll_up: RollUp) -> DesiredRecord | None:
        """Counts and times on a contact or lead; None if the mapping has none for its object."""
        found = self.person_roll_ups.get(person.object)
        values = {"person": person, "roll_up": roll_up}
        if found is None or not found.fields:
            return None
        return found.record(crm, person.id, partition(person), values)

    def opportunity_roll_up(
        self, crm: str, opportunity: Opportunity, roll_up: RollUp
    ) -> DesiredRecord | None:
        """Counts and times on an opportunity; None if the mapping has none."""
        values = {"opportunity": opportunity, "roll_up": roll_up}
        if self.opportunity is None or not self.opportunity.fields:
            return None
        owner = opportunity.account_id or opportunity.id
        return self.opportunity.record(crm, opportunity.id, owner, values)

    def opt_out(self, crm: str, person: Person, opt_out: OptOut) -> DesiredRecord:
        """A person's no; an object of people that the mapping lacks is a BadMapping."""
        found = self.opt_outs.get(person.object)
        if found is None:
            raise BadMapping(
                f"{self.name}: people: nothing says how an opt-out is written on {person.object}; "
                "add the object"
            )
        values = {"person": person, "opt_out": opt_out}
        return found.record(crm, person.id, partition(person), values)

    def _url(self, facts: TextFacts) -> Reference:
        return Reference(self.message.object, facts.message.key, Part.URL)


def _digest(text: str) -> str:
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]


def partition(person: Person | None) -> str:
    """What two writers must not touch at once: the account, else the person."""
    return (person.account_id or person.id) if person else ""


def _text(facts: TextFacts) -> dict[str, object]:
    return {
        "message": facts.message,
        "person": facts.person,
        "owner": facts.owner,
        "opportunity": facts.opportunity,
        "answered": facts.answered,
        UNTOUCHED: {RecordName.LEAD} if facts.converted else (),
        "opportunity_rule": facts.opportunity_rule,
    }


def _compiled(spec: MappingSpec, name: str, digest: str) -> Mapping:
    entry, opportunity, roll_up = spec.timeline_entry, spec.opportunity_roll_up, spec.person_roll_up
    mapping = Mapping(
        name=name,
        digest=digest,
        people=(),
        message=_ours(name, "message", spec.message),
        task=_ours(name, "task", spec.task),
        person_roll_ups=_on_people(name, "person_roll_up", spec, roll_up.fields if roll_up else {}),
        opt_outs=_on_people(name, "opt_out", spec, spec.opt_out.fields),
        timeline=_ours(name, "timeline_entry", entry) if entry else None,
        when=compile_value(entry.when, SCOPES["timeline_entry"]) if entry else None,
        opportunity=(
            section(name, "opportunity_roll_up", opportunity.object, opportunity.fields)
            if opportunity
            else None
        ),
    )
    mapping = replace(mapping, wheres=_wheres(name, spec))
    return replace(mapping, people=_people(spec, mapping))


def _ours(name: str, path: str, spec: MessageSpec | TaskSpec | TimelineEntrySpec) -> Section:
    return section(name, path, spec.object, spec.fields, key=spec.key)


def _on_people(
    name: str, path: str, spec: MappingSpec, fields: MappingOf[str, FieldSpec]
) -> dict[str, Section]:
    return {
        people.object: section(
            name, path, people.object, fields, object_key=f"people.{kind}.object"
        )
        for kind, people in spec.people.items()
    }


def _people(spec: MappingSpec, mapping: Mapping) -> tuple[Columns, ...]:
    read_by_when = mapping.when.columns if mapping.when else frozenset()
    everywhere = read_by_when.union(*(section.columns for section in mapping.sections))
    further = {one.object: everywhere for one in spec.people.values()}
    for name, where in mapping.wheres.items():
        further[name] |= where.expression.columns
    return tuple(
        Columns(one.object, kind, one.phones, one.opt_out, tuple(sorted(further[one.object])))
        for kind, one in spec.people.items()
    )


def _wheres(name: str, spec: MappingSpec) -> dict[str, Where]:
    return {
        people.object: Where.of(name, f"people.{kind}.where", people.where)
        for kind, people in spec.people.items()
        if people.where is not None
    }
