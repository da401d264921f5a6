"""Triage: texts that concern nobody yet, and whom somebody says they concern."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection

from crm_sms.errors import RefusedInput
from crm_sms.ledger import Ledger, mirror
from crm_sms.ledger.assignments import assign as store
from crm_sms.ledger.lookups import looks_alike
from crm_sms.ledger.slices import slices
from crm_sms.ledger.triage import numbers_in_triage
from crm_sms.phone import candidates, parse_address
from crm_sms.records import Person


class Likeness(StrEnum):
    """What a candidate's record has to do with the number."""

    HOLDS = "holds"
    OTHER_FORM = "other_form"  # it holds a number that may be the same line
    TYPED = "typed"  # a phone has the same digits, but by its country it is no such number


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody in the CRM."""

    id: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Candidate(Holder):
    """Somebody whom a number's texts may concern."""

    likeness: Likeness


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A number whose texts concern nobody in one CRM; `number` is None for texts that came from
    no number of a person. `rule` says why, `candidates` are those who share the number, or, where
    nobody holds it, whose phone looks like it; whom the mapping leaves out is none."""

    crm: str
    number: str | None
    texts: int
    rule: str
    last_at: datetime
    candidates: tuple[Candidate, ...]


def unmatched(ledger: Ledger, crms: Sequence[str]) -> list[Unmatched]:
    """Every number whose texts concern nobody, the one with the latest text first."""
    with ledger.read() as connection:
        found = [one for crm in crms for one in _in_crm(ledger, connection, crm)]
    return sorted(found, key=lambda one: one.last_at, reverse=True)


def _in_crm(ledger: Ledger, connection: Connection, crm: str) -> list[Unmatched]:
    found = numbers_in_triage(connection, crm)
    meant: dict[str, dict[str, Likeness]] = {}
    for numbers in slices([one.number for one in found if one.number]):
        meant |= likenesses(ledger, connection, crm, numbers)
    people: dict[str, Person] = {}
    for some in slices(sorted({id for ids in meant.values() for id in ids})):
        people |= mirror.people_by_id(connection, crm, some)
    return [
        Unmatched(
            crm,
            one.number,
            one.texts,
            one.rule,
            one.last_at,
            tuple(
                Candidate(person.id, person.name, person.kind.value, likeness)
                for id, likeness in meant.get(one.number or "", {}).items()
                if (person := people.get(id)) and person.covered
            ),
        )
        for one in found
    ]


def likenesses(
    ledger: Ledger, connection: Connection, crm: str, numbers: Sequence[str]
) -> dict[str, dict[str, Likeness]]:
    """Whom each number may concern, by number and person id; at most a slice of numbers. Whoever
    only looks like it is left out where somebody holds it."""
    held = mirror.holders(connection, crm, numbers)
    open_numbers = [number for number in numbers if number not in held]
    others = {number: candidates(number) for number in open_numbers}
    forms = sorted({form for some in others.values() for form in some})
    by_form: dict[str, list[str]] = {}
    for some in slices(forms):
        by_form |= mirror.holders(connection, crm, some)
    typed = looks_alike(ledger, connection, crm, open_numbers)
    meant = {number: dict.fromkeys(ids, Likeness.HOLDS) for number, ids in held.items()}
    for number in open_numbers:
        ids = [id for form in others[number] for id in by_form.get(form, ())]
        meant[number] = dict.fromkeys(typed.get(number, ()), Likeness.TYPED)
        meant[number] |= dict.fromkeys(ids, Likeness.OTHER_FORM)
    return meant


def holder(person: Person) -> Holder:
    """A person as they are shown."""
    return Holder(person.id, person.name, person.kind.value)


@dataclass(frozen=True, slots=True)
class Assigned:
    """What an assignment did: `texts` of the number are processed again."""

    crm: str
    person: Holder
    texts: int


def assign(
    ledger: Ledger,
    number: str,
    ids: Mapping[str, str],
    *,
    region: str | None,
    by: str,
    now: datetime,
) -> Assigned:
    """Have a number's texts, past and future, concern a person: `ids` are what the person's id
    would be in each CRM in which they may be.

    Raises RefusedInput for what is not a person's number, and for somebody who is not in the mirror
    of exactly one of them, or whom the mapping leaves out.
    """
    e164 = parse_address(number, region).e164
    if e164 is None:
        raise RefusedInput("this is not a phone number; give it as +12025550123")
    with ledger.write("unmatched") as connection:
        crm, person = _person(connection, ids)
        texts = store(ledger, connection, crm, e164, person.id, now, by)
    return Assigned(crm, person, texts)


def _person(connection: Connection, ids: Mapping[str, str]) -> tuple[str, Holder]:
    found = {crm: mirror.people_by_id(connection, crm, [id]) for crm, id in ids.items()}
    here = [(crm, person) for crm, people in found.items() for person in people.values()]
    if not here:
        raise RefusedInput(
            f"nobody with this id is in the mirror of {' or '.join(ids) or 'any CRM'}; "
            "correct the id, or pull the person first: crm-sms sync people"
        )
    if len(here) > 1:
        names = ", ".join(crm for crm, _ in here)
        raise RefusedInput(f"this is an id in {names}; say which one with --crm")
    [(crm, person)] = here
    if not person.covered:
        raise RefusedInput(
            f"the mapping of {crm} leaves this {person.kind} out: change "
            f"people.{person.kind}.where, then pull them again: crm-sms sync people"
        )
    return crm, holder(person)
