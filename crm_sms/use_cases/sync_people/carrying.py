"""A no set by hand on a record that was merged away or converted is carried to the one left."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection

from crm_sms.ledger import mirror
from crm_sms.ledger.carried import carried, carry, forget_carried, gone_with_a_no
from crm_sms.ledger.crm_records import known_records
from crm_sms.ledger.mirror_pages import Learnt
from crm_sms.matching import follow
from crm_sms.use_cases.sync_people.words import Syncing


def carry_over(syncing: Syncing, connection: Connection, learnt: Learnt) -> set[str]:
    """Who takes a no over with this page, on which either record may stand.

    A no of ours is left to the numbers that it concerns. Whoever unchecks a carried one takes it
    back; until a pull has seen it checked, an unchecked box is only one not written yet.
    """
    ledger, crm = syncing.ledger, syncing.planner.crm
    if learnt.unticked:
        forget_carried(connection, crm, learnt.unticked)
    if not learnt.turned:
        return set()
    every = mirror.predecessors(connection, crm, learnt.turned)
    said = _by_hand(syncing, connection, gone_with_a_no(connection, crm, every))
    became = mirror.gone(connection, crm, said)
    ends = {id for id in became.values() if id}
    living = mirror.people_by_id(connection, crm, ends)
    since: dict[str, datetime] = {}
    for id, at in said.items():
        taker = follow(id, living, became).id
        if taker:
            since[taker] = min(at, since.get(taker, at))
    carry(ledger, connection, crm, since)
    return set(since)


def _by_hand(
    syncing: Syncing, connection: Connection, said: dict[tuple[str, str], datetime]
) -> dict[str, datetime]:
    """Of those who said no, whom somebody else than us had checked, or who had taken it over."""
    if not said:
        return {}
    planner = syncing.planner
    ours = known_records(connection, planner.crm, said)
    fields = {
        name: {field.name for field in no.fields} for name, no in planner.mapping.opt_outs.items()
    }
    took_over: Collection[str] = carried(connection, planner.crm, {id for _, id in said})
    return {
        place[1]: at
        for place, at in said.items()
        if place[1] in took_over
        or place not in ours
        or fields.get(place[0], set()).isdisjoint(ours[place].written)
    }
