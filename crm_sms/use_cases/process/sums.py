"""Counts and times of everybody whose texts a batch changed."""

from __future__ import annotations

from sqlalchemy import Connection

from crm_sms.ledger.matched import roll_ups
from crm_sms.mapping.facts import RollUp
from crm_sms.matching import Touched
from crm_sms.plan import plan_opportunity, plan_person
from crm_sms.use_cases.process.desk import Desk

_NOTHING = RollUp()
"""The sums of somebody who lost their only text."""


def plan_roll_ups(desk: Desk, connection: Connection, touched: Touched) -> None:
    """The sums of these people and opportunities, as far as the mirror knows them."""
    crm, mapping = desk.planner.crm, desk.planner.mapping
    people, opportunities = desk.known.people, desk.known.pipeline.opportunities
    sums = roll_ups(connection, crm, "person_id", touched.people)
    for id, message_id in touched.people.items():
        if person := people.get(id):
            plan = plan_person(mapping, crm, person, roll_up=sums.get(id, _NOTHING))
            desk.lay(message_id, plan)
    sums = roll_ups(connection, crm, "opportunity_id", touched.opportunities)
    for id, message_id in touched.opportunities.items():
        if opportunity := opportunities.get(id):
            plan = plan_opportunity(mapping, crm, opportunity, sums.get(id, _NOTHING))
            desk.lay(message_id, plan)
