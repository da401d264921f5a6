"""A number that nobody is known to hold, from its text to the record of whoever turns out to."""

from __future__ import annotations

from typing import Any

import pytest

from crm_sms.testing.world import World

JANE = "+12025550123"


@pytest.fixture(params=["world", "postgres_world"])
def place(request: pytest.FixtureRequest) -> World:
    """An installation on either database."""
    world: World = request.getfixturevalue(request.param)
    return world


def unshared(world: World, number: str, **fields: Any) -> str:
    """A contact whom our user is shown when the pulls are past it."""
    id = world.contact(number, **fields)
    world.fault("record_access", ids=[id], access="none")
    world.advance(600)
    world.contact("(202) 555-0100", LastName="Later")
    world.sync()
    world.clear_faults()
    return id


def test_texts_and_a_no_reach_who_is_found_in_a_large_org_with_a_hidden_field(place: World) -> None:
    """The query takes too long, the mobile phone is hidden: a search finds the other phone."""
    world = place
    id = unshared(world, "n/a", Phone="(202) 555 - 0123")
    world.receive(world.outbound(JANE, "SM1"), world.reply(JANE, "SM2", "STOP"))
    world.settle(rounds=2)
    assert world.records("SMS_Message__c") == []

    world.fault("hidden", fields=["Contact.MobilePhone"])
    world.fault("slow_query", rows=1)
    report = world.sync()
    world.clear_faults()
    assert (report.looked_up, report.found, report.rematched, report.opt_outs) == (1, 1, 2, 1)
    world.settle(rounds=3)
    assert {record["Contact__c"] for record in world.records("SMS_Message__c")} == {id}
    contact = world.record("Contact", id)
    assert (contact["SMS_Opt_Out__c"], contact["SMS_Sent_Count__c"]) == (True, 1)


def test_a_day_without_news_costs_one_look(place: World) -> None:
    """However often a worker syncs: with the next day the number is asked for again."""
    world = place
    world.contact()
    world.advance(600)
    world.sync()
    world.receive(world.reply("+12025550199", "SM1"))
    world.process()
    looked = []
    for _ in range(30):
        looked.append(world.sync().looked_up)
        world.advance(3600)
    assert (sum(looked), looked[0], looked[24]) == (2, 1, 1)


def test_two_people_who_turn_out_to_hold_a_number_share_it(place: World) -> None:
    """Nobody is guessed: it becomes a number to assign, with both as candidates."""
    world = place
    unshared(world, "(202) 555-0123", LastName="Ada")
    unshared(world, "202.555.0123", LastName="Bob")
    world.receive(world.reply(JANE, "SM1"))
    world.process()
    assert (world.sync().found, world.process().unmatched) == (1, 1)
