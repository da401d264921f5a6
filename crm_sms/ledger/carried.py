"""A no that somebody set by hand stays with the person when their record becomes another one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select, true, update

from crm_sms.ledger.mirror import predecessors
from crm_sms.ledger.store import Ledger
from crm_sms.ledger.tables import carried_opt_outs, people


def carried(connection: Connection, crm: str, ids: Collection[str]) -> dict[str, datetime]:
    """Those of these people who took a no over, and since when it counts."""
    rows = connection.execute(_CARRIED, {"crm": crm, "wanted": list(ids)}) if ids else ()
    return {row.person_id: row.at for row in rows}


_CARRIED = select(carried_opt_outs).where(
    carried_opt_outs.c.crm == bindparam("crm"),
    carried_opt_outs.c.person_id.in_(bindparam("wanted", expanding=True)),
)


def carry(ledger: Ledger, connection: Connection, crm: str, since: Mapping[str, datetime]) -> None:
    """Note that these people took a no over, that of now if they did before."""
    rows = [{"crm": crm, "person_id": id, "at": at} for id, at in since.items()]
    ledger.upsert(connection, carried_opt_outs, rows)


def forget_carried(connection: Connection, crm: str, ids: Collection[str]) -> None:
    """Somebody unchecked it on these people: what was set by hand is taken back by hand, on the
    records that became theirs too."""
    here = carried_opt_outs.c
    connection.execute(delete(carried_opt_outs).where(here.crm == crm, here.person_id.in_(ids)))
    every = predecessors(connection, crm, ids)
    theirs = (people.c.crm == crm, people.c.id.in_(every), people.c.deleted == true())
    connection.execute(update(people).where(*theirs).values(opted_out=False))


def gone_with_a_no(
    connection: Connection, crm: str, ids: Collection[str]
) -> dict[tuple[str, str], datetime]:
    """Those of these people whose record became another one while it said no, by object and id,
    with when it went."""
    query = select(people.c.object, people.c.id, people.c.modified_at).where(
        people.c.crm == crm,
        people.c.id.in_(ids),
        people.c.deleted == true(),
        people.c.became.is_not(None),
        people.c.opted_out == true(),
    )
    return {(row.object, row.id): row.modified_at for row in connection.execute(query)}
