"""What a comparison with a CRM must know of the ledger besides what processing reads."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Table, bindparam, false, func, select

from crm_sms.ledger.crm_records import by_object
from crm_sms.ledger.planned import Place
from crm_sms.ledger.slices import slices
from crm_sms.ledger.tables import crm_records, inbox, opportunities, outbox, people
from crm_sms.records import Lane, Reason, State


@dataclass(frozen=True, slots=True)
class Standing:
    """A record that the CRM does not have yet as it should be: on its way, or parked for a
    reason."""

    state: State
    reason: Reason | None
    detail: str


_STANDING = select(
    outbox.c.key, outbox.c.lane, outbox.c.state, outbox.c.reason, outbox.c.detail
).where(
    outbox.c.crm == bindparam("crm"),
    outbox.c.object == bindparam("object"),
    outbox.c.key.in_(bindparam("wanted", expanding=True)),
)


def standing_at(
    connection: Connection, crm: str, places: Collection[Place]
) -> dict[Place, Standing]:
    """What of these waits or is parked."""
    found: dict[Place, Standing] = {}
    for object_name, keys in by_object(place[:2] for place in places).items():
        for some in slices(sorted(set(keys))):
            values = {"crm": crm, "object": object_name, "wanted": some}
            for key, lane, state, reason, detail in connection.execute(_STANDING, values):
                why = Reason(reason) if reason else None
                found[object_name, key, Lane(lane)] = Standing(State(state), why, detail or "")
    return found


def unprocessed(connection: Connection, event_ids: Collection[int]) -> set[int]:
    """Those of these events that wait in the inbox."""
    pieces = slices(sorted(event_ids))
    return {id for some in pieces for id in connection.execute(_WAITS, {"wanted": some}).scalars()}


_WAITS = select(inbox.c.event_id).where(inbox.c.event_id.in_(bindparam("wanted", expanding=True)))


def people_after(connection: Connection, crm: str, id: str, most: int) -> Sequence[str]:
    """Living people with a greater id, in that order."""
    return _after(connection, people, crm, id, most)


def opportunities_after(connection: Connection, crm: str, id: str, most: int) -> Sequence[str]:
    """The same of opportunities."""
    return _after(connection, opportunities, crm, id, most)


def _after(connection: Connection, table: Table, crm: str, id: str, most: int) -> Sequence[str]:
    here = table.c
    query = select(here.id).where(here.crm == crm, here.id > id, here.deleted == false())
    return connection.execute(query.order_by(here.id).limit(most)).scalars().all()


def records_known(connection: Connection, crm: str) -> dict[str, int]:
    """How many records we know of in a CRM, by object."""
    query = select(crm_records.c.object, func.count()).where(crm_records.c.crm == crm)
    rows = connection.execute(query.group_by(crm_records.c.object))
    return {object_name: count for object_name, count in rows}
