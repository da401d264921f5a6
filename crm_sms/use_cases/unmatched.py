"""Triage: texts that concern nobody yet, and whom somebody says they concern."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from crm_sms.errors import RefusedInput
from crm_sms.ledger import Ledger, mirror
from crm_sms.ledger.assignments import assign as store
from crm_sms.ledger.slices import slices
from crm_sms.ledger.triage import numbers_in_triage
from crm_sms.phone import parse_address
from crm_sms.records import Person


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who holds the number in the CRM."""

    id: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A number whose texts concern nobody in one CRM; `number` is None for texts that came from
    no number of a person. `rule` says why, `candidates` are those who share the number."""

    crm: str
    number: str | None
    texts: int
    rule: str
    last_at: datetime
    candidates: tuple[Holder, ...]


def unmatched(ledger: Ledger, crms: Sequence[str]) -> list[Unmatched]:
    """Every number whose texts concern nobody, the one with the latest text first."""
    with ledger.read() as connection:
        found = [one for crm in crms for one in _in_crm(connection, crm)]
    return sorted(found, key=lambda one: one.last_at, reverse=True)


def _in_crm(connection: Connection, crm: str) -> list[Unmatched]:
    found = numbers_in_triage(connection, crm)
    holders: dict[str, list[str]] = {}
    for numbers in slices([one.number for one in found if one.number]):
        holders |= mirror.holders(connection, crm, numbers)
    people: dict[str, Person] = {}
    for some in slices(sorted({id for ids in holders.values() for id in ids})):
        people |= mirror.people_by_id(connection, crm, some)
    return [
        Unmatched(
            crm,
            one.number,
            one.texts,
            one.rule,
            one.last_at,
            _holders(holders.get(one.number or "", ()), people),
        )
        for one in found
    ]


def _holders(ids: Iterable[str], people: Mapping[str, Person]) -> tuple[Holder, ...]:
    found = (people[id] for id in ids if id in people)
    return tuple(Holder(person.id, person.name, person.kind.value) for person in found)


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
    of exactly one of them.
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
    here = [(crm, one) for crm, people in found.items() for one in _holders(people, people)]
    if not here:
        raise RefusedInput(
            f"nobody with this id is in the mirror of {' or '.join(ids) or 'any CRM'}; "
            "correct the id, or pull the person first: crm-sms sync people"
        )
    if len(here) > 1:
        names = ", ".join(crm for crm, _ in here)
        raise RefusedInput(f"this is an id in {names}; say which one with --crm")
    return here[0]
