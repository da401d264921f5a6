"""Phones of the CRM that are no number, as far as an admin needs to know to correct them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select

from crm_sms.ledger.store import Ledger
from crm_sms.ledger.tables import unparsed_phones
from crm_sms.phone import masked_as_typed, to_e164
from crm_sms.records import Person

_PLACE = (unparsed_phones.c.object, unparsed_phones.c.field)


def put_unparsed(
    ledger: Ledger, connection: Connection, crm: str, people: Sequence[Person], region: str | None
) -> None:
    """What of these people's phones cannot be read, in place of what could not be before."""
    ids = {person.id for person in people}
    here = (unparsed_phones.c.crm == crm, unparsed_phones.c.person_id.in_(ids))
    connection.execute(delete(unparsed_phones).where(*here))
    rows = {
        (person.id, phone.field): {
            "crm": crm,
            "person_id": person.id,
            "field": phone.field,
            "object": person.object,
            "shown": masked_as_typed(phone.raw),
        }
        for person in people
        if not person.deleted
        for phone in person.phones
        if phone.raw.strip() and to_e164(phone.raw, region) is None
    }
    ledger.upsert(connection, unparsed_phones, list(rows.values()))


@dataclass(frozen=True, slots=True)
class Example:
    """A phone that cannot be read: whose, and how it is typed, its digits hidden."""

    person_id: str
    shown: str


@dataclass(frozen=True, slots=True)
class Unparsed:
    """One phone field in which there are such phones: how many, and some of them."""

    object: str
    field: str
    phones: int
    examples: tuple[Example, ...]


def unparsed(connection: Connection, crm: str, most: int) -> list[Unparsed]:
    """Every such field, the one with the most first, with so many examples."""
    count = func.count()
    query = (
        select(*_PLACE, count)
        .where(unparsed_phones.c.crm == crm)
        .group_by(*_PLACE)
        .order_by(count.desc(), *_PLACE)
    )
    return [
        Unparsed(name, field, phones, _examples(connection, crm, name, field, most))
        for name, field, phones in connection.execute(query).all()
    ]


def _examples(
    connection: Connection, crm: str, name: str, field: str, most: int
) -> tuple[Example, ...]:
    here = unparsed_phones.c
    query = (
        select(here.person_id, here.shown)
        .where(here.crm == crm, here.object == name, here.field == field)
        .order_by(here.person_id)
        .limit(most)
    )
    return tuple(Example(*row) for row in connection.execute(query))
