"""Texts of people without a role in an open opportunity, where the account is a fallback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from crm_sms.admin_files import shipped
from crm_sms.events import Status
from crm_sms.sandbox.server import Sandbox
from crm_sms.testing.world import World, build

JANE = "+12025550123"
ON = {"CRM_SMS_CRMS__SALESFORCE__ACCOUNT_FALLBACK": "true"}
WON = "Closed Won"


@pytest.fixture
def begin(tmp_path: Path, sandbox: Sandbox) -> Iterator[Callable[..., World]]:
    """An installation whose message records say in Segment__c how the opportunity was found."""
    text = (shipped() / "salesforce.toml").read_text(encoding="utf-8")
    old = 'Segment__c = { value = "message.metadata.segment"'
    assert old in text
    new = text.replace(old, 'Segment__c = { value = "opportunity_rule"')
    (tmp_path / "salesforce.toml").write_text(new, encoding="utf-8")
    made: list[World] = []

    def start(environ: dict[str, str]) -> World:
        made.append(build(tmp_path, sandbox, environ=environ))
        return made[-1]

    yield start
    for world in made:
        world.app.close()


def account(world: World) -> str:
    """An account; its id."""
    return world.create("Account", {"Name": "Acme"})[0]


def deal(world: World, account: str, stage: str = "Prospecting", **fields: Any) -> str:
    """A deal of the account; its id."""
    plain = {"Name": "Deal", "StageName": stage, "CloseDate": "2026-12-31", "AccountId": account}
    return world.create("Opportunity", {**plain, **fields})[0]


def of_text(world: World) -> tuple[str | None, str]:
    """The opportunity on the record of Jane's text, and the rule that it names."""
    world.advance(600)
    world.sync()
    world.receive(world.outbound(JANE, "SM1"))
    world.settle(rounds=2)
    [record] = world.records("SMS_Message__c")
    return record.get("Opportunity__c"), record["Segment__c"]


@pytest.mark.parametrize(
    ("environ", "stages", "found", "rule"),
    [
        (ON, [], None, "none"),
        (ON, ["Prospecting"], 0, "account"),
        (ON, [WON, "Prospecting"], 1, "account"),
        (ON, ["Prospecting", "Prospecting"], None, "several_on_account"),
        (ON, ["Prospecting"] * 3, None, "several_on_account"),
        (ON, [WON], None, "none"),
        ({}, ["Prospecting"], None, "none"),
    ],
)
def test_the_only_open_deal_of_the_account(
    begin: Callable[..., World],
    environ: dict[str, str],
    stages: list[str],
    found: int | None,
    rule: str,
) -> None:
    """Only where it is set; of several none, with the reason."""
    world = begin(environ)
    acme, other = account(world), account(world)
    deals = [deal(world, acme, stage) for stage in stages]
    deal(world, other)
    world.contact(AccountId=acme)
    expected = None if found is None else deals[found]
    assert of_text(world) == (expected, rule)
    sums = [world.record("Opportunity", id).get("SMS_Sent_Count__c") for id in deals]
    assert sums == [1 if id == expected else None for id in deals]


def test_a_role_comes_before_the_account(begin: Callable[..., World]) -> None:
    """Also one in a deal of another account."""
    world = begin(ON)
    acme, other = account(world), account(world)
    deal(world, acme)
    jane = world.contact(AccountId=acme)
    theirs = deal(world, other, ContactId=jane)
    assert of_text(world) == (theirs, "only")


def test_a_text_keeps_the_deal_that_its_account_gave_it(begin: Callable[..., World]) -> None:
    """A second deal, or a role, changes only texts that come after it; each deal sums its own."""
    world = begin(ON)
    acme = account(world)
    first = deal(world, acme)
    jane = world.contact(AccountId=acme)
    assert of_text(world) == (first, "account")
    second = deal(world, acme, ContactId=jane)
    world.advance(600)
    world.sync()
    world.receive(world.outbound(JANE, "SM1", Status.DELIVERED), world.outbound(JANE, "SM2"))
    world.settle(rounds=2)
    found = {row["Opportunity__c"]: row["Segment__c"] for row in world.records("SMS_Message__c")}
    assert found == {first: "account", second: "only"}
    counts = [world.record("Opportunity", id)["SMS_Sent_Count__c"] for id in (first, second)]
    assert counts == [1, 1]


def test_a_lead_has_no_account_to_fall_back_on(begin: Callable[..., World]) -> None:
    """Whatever deals there are."""
    world = begin(ON)
    deal(world, account(world))
    world.create("Lead", {"LastName": "Doe", "Company": "Acme", "MobilePhone": JANE})
    assert of_text(world) == (None, "none")
