"""Deals' histories on their way into the mirror."""

from __future__ import annotations

from typing import Any

import pytest

from crm_sms.errors import TryLater
from crm_sms.ledger.mirror_pages import pulled
from crm_sms.ledger.stages import stages_of
from crm_sms.records import Stage
from crm_sms.testing.world import CRM, World

DEAL = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-12-31", "Amount": 100}


def histories(world: World, *deals: str) -> list[list[Stage]]:
    """What the mirror says of these."""
    with world.app.ledger.read() as connection:
        found = stages_of(connection, CRM, deals)
    return [found.get(id, []) for id in deals]


def steps(history: list[Stage]) -> list[tuple[str | None, float | None, bool | None]]:
    """What a report asks of a history."""
    return [(row.stage, row.amount, row.won) for row in history]


def edit(world: World, id: str, **fields: Any) -> None:
    """Somebody edits a deal some time later."""
    world.advance(600)
    world.edit("Opportunity", id, **fields)


def test_the_whole_history_of_a_won_deal_arrives_once(world: World) -> None:
    """Though it was closed before we came; the overlap of later pulls changes nothing of it."""
    [won, lost] = world.create("Opportunity", DEAL, DEAL)
    edit(world, won, StageName="Qualification")
    edit(world, won, Amount=250)
    edit(world, won, StageName="Closed Won")
    edit(world, lost, StageName="Closed Lost")
    assert world.sync().rows["stages"] == 6
    first, second = histories(world, won, lost)
    assert steps(first) == [
        ("Prospecting", 100.0, False),
        ("Qualification", 100.0, False),
        ("Qualification", 250.0, False),
        ("Closed Won", 250.0, True),
    ]
    assert [row.stage for row in second] == ["Prospecting", "Closed Lost"]
    assert world.sync().rows["stages"] == 0
    assert histories(world, won, lost) == [first, second]
    edit(world, won, Amount=300)
    world.advance(600)
    assert world.sync().rows["stages"] == 1
    assert steps(histories(world, won)[0])[-1] == ("Closed Won", 300.0, True)


def test_a_deleted_deal_keeps_its_history(world: World) -> None:
    """The mirror knows that the deal is deleted; if it comes back, so it is."""
    [deal] = world.create("Opportunity", DEAL)
    world.advance(600)
    world.sync()
    before = histories(world, deal)
    world.delete(deal)
    world.advance(600)
    world.sync()
    [history] = histories(world, deal)
    assert steps(history) == steps(before[0])


def test_a_pull_that_breaks_off_keeps_its_pages(world: World) -> None:
    """Its watermark is that of the last page; the next pull goes on there and brings the rest."""
    deals = world.create("Opportunity", *[DEAL] * 1100)
    world.advance(600)
    changed = [{"Id": id, "Amount": 200} for id in deals]
    world.box.salesforce.seed({"op": "update", "object": "Opportunity", "records": changed})
    world.fault("status", status=503, body="html", match={"path": "query/.*-2000"})
    with pytest.raises(TryLater, match="503"):
        world.sync()
    assert sum(map(len, histories(world, *deals))) == 2000
    world.clear_faults()
    assert world.sync().rows["stages"] == 200
    assert [len(one) for one in histories(world, *deals)] == [2] * 1100


def test_without_access_to_it_everything_else_comes(world: World) -> None:
    """The part is named, with the remedy; the deal itself says how it stands now. Once our user is
    let in the whole history comes."""
    [deal] = world.create("Opportunity", DEAL)
    jane = world.contact()
    edit(world, deal, Amount=250)
    world.advance(600)
    world.fault("object_access", objects=["OpportunityHistory"], access="none")
    report = world.sync()
    assert report.failed.startswith("stages: our user does not see OpportunityHistory")
    assert (report.rows["opportunities"], report.rows["people:Contact"]) == (1, 1)
    with world.app.ledger.read() as connection:
        assert "stages" not in pulled(connection, CRM)
    world.receive(world.reply("+12025550123", "SM1"))
    world.settle()
    assert world.record("Contact", jane)["SMS_Reply_Count__c"] == 1
    world.clear_faults()
    assert world.sync().failed == ""
    assert [row.amount for row in histories(world, deal)[0]] == [100.0, 250.0]
