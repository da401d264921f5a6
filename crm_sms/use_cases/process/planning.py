"""What a batch wants in one CRM: records of texts and tasks, roll-ups, opt-outs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy import Connection

from crm_sms.ledger import Ledger, inbox, mirror
from crm_sms.ledger.matched import (
    Match,
    opt_out_events,
    opt_out_of,
    opt_outs,
    roll_ups,
    store_matches,
)
from crm_sms.ledger.parked import Refused
from crm_sms.ledger.planned import Place
from crm_sms.ledger.texts import in_threads
from crm_sms.mapping.facts import OptOut, ReplyTask, RollUp, TextFacts
from crm_sms.messages import Message
from crm_sms.plan import Plan, plan_opportunity, plan_person, plan_text
from crm_sms.records import DesiredRecord, Owner, Person
from crm_sms.routing import Conversation, acting_owner, due_date, task_key
from crm_sms.use_cases.process.people import Known, match_texts
from crm_sms.use_cases.process.replies import converse
from crm_sms.use_cases.process.threads import Places
from crm_sms.use_cases.process.words import LoadedText, Planner, Processing

log = structlog.get_logger(__name__)

Wanted = list[tuple[DesiredRecord, int | None]]
"""Desired records, each with the message it is due to."""


@dataclass(slots=True)
class Planned:
    """What a batch wants in one CRM, what its mapping could not make, texts without a person."""

    wanted: Wanted = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    unmatched: int = 0

    @property
    def places(self) -> set[Place]:
        """Where in the outbox all of this stands."""
        wanted = {(record.object, record.key, record.lane) for record, _ in self.wanted}
        return wanted | {one.place for one in self.refused}


def plan(
    processing: Processing,
    planner: Planner,
    connection: Connection,
    texts: Sequence[LoadedText],
    places: Places,
    now: datetime,
) -> Planned:
    """Match the texts, store the matches, and say what this CRM should hold."""
    chosen, known = match_texts(processing.ledger, connection, planner.crm, texts, places)
    concerned = _people(texts, chosen, known)
    processing.ledger.lock(connection, [f"person:{planner.crm}:{id}" for id in sorted(concerned)])
    talks = converse(processing, planner, connection, texts, chosen)
    store_matches(processing.ledger, connection, list(chosen.values()))
    _follow(processing.ledger, connection, planner.crm, texts, chosen, known, places, now)
    desk = _Desk(planner, known, _owners(planner, connection, known))
    desk.planned.unmatched = sum(match.person_id is None for match in chosen.values())
    for text in texts:
        _plan_text(desk, text, chosen[text.message.key], talks.get(text.message.key))
    _plan_roll_ups(desk, connection, texts, chosen, concerned)
    _plan_opt_outs(processing.ledger, desk, connection, texts)
    return desk.planned


@dataclass(frozen=True, slots=True)
class _Desk:
    """What every plan of one CRM rests on, and where it is laid down."""

    planner: Planner
    known: Known
    owners: Mapping[str, Owner]
    planned: Planned = field(default_factory=Planned)

    def lay(self, message_id: int, plan: Plan) -> None:
        """Take a plan down, with the message that it is due to."""
        self.planned.wanted += [(record, message_id) for record in plan.records]
        for one in plan.unmapped:
            log.error("mapping failed", crm=self.planner.crm, record=one.what, error=one.reason)
            self.planned.refused.append(Refused(one.what, message_id, one.reason))


def _people(
    texts: Sequence[LoadedText], chosen: Mapping[str, Match], known: Known
) -> dict[str, int]:
    """Everybody whose sums may change, with the message that is the reason: also those who lost a
    text to somebody else."""
    concerned: dict[str, int] = {}
    for text in texts:
        match = chosen[text.message.key]
        before = known.matches.get((text.id, match.crm))
        for person_id in (match.person_id, before.person_id if before else None):
            if person_id:
                concerned[person_id] = text.id
    return concerned


def _follow(
    ledger: Ledger,
    connection: Connection,
    crm: str,
    texts: Sequence[LoadedText],
    chosen: Mapping[str, Match],
    known: Known,
    places: Places,
    now: datetime,
) -> None:
    """A text whose person changed may change whom later texts of its thread concern."""
    here = {text.message.key for text in texts}
    changed = {
        text.thread
        for text in texts
        if (before := known.matches.get((text.id, crm)))
        and before.person_id != chosen[text.message.key].person_id
    }
    if not changed:
        return
    later = [
        row.id
        for row in in_threads(connection, [thread for thread in changed if thread])
        if row.key not in here and places[row.key].before in here
    ]
    inbox.put_back(ledger, connection, later, now)


def _owners(planner: Planner, connection: Connection, known: Known) -> dict[str, Owner]:
    ids = {person.owner_id for person in known.people.values()}
    ids |= {opportunity.owner_id for opportunity in known.pipeline.opportunities.values()}
    ids.add(planner.tasks.fallback_owner)
    return mirror.owners_by_id(connection, planner.crm, {id for id in ids if id})


def _plan_text(desk: _Desk, text: LoadedText, match: Match, talk: Conversation | None) -> None:
    """The text's own record, its timeline entry, and its task if it opened a conversation; a text
    without a person has no place in the CRM yet."""
    person = desk.known.people.get(match.person_id or "")
    if person is None:
        return
    task = None
    if talk and talk.task_key == task_key(text.message.key):
        task = ReplyTask(talk.task_key, due_date(text.message, desk.planner.tasks))
    facts = _facts(desk, text.message, person, match)
    desk.lay(text.id, plan_text(desk.planner.mapping, desk.planner.crm, facts, task))


def _facts(desk: _Desk, message: Message, person: Person, match: Match) -> TextFacts:
    opportunity = desk.known.opportunity(match)
    owner = acting_owner(person, opportunity, desk.owners, desk.planner.tasks.fallback_owner)
    answered = message.replied_at is not None
    return TextFacts(message, person, owner, opportunity, answered)


def _plan_roll_ups(
    desk: _Desk,
    connection: Connection,
    texts: Sequence[LoadedText],
    chosen: Mapping[str, Match],
    concerned: Mapping[str, int],
) -> None:
    crm, mapping = desk.planner.crm, desk.planner.mapping
    sums = roll_ups(connection, crm, "person_id", concerned)
    for id, message_id in concerned.items():
        person = desk.known.people.get(id)
        if person:
            rolled = sums.get(id, _NOTHING)
            desk.lay(message_id, plan_person(mapping, crm, person, roll_up=rolled))
    touched: dict[str, int] = {}
    for text in texts:
        for match in (chosen[text.message.key], desk.known.matches.get((text.id, crm))):
            if match and match.opportunity_id:
                touched[match.opportunity_id] = text.id
    sums = roll_ups(connection, crm, "opportunity_id", touched)
    for id, message_id in touched.items():
        opportunity = desk.known.pipeline.opportunities.get(id)
        if opportunity:
            rolled = sums.get(id, _NOTHING)
            desk.lay(message_id, plan_opportunity(mapping, crm, opportunity, rolled))


_NOTHING = RollUp()
"""The sums of somebody who lost their only text."""


def _plan_opt_outs(
    ledger: Ledger, desk: _Desk, connection: Connection, texts: Sequence[LoadedText]
) -> None:
    """An opt-out for everybody who holds a number that said no, whomever the text concerned.

    What counts as a no was decided when it was received: the rules may have changed since.
    """
    no = opt_out_events(ledger, connection, {text.number for text in texts if text.number})
    said = {
        text.number: text.id
        for text in texts
        if any((one.provider, one.account, one.key) in no for one in text.facts.values())
    }
    holders = desk.known.holders
    people = {id: said[number] for number in said if number for id in holders.get(number, ())}
    for person, opt_out in opted_out(ledger, desk.planner.crm, connection, people):
        plan = plan_person(desk.planner.mapping, desk.planner.crm, person, opt_out=opt_out)
        desk.lay(people[person.id], plan)


def opted_out(
    ledger: Ledger, crm: str, connection: Connection, person_ids: Collection[str]
) -> list[tuple[Person, OptOut]]:
    """Those of these people who hold a number that said no, with what they said."""
    people = mirror.people_by_id(connection, crm, person_ids)
    numbers = {phone.raw for person in people.values() for phone in person.phones}
    said = opt_outs(ledger, connection, numbers)
    judged = ((p, opt_out_of([phone.raw for phone in p.phones], said)) for p in people.values())
    return [(person, no) for person, no in judged if no]
