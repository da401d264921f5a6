"""What the CRM should hold, given the facts: the pure functions of the rooms below, in one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from crm_sms.errors import BadMapping
from crm_sms.mapping import Mapping, OptOut, ReplyTask, RollUp, TextFacts
from crm_sms.records import DesiredRecord, Opportunity, Person


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A record that the mapping could not make of these facts: `what` it is, and why.

    What else one text asks for has another name: sums and opt-outs say whose they are.
    """

    what: str
    reason: str


@dataclass(slots=True)
class Plan:
    """The records that these facts ask for, and those that must park instead.

    One failing expression costs its own record only; the caller parks `unmapped` and plans it
    again once the mapping is corrected.
    """

    records: list[DesiredRecord] = field(default_factory=list)
    unmapped: list[Unmapped] = field(default_factory=list)

    def want(self, what: str, make: Callable[[], DesiredRecord | None]) -> None:
        """Add what `make` gives; None means that the mapping wants no such record."""
        try:
            record = make()
        except BadMapping as error:
            self.unmapped.append(Unmapped(what, str(error)))
        else:
            self.records += [record] if record else []


def plan_text(mapping: Mapping, crm: str, facts: TextFacts, task: ReplyTask | None = None) -> Plan:
    """The text's own record, its timeline entry, and its task if it opens a conversation. Of a text
    that concerns nobody, only the record: it says so; likewise of one that concerns somebody whom
    the mapping leaves out by now: it keeps them."""
    plan = Plan()
    plan.want("message", partial(mapping.message_record, crm, facts))
    if facts.person is None or not facts.person.covered:
        return plan
    plan.want("timeline_entry", partial(mapping.timeline_entry, crm, facts))
    if task:
        plan.want("task", partial(mapping.reply_task, crm, facts, task))
    return plan


def plan_person(
    mapping: Mapping,
    crm: str,
    person: Person,
    roll_up: RollUp | None = None,
    opt_out: OptOut | None = None,
) -> Plan:
    """A person's sums and a person's no, each where it is known."""
    plan, whose = Plan(), f"{person.object} {person.id}"
    if opt_out:
        plan.want(f"opt_out of {whose}", partial(mapping.opt_out, crm, person, opt_out))
    if roll_up:
        plan.want(f"roll_up of {whose}", partial(mapping.person_roll_up, crm, person, roll_up))
    return plan


def plan_opportunity(mapping: Mapping, crm: str, opportunity: Opportunity, roll_up: RollUp) -> Plan:
    """An opportunity's sums."""
    plan = Plan()
    make = partial(mapping.opportunity_roll_up, crm, opportunity, roll_up)
    plan.want(f"roll_up of opportunity {opportunity.id}", make)
    return plan
