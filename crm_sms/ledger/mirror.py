"""The CRM's people, owners and opportunities as last pulled, and who holds which number."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from operator import attrgetter
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, bindparam, false, select, true

from crm_sms.ledger.tables import opportunities, owners, people, phones, roles
from crm_sms.matching import LONGEST_CHAIN, Pipeline
from crm_sms.records import Opportunity, Owner, Person, PersonKind, Phone, Role

# Statements are built once: putting one together costs more than running it.
_CRM: BindParameter[str] = bindparam("crm")
_WANTED: BindParameter[Any] = bindparam("wanted", expanding=True)
_PEOPLE = select(people).where(
    people.c.crm == _CRM, people.c.id.in_(_WANTED), people.c.deleted == false()
)
_GONE = select(people.c.id, people.c.became).where(
    people.c.crm == _CRM, people.c.id.in_(_WANTED), people.c.deleted == true()
)
_BECAME = select(people.c.id).where(people.c.crm == _CRM, people.c.became.in_(_WANTED))
_PHONES = select(phones.c.person_id, phones.c.e164).where(
    phones.c.crm == _CRM, phones.c.person_id.in_(_WANTED)
)
_HOLDERS = (
    select(phones.c.e164, phones.c.person_id)
    .join(people, (people.c.crm == phones.c.crm) & (people.c.id == phones.c.person_id))
    .where(phones.c.crm == _CRM, phones.c.e164.in_(_WANTED), people.c.deleted == false())
)
_OWNERS = select(owners).where(owners.c.crm == _CRM, owners.c.id.in_(_WANTED))
_ROLES = select(roles).where(
    roles.c.crm == _CRM, roles.c.person_id.in_(_WANTED), roles.c.deleted == false()
)
_OPPORTUNITIES = select(opportunities).where(
    opportunities.c.crm == _CRM,
    opportunities.c.id.in_(_WANTED),
    opportunities.c.deleted == false(),
)


def people_by_id(connection: Connection, crm: str, ids: Collection[str]) -> dict[str, Person]:
    """Living people by id; their phones are E.164."""
    if not ids:
        return {}
    rows = connection.execute(_PEOPLE, {"crm": crm, "wanted": list(ids)}).all()
    held = _phones(connection, crm, [row.id for row in rows])
    return {row.id: _person(row, held.get(row.id, [])) for row in rows}


def gone(connection: Connection, crm: str, ids: Collection[str]) -> dict[str, str | None]:
    """Those of these people who are gone, each with the record that took their place, or None; and
    so on for those records."""
    found: dict[str, str | None] = {}
    wanted = set(ids)
    for _ in range(LONGEST_CHAIN):
        if not wanted:
            break
        rows = connection.execute(_GONE, {"crm": crm, "wanted": list(wanted)})
        here = {row.id: row.became for row in rows}
        found |= here
        wanted = {id for id in here.values() if id} - found.keys()
    return found


def predecessors(connection: Connection, crm: str, ids: Collection[str]) -> set[str]:
    """These people, and everybody whose place one of them took, whoever was between."""
    found, wanted = set(ids), set(ids)
    for _ in range(LONGEST_CHAIN):
        if not wanted:
            break
        rows = connection.execute(_BECAME, {"crm": crm, "wanted": list(wanted)})
        wanted = set(rows.scalars()) - found
        found |= wanted
    return found


def _phones(connection: Connection, crm: str, ids: Collection[str]) -> dict[str, list[str]]:
    held: dict[str, list[str]] = {}
    for person_id, number in connection.execute(_PHONES, {"crm": crm, "wanted": list(ids)}):
        held.setdefault(person_id, []).append(number)
    return _in_order(held)


def _in_order(found: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The same lists sorted; an ORDER BY would have SQLite walk the index of the order instead."""
    return {name: sorted(values) for name, values in found.items()}


def holders(connection: Connection, crm: str, numbers: Collection[str]) -> dict[str, list[str]]:
    """Ids of the living people who hold each number, in a fixed order."""
    if not numbers:
        return {}
    found: dict[str, list[str]] = {}
    for number, person_id in connection.execute(_HOLDERS, {"crm": crm, "wanted": list(numbers)}):
        found.setdefault(number, []).append(person_id)
    return _in_order(found)


def _person(row: Row[Any], numbers: Iterable[str]) -> Person:
    return Person(
        object=row.object,
        id=row.id,
        kind=PersonKind(row.kind),
        modified_at=row.modified_at,
        name=row.name,
        owner_id=row.owner_id,
        account_id=row.account_id,
        phones=tuple(Phone("", number) for number in numbers),
        opted_out=row.opted_out,
        fields=row.fields,
        deleted=row.deleted,
        became=row.became,
        covered=row.covered,
    )


def owners_by_id(connection: Connection, crm: str, ids: Collection[str]) -> dict[str, Owner]:
    """Owners by id."""
    if not ids:
        return {}
    return {
        row.id: Owner(row.id, row.name, row.modified_at, row.email, row.active)
        for row in connection.execute(_OWNERS, {"crm": crm, "wanted": list(ids)})
    }


def pipeline(connection: Connection, crm: str, person_ids: Collection[str]) -> Pipeline:
    """Living roles of these people and the living opportunities they are in."""
    if not person_ids:
        return Pipeline({}, {})
    rows = connection.execute(_ROLES, {"crm": crm, "wanted": list(person_ids)})
    by_person: dict[str, list[Role]] = {}
    for row in sorted(rows, key=attrgetter("id")):
        role = Role(
            row.id, row.opportunity_id, row.person_id, row.modified_at, row.role, row.primary
        )
        by_person.setdefault(row.person_id, []).append(role)
    ids = {role.opportunity_id for held in by_person.values() for role in held}
    return Pipeline(by_person, opportunities_by_id(connection, crm, ids))


def opportunities_by_id(
    connection: Connection, crm: str, ids: Collection[str]
) -> dict[str, Opportunity]:
    """Living opportunities by id."""
    if not ids:
        return {}
    return {
        row.id: Opportunity(
            id=row.id,
            name=row.name,
            modified_at=row.modified_at,
            account_id=row.account_id,
            owner_id=row.owner_id,
            stage=row.stage,
            amount=row.amount,
            close_date=row.close_date,
            open=row.open,
            won=row.won,
        )
        for row in connection.execute(_OPPORTUNITIES, {"crm": crm, "wanted": list(ids)})
    }
