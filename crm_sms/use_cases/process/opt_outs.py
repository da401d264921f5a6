"""Everybody who holds a number that said no is opted out."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection

from crm_sms.ledger import Ledger, mirror, outbox
from crm_sms.ledger.carried import carried
from crm_sms.ledger.crm_records import known_records
from crm_sms.ledger.matched import opt_out_events, opt_out_of, opt_outs
from crm_sms.mapping.facts import OptOut
from crm_sms.plan import plan_person
from crm_sms.records import Lane, Person
from crm_sms.use_cases.process.desk import Desk
from crm_sms.use_cases.process.words import LoadedText, Planner, Processing


def plan_opt_outs(
    ledger: Ledger, desk: Desk, connection: Connection, texts: Sequence[LoadedText]
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
    for person, opt_out in opted_out(ledger, desk.planner, connection, people):
        plan = plan_person(desk.planner.mapping, desk.planner.crm, person, opt_out=opt_out)
        desk.lay(people[person.id], plan)


def opted_out(
    ledger: Ledger, planner: Planner, connection: Connection, person_ids: Collection[str]
) -> list[tuple[Person, OptOut]]:
    """Those of these people who hold a number that said no, with what they said, or who took over
    a no set by hand; without those who are opted out by somebody's hand: that no concerns the
    person, and ours would narrow it to some numbers and replace its evidence."""
    people = mirror.people_by_id(connection, planner.crm, person_ids)
    numbers = {phone.raw for person in people.values() for phone in person.phones}
    said = opt_outs(ledger, connection, numbers)
    took_over = carried(connection, planner.crm, people)
    judged = (
        (p, opt_out_of([phone.raw for phone in p.phones], said, took_over.get(p.id)))
        for p in people.values()
    )
    found = [(person, no) for person, no in judged if no]
    flagged = {(person.object, person.id) for person, _ in found if person.opted_out}
    ours = _flagged_by_us(planner, connection, flagged)
    return [
        (person, no)
        for person, no in found
        if not person.opted_out or (person.object, person.id) in ours
    ]


def _flagged_by_us(
    planner: Planner, connection: Connection, places: Collection[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Of these people, those whose opt-out the CRM has from us, or may have."""
    fields = {
        name: {field.name for field in section.fields}
        for name, section in planner.mapping.opt_outs.items()
    }
    known = known_records(connection, planner.crm, places)
    written = {place for place, one in known.items() if fields[place[0]] & one.written.keys()}
    return written | outbox.waiting_at(connection, planner.crm, Lane.OPT_OUT, places)


def opt_out_again(
    processing: Processing, planner: Planner, connection: Connection, person_ids: Collection[str]
) -> None:
    """Plan the opt-outs of these people, as far as they said no, from what they hold now: due to no
    message, as those are that a pull asked for."""
    for person, no in opted_out(processing.ledger, planner, connection, person_ids):
        plan = plan_person(planner.mapping, planner.crm, person, opt_out=no)
        wanted = [(record, None) for record in plan.records]
        outbox.put(processing.ledger, connection, wanted, processing.clock(), planner.windows)
