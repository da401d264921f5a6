"""Pages of a pull into the mirror, and what became newly known with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, select, true, update

from crm_sms.ledger.mirror import predecessors
from crm_sms.ledger.storable import storable_row
from crm_sms.ledger.store import Ledger
from crm_sms.ledger.tables import (
    matches,
    message_data,
    opportunities,
    owners,
    people,
    phones,
    roles,
    stages,
    watermarks,
)
from crm_sms.phone import to_e164
from crm_sms.records import MirrorRow, Opportunity, Owner, Person, Role, Stage


@dataclass(frozen=True, slots=True)
class Learnt:
    """Numbers that people hold since this page, by person id, numbers that somebody no longer has,
    or holds who was taken in or left out, people whose opt-out field is unchecked, and how many are
    new or not as they were. `turned` are those who are new, gone, back, taken in, left out, or
    somebody else now, `unticked` those whose opt-out field was checked when last pulled."""

    numbers: Mapping[str, Collection[str]]
    lost: Collection[str]
    unchecked: Collection[str]
    turned: Collection[str]
    unticked: Collection[str]
    changed: int


def store_people(
    ledger: Ledger, connection: Connection, crm: str, rows: Sequence[Person], region: str | None
) -> Learnt:
    """Insert or replace people and their numbers, parsed with the org's region.

    Of a person who comes twice, because they changed during the pull, the later row counts.
    """
    rows = list({person.id: person for person in map(storable_row, rows)}.values())
    ids = [person.id for person in rows]
    before = _put(ledger, connection, people, [_person_row(crm, person) for person in rows])
    here = (phones.c.crm == crm, phones.c.person_id.in_(ids))
    had: dict[str, set[str]] = {}
    for row in connection.execute(select(phones.c.person_id, phones.c.e164).where(*here)):
        had.setdefault(row.person_id, set()).add(row.e164)
    have = {person.id: _numbers(person, region) for person in rows}
    changed = [id for id in ids if have[id] != had.get(id, set())]
    if changed:
        connection.execute(
            delete(phones).where(phones.c.crm == crm, phones.c.person_id.in_(changed))
        )
        new = [
            {"crm": crm, "person_id": id, "e164": number} for id in changed for number in have[id]
        ]
        if new:
            connection.execute(phones.insert(), new)
    learnt = {id: have[id] - had.get(id, set()) for id in changed}
    unchecked = {person.id for person in rows if person.opted_out is False and not person.deleted}
    held = {id: numbers for id, numbers in learnt.items() if numbers}
    lost = {number for id in changed for number in had.get(id, set()) - have[id]}
    different = [person for person in rows if person.id in before]
    flipped = [person.id for person in different if _has_flipped(person, before[person.id])]
    lost |= {number for id in flipped for number in have[id]}
    turned = {person.id for person in different if _has_turned(person, before[person.id])}
    unticked = {person.id for person in different if _is_unticked(person, before[person.id])}
    return Learnt(held, lost, unchecked, turned, unticked, len(before.keys() | set(changed)))


def _is_unticked(person: Person, before: Mapping[str, Any] | None) -> bool:
    # Of two pulls at once the slower one may bring what the other has seen changed.
    return (
        before is not None
        and before["opted_out"] is True
        and person.opted_out is False
        and person.modified_at > before["modified_at"]
    )


def _has_turned(person: Person, before: Mapping[str, Any] | None) -> bool:
    if before is None:
        return not person.deleted or person.became is not None
    then = before["deleted"], before["became"], before["covered"]
    return then != (person.deleted, person.became, person.covered)


def _has_flipped(person: Person, before: Mapping[str, Any] | None) -> bool:
    return before is not None and before["covered"] != person.covered


def _put(
    ledger: Ledger, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]
) -> dict[str, Mapping[str, Any] | None]:
    """Insert or replace rows of one CRM; by id, those that are new (None) or not as they were."""
    if not rows:
        return {}
    ids = [row["id"] for row in rows]
    query = select(table).where(table.c.crm == rows[0]["crm"], table.c.id.in_(ids))
    stored = {row.id: dict(row._mapping) for row in connection.execute(query)}
    ledger.upsert(connection, table, rows)
    return {row["id"]: stored.get(row["id"]) for row in rows if stored.get(row["id"]) != row}


def _numbers(person: Person, region: str | None) -> set[str]:
    if person.deleted:
        return set()
    parsed = (to_e164(phone.raw, region) for phone in person.phones)
    return {number for number in parsed if number}


def _person_row(crm: str, person: Person) -> dict[str, Any]:
    return {
        "crm": crm,
        "id": person.id,
        "object": person.object,
        "kind": person.kind,
        "name": person.name,
        "owner_id": person.owner_id,
        "account_id": person.account_id,
        "opted_out": person.opted_out,
        "modified_at": person.modified_at,
        "deleted": person.deleted,
        "became": person.became,
        "covered": person.covered,
        "fields": dict(person.fields),
    }


_TABLES: Mapping[type[MirrorRow], Table] = {
    Owner: owners,
    Opportunity: opportunities,
    Role: roles,
    Stage: stages,
}


def store_others(
    ledger: Ledger,
    connection: Connection,
    crm: str,
    rows: Sequence[Owner | Opportunity | Role | Stage],
) -> int:
    """Insert or replace rows of one kind; deleted ones stay, marked. How many are new or not as
    they were."""
    found = [{"crm": crm, **asdict(storable_row(row))} for row in rows]
    return len(_put(ledger, connection, _TABLES[type(rows[0])], found)) if rows else 0


def returning_deals(
    connection: Connection, crm: str, rows: Sequence[Opportunity]
) -> list[Opportunity]:
    """Those of these that live, and were gone until now."""
    here = opportunities.c
    query = select(here.id).where(
        here.crm == crm, here.id.in_([one.id for one in rows]), here.deleted == true()
    )
    gone = set(connection.execute(query).scalars())
    return [one for one in rows if one.id in gone and not one.deleted]


def of_people_in(connection: Connection, crm: str, deals: Collection[str]) -> set[int]:
    """The messages of everybody who has or had a part in these opportunities."""
    whose = select(roles.c.person_id).where(roles.c.crm == crm, roles.c.opportunity_id.in_(deals))
    query = select(matches.c.message_id).where(
        matches.c.crm == crm, matches.c.person_id.in_(whose) | matches.c.origin_id.in_(whose)
    )
    return set(connection.execute(query).scalars())


def of_turned_deals(connection: Connection, crm: str, rows: Sequence[Opportunity]) -> set[int]:
    """The messages of opportunities that, once these rows are stored, are gone or back."""
    now = {one.id: one.deleted for one in rows}
    here = (opportunities.c.crm == crm, opportunities.c.id.in_(now))
    stored = connection.execute(select(opportunities.c.id, opportunities.c.deleted).where(*here))
    turned = [row.id for row in stored if row.deleted != now[row.id]]
    if not turned:
        return set()
    query = select(matches.c.message_id).where(
        matches.c.crm == crm, matches.c.opportunity_id.in_(turned)
    )
    return set(connection.execute(query).scalars())


def waiting_for(connection: Connection, crm: str, numbers: Collection[str]) -> list[int]:
    """Messages with one of these numbers that concern nobody in this CRM yet."""
    query = (
        select(matches.c.message_id)
        .join(message_data, message_data.c.message_id == matches.c.message_id)
        .where(
            matches.c.crm == crm,
            matches.c.person_id.is_(None),
            message_data.c.number.in_(numbers),
        )
    )
    return list(connection.execute(query).scalars())


def resting_on(connection: Connection, crm: str, ids: Collection[str]) -> set[int]:
    """Messages that concern one of these people, were meant for them, or wait for them to come
    back; also where they took the place of others."""
    if not ids:
        return set()
    every = predecessors(connection, crm, ids)
    wanted = ((matches.c.person_id, ids), (matches.c.origin_id, every), (matches.c.given, every))
    queries = (
        select(matches.c.message_id).where(matches.c.crm == crm, whose.in_(some))
        for whose, some in wanted
    )
    return {id for query in queries for id in connection.execute(query).scalars()}


def watermark(connection: Connection, crm: str, part: str) -> datetime | None:
    """How far the pull of this part came, in the CRM's time."""
    query = select(watermarks.c.at).where(watermarks.c.crm == crm, watermarks.c.part == part)
    return connection.execute(query).scalar_one_or_none()


def put_watermark(
    ledger: Ledger, connection: Connection, crm: str, part: str, at: datetime, now: datetime
) -> None:
    """Note how far the pull came, with the page that brought it there."""
    row = {"crm": crm, "part": part, "at": at, "pulled_at": now}
    ledger.upsert(connection, watermarks, [row])


def forget_watermark(connection: Connection, crm: str, part: str) -> None:
    """Have the next pull of this part bring everything again."""
    here = (watermarks.c.crm == crm, watermarks.c.part == part)
    connection.execute(delete(watermarks).where(*here))


def put_pulled(connection: Connection, crm: str, part: str, now: datetime) -> None:
    """Note that a pull came to its end, also one that brought nothing new."""
    here = (watermarks.c.crm == crm, watermarks.c.part == part)
    connection.execute(update(watermarks).where(*here).values(pulled_at=now))


def pulled(connection: Connection, crm: str) -> dict[str, datetime]:
    """When each part of a CRM's mirror was last brought up to date."""
    query = (
        select(watermarks.c.part, watermarks.c.pulled_at)
        .where(watermarks.c.crm == crm)
        .order_by(watermarks.c.part)
    )
    return {part: at for part, at in connection.execute(query)}
