"""Somebody comes back from the recycle bin, with what the org restores: the ledger is right."""

from __future__ import annotations

import pytest

from crm_sms.bootstrap import verifying
from crm_sms.testing.world import CRM, World
from crm_sms.use_cases.unmatched import assign
from crm_sms.use_cases.verify import DIFFERENCES, verify

ADA, BOB = "+12025550123", "+12025550199"


def given_to(world: World, number: str, person: str) -> None:
    """Somebody says whose number it is."""
    assign(world.app.ledger, number, {CRM: person}, region="US", by="x", now=world.now)


def pulled(world: World) -> None:
    """The mirror hears of it, and what follows is written."""
    for _ in range(2):
        world.advance(400)
        world.sync()
        world.settle()


def differences(world: World) -> list[str]:
    """Between the org and the ledger."""
    found = verify(verifying(world.app, CRM)).examples
    return [str(one) for one in found if one.kind in DIFFERENCES]


@pytest.mark.parametrize("meanwhile", ["nothing", "a reply", "another took the number"])
def test_whoever_comes_back_has_the_sums_and_texts_of_now(world: World, meanwhile: str) -> None:
    """Texts that went to another while they were gone stay there, and count there only."""
    [lead] = world.create("Lead", {"LastName": "Roe", "Company": "X", "MobilePhone": ADA})
    other = world.contact(BOB)
    world.sync()
    world.receive(world.outbound(ADA, "SM1"), world.reply(ADA, "SM2"))
    world.settle(rounds=2)
    world.delete(lead)
    pulled(world)
    if meanwhile == "a reply":
        world.receive(world.reply(ADA, "SM3"))
    elif meanwhile == "another took the number":
        given_to(world, ADA, other)
    world.settle(rounds=2)
    world.advance(400)
    world.box.salesforce.seed({"op": "undelete", "ids": [lead]})
    pulled(world)
    assert differences(world) == []
    count = world.record("Lead", lead)["SMS_Reply_Count__c"]
    assert count == {"nothing": 1, "a reply": 2, "another took the number": 0}[meanwhile]


def test_a_number_that_was_assigned_to_them_is_theirs_again(world: World) -> None:
    """Though it does not stand on their record."""
    [lead] = world.create("Lead", {"LastName": "Roe", "Company": "X", "MobilePhone": ADA})
    world.contact(BOB)
    world.sync()
    given_to(world, BOB, lead)
    world.receive(world.outbound(BOB, "SM1"), world.reply(BOB, "SM2"))
    world.settle(rounds=2)
    world.delete(lead)
    pulled(world)
    world.receive(world.reply(BOB, "SM3"))
    world.settle(rounds=2)
    world.advance(400)
    world.box.salesforce.seed({"op": "undelete", "ids": [lead]})
    pulled(world)
    assert differences(world) == []
    assert {row["Lead__c"] for row in world.records("SMS_Message__c")} == {lead}


@pytest.mark.parametrize("texts", ["stay", "go"])
def test_a_deal_that_comes_back_has_the_sums_of_now(world: World, texts: str) -> None:
    """Also where its last text left it while it was gone."""
    ada = world.contact(ADA)
    deal = {"Name": "Big", "StageName": "Prospecting", "CloseDate": "2026-12-31"}
    [id] = world.create("Opportunity", deal)
    world.create("OpportunityContactRole", {"OpportunityId": id, "ContactId": ada})
    world.sync()
    world.receive(world.outbound(ADA, "SM1"), world.reply(ADA, "SM2"))
    world.settle(rounds=2)
    world.delete(id)
    pulled(world)
    if texts == "go":
        world.delete(ada)
        pulled(world)
    world.box.salesforce.seed({"op": "undelete", "ids": [id]})
    pulled(world)
    assert differences(world) == []
    assert world.record("Opportunity", id)["SMS_Reply_Count__c"] == (1 if texts == "stay" else 0)
