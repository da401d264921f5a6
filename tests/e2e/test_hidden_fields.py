"""A field that the CRM hid for a while is filled on every record that went without it."""

from __future__ import annotations

from typing import Any

import pytest

from crm_sms.bootstrap import processing
from crm_sms.events import Metadata
from crm_sms.testing.world import World
from crm_sms.use_cases.descriptions import MAX_AGE

JANE = "+12025550123"
OFFER = Metadata(campaign="spring")
FIELDS = {
    "SMS_Message__c": ("From__c", "Body__c", "Status__c", "Campaign__c", "Contact__c"),
    "Contact": ("SMS_Reply_Count__c", "SMS_Last_Reply_At__c", "SMS_Opt_Out_Source__c"),
    "Opportunity": ("SMS_Reply_Count__c",),
}
"""Of every rule, and of every kind of record that is written again."""


def hide(world: World, **fields: tuple[str, ...]) -> None:
    """An admin takes the fields away from our user."""
    names = [f"{object}.{name}" for object, some in fields.items() for name in some]
    world.fault("hidden", fields=names)


def later(world: World) -> None:
    """What we know of the org's fields is old by now."""
    world.advance(MAX_AGE.total_seconds())


def played(world: World) -> None:
    """A text, an answer and a no are on the records."""
    person = world.contact(JANE)
    [deal] = world.create(
        "Opportunity", {"Name": "Big", "StageName": "Prospecting", "CloseDate": "2026-12-31"}
    )
    world.create("OpportunityContactRole", {"OpportunityId": deal, "ContactId": person})
    world.advance(600)
    world.sync()
    world.receive(
        world.outbound(JANE, "SM1", metadata=OFFER, body="Hello", message_key="k1"),
        world.reply(JANE, "SM2"),
        world.reply(JANE, "SM3", "STOP"),
    )
    world.settle(rounds=2)


def shown(world: World) -> dict[str, list[dict[str, Any]]]:
    """What the org holds in those fields."""
    return {
        object: [{name: row.get(name) for name in names} for row in world.records(object)]
        for object, names in FIELDS.items()
    }


def test_fields_that_come_back_are_filled_on_old_records(world: World) -> None:
    """Nothing new has to come in: the next pull notices, and what is planned then is written."""
    hide(world, **FIELDS)
    played(world)
    before = shown(world)
    assert {len(rows) for rows in before.values()} == {1, 3}
    assert {value for rows in before.values() for row in rows for value in row.values()} == {None}
    world.clear_faults()
    later(world)
    world.sync()
    world.settle(rounds=2)
    found = shown(world)
    assert [row["SMS_Reply_Count__c"] for row in found["Opportunity"]] == [2]
    [person] = found["Contact"]
    assert person["SMS_Reply_Count__c"] == 2
    assert person["SMS_Last_Reply_At__c"]
    assert person["SMS_Opt_Out_Source__c"]
    texts = {row["Message_Key__c"]: row for row in world.records("SMS_Message__c")}
    assert len(texts) == 3
    assert all(row["From__c"] and row["Status__c"] and row["Contact__c"] for row in texts.values())
    assert (texts["k1"]["Body__c"], texts["k1"]["Campaign__c"]) == ("Hello", "spring")
    assert world.process().events == 0


@pytest.mark.parametrize("rounds", [1, 3])
def test_fields_that_stay_hidden_cost_one_look_an_hour(world: World, rounds: int) -> None:
    """Nothing is planned again for them; the mapping is checked once an hour, too."""
    hide(world, SMS_Message__c=("From__c", "Body__c"))
    played(world)
    plain = world.sync().calls
    later(world)
    calls = [world.sync().calls for _ in range(rounds)]
    checked = len(processing(world.app).planners[0].mapping.objects())
    assert sum(calls) - plain * rounds == checked + 1
    assert world.process().events == 0


def test_what_a_rep_wrote_meanwhile_stays(world: World) -> None:
    """Into a field that we write only while it is empty, or when the record is made."""
    hide(world, SMS_Message__c=("From__c", "Body__c"))
    played(world)
    world.clear_faults()
    [row] = [row for row in world.records("SMS_Message__c") if row["Message_Key__c"] == "k1"]
    world.edit("SMS_Message__c", row["Id"], From__c="the office", Body__c="as I told her")
    later(world)
    world.sync()
    world.settle(rounds=2)
    row = world.record("SMS_Message__c", row["Id"])
    assert (row["From__c"], row["Body__c"]) == ("the office", "as I told her")


def test_a_field_that_is_hidden_again_waits_again(world: World) -> None:
    """Between the look and the write: it is filled when it is back for good."""
    hide(world, SMS_Message__c=("Status__c",))
    played(world)
    world.clear_faults()
    later(world)
    world.sync()
    hide(world, SMS_Message__c=("Status__c",))
    world.settle(rounds=2)
    assert {row.get("Status__c") for row in world.records("SMS_Message__c")} == {None}
    world.clear_faults()
    later(world)
    world.sync()
    world.settle(rounds=2)
    assert None not in {row.get("Status__c") for row in world.records("SMS_Message__c")}
