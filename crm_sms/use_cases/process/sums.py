"""Counts and times of everybody whose texts a batch changed."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from crm_sms.ledger.matched import roll_ups
from crm_sms.ledger.planned import withdraw_unseen
from crm_sms.mapping.facts import RollUp
from crm_sms.matching import Touched
from crm_sms.plan import Plan, plan_opportunity, plan_person
from crm_sms.use_cases.process.desk import Desk

_NOTHING = RollUp()


def plan_roll_ups(desk: Desk, connection: Connection, touched: Touched) -> None:
    """The sums of these people and opportunities, as far as the mirror knows them.

    Those of somebody who lost their only text go back to nothing, unless no CRM has seen them: then
    nothing is left to be written.
    """
    emptied: list[tuple[int, Plan]] = []
    for message_id, plan, has_texts in _plans(desk, connection, touched):
        if has_texts:
            desk.lay(message_id, plan)
        else:
            emptied.append((message_id, plan))
    fields = {
        (record.object, record.key, record.lane): record.fields.keys()
        for _, plan in emptied
        for record in plan.records
    }
    seen = withdraw_unseen(connection, desk.planner.crm, fields)
    for message_id, plan in emptied:
        if any((record.object, record.key, record.lane) in seen for record in plan.records):
            desk.lay(message_id, plan)


def _plans(
    desk: Desk, connection: Connection, touched: Touched
) -> Iterator[tuple[int, Plan, bool]]:
    """By person and opportunity: the message that is the reason, the sums, and whether there is
    anything to add up."""
    crm, mapping = desk.planner.crm, desk.planner.mapping
    people, opportunities = desk.known.people, desk.known.pipeline.opportunities
    sums = roll_ups(connection, crm, "person_id", touched.people)
    for id, message_id in touched.people.items():
        if (person := people.get(id)) and person.covered:
            plan = plan_person(mapping, crm, person, roll_up=sums.get(id, _NOTHING))
            yield message_id, plan, id in sums
    sums = roll_ups(connection, crm, "opportunity_id", touched.opportunities)
    for id, message_id in touched.opportunities.items():
        if opportunity := opportunities.get(id):
            plan = plan_opportunity(mapping, crm, opportunity, sums.get(id, _NOTHING))
            yield message_id, plan, id in sums
