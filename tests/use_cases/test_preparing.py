"""What a CRM does not take at the moment of the write is left out and said, or its row parks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from crm_sms.events import Status
from crm_sms.ledger.parked import parked
from crm_sms.records import ObjectDescription, Reason
from crm_sms.testing.world import World

JANE = "+12025550123"
Describe = Callable[..., None]


@pytest.fixture
def jane(world: World) -> str:
    """A contact whom the mirror knows."""
    id = world.contact()
    world.advance(600)
    world.sync()
    return id


@pytest.fixture
def describe(world: World, monkeypatch: pytest.MonkeyPatch) -> Describe:
    """Changes what the CRM says of a field: `describe(object, field, updatable=False)`; None hides
    the field, or without a field the object."""
    crm = world.app.crms["salesforce"]

    def change(object: str, field: str | None, **changes: Any) -> None:
        before = crm.describe

        def changed(objects: Collection[str]) -> Mapping[str, ObjectDescription]:
            said = dict(before(objects))
            known = said.pop(object, None)
            if known is not None and field is not None:
                fields = dict(known.fields)
                one = fields.pop(field)
                if changes:
                    fields[field] = replace(one, **changes)
                said[object] = replace(known, fields=fields)
            return said

        monkeypatch.setattr(crm, "describe", changed)

    return change


def left_out(world: World, rounds: int = 1) -> list[tuple[str, dict[str, str]]]:
    """What a few rounds of work say that they left out."""
    with capture_logs() as logs:
        world.settle(rounds=rounds)
    said = [entry for entry in logs if entry["event"] == "fields are left out"]
    assert all(entry["crm"] == "salesforce" for entry in said)
    return [(entry["object"], entry["fields"]) for entry in said]


def parked_rows(world: World) -> list[tuple[str, Reason, str]]:
    """Object, reason and detail of what is parked."""
    with world.app.ledger.read() as connection:
        return [(row.object, row.reason, row.detail) for row in parked(connection)]


def test_what_is_left_out_is_said_once_for_each_object(
    world: World, jane: str, describe: Describe
) -> None:
    """However many rows went without it, and whatever the reason."""
    describe("SMS_Message__c", "Price__c")
    describe("SMS_Message__c", "Status__c", choices=("Queued", "Sent"), restricted=True)
    describe("Contact", "SMS_Sent_Count__c")
    statuses = [Status.SENT, Status.DELIVERED, Status.DELIVERED]
    for number, status in enumerate(statuses):
        world.receive(world.outbound(JANE, f"SM{number}", status, price=0.01))
    assert left_out(world) == [
        (
            "SMS_Message__c",
            {
                "Price__c": "missing or hidden",
                "Status__c": "its picklist is restricted and lacks the choice",
            },
        ),
        ("Contact", {"SMS_Sent_Count__c": "missing or hidden"}),
    ]
    assert parked_rows(world) == []
    made = [row.get("Status__c") for row in world.records("SMS_Message__c")]
    assert sorted(made, key=str) == [None, None, "Sent"]


def test_a_choice_that_is_lacking_leaves_what_stands_there(
    world: World, jane: str, describe: Describe
) -> None:
    """A record that says Sent is not emptied because Delivered is no choice."""
    describe("SMS_Message__c", "Status__c", choices=("Queued", "Sent"), restricted=True)
    world.receive(world.outbound(JANE, "SM1"))
    assert left_out(world) == []
    world.receive(world.outbound(JANE, "SM1", Status.DELIVERED, error_code="7"))
    assert [object for object, _ in left_out(world)] == ["SMS_Message__c"]
    [message] = world.records("SMS_Message__c")
    assert (message["Status__c"], message["Error_Code__c"]) == ("Sent", "7")


def test_rights_are_those_of_the_operation(world: World, jane: str, describe: Describe) -> None:
    """What may only be set in a new record is set there, and left out of an edit only if the edit
    would change it."""
    describe("SMS_Message__c", "Status__c", updatable=False)
    describe("SMS_Message__c", "From__c", updatable=False)
    describe("SMS_Message__c", "Error_Code__c", creatable=False)
    world.receive(world.outbound(JANE, "SM1", error_code="7"))
    said = left_out(world)
    assert said == [
        ("SMS_Message__c", {"Error_Code__c": "our user may not set it in a new record"})
    ]
    world.receive(world.outbound(JANE, "SM1", Status.DELIVERED, error_code="8"))
    assert left_out(world) == [("SMS_Message__c", {"Status__c": "our user may not edit it"})]
    [message] = world.records("SMS_Message__c")
    assert (message["Status__c"], message["Error_Code__c"]) == ("Sent", "8")


@pytest.mark.parametrize(
    ("object", "field", "changes", "detail"),
    [
        ("SMS_Message__c", "Message_Key__c", {}, "Message_Key__c: missing or hidden"),
        (
            "SMS_Message__c",
            "Message_Key__c",
            {"creatable": False},
            "Message_Key__c: our user may not set it in a new record",
        ),
        (
            "SMS_Message__c",
            "Message_Key__c",
            {"unique_key": False},
            "Message_Key__c: it is not unique, so records could be made twice",
        ),
        ("SMS_Message__c", None, {}, "its object: missing or hidden"),
        ("Contact", None, {}, "its object: missing or hidden"),
    ],
)
def test_what_cannot_be_missing_parks_its_row(
    world: World,
    jane: str,
    describe: Describe,
    object: str,
    field: str | None,
    changes: dict[str, Any],
    detail: str,
) -> None:
    """With the reason of each field; rows of other objects go on."""
    describe(object, field, **changes)
    world.receive(world.outbound(JANE, "SM1"))
    assert left_out(world) == []
    assert parked_rows(world) == [(object, Reason.FIELD, detail)]
    sums = world.record("Contact", jane).get("SMS_Sent_Count__c")
    made = len(world.records("SMS_Message__c"))
    assert (sums, made) == ((None, 1) if object == "Contact" else (1, 0))


def test_a_link_outlives_a_cut(world: World, jane: str, describe: Describe) -> None:
    """A task in an org with short descriptions still leads to the text."""
    describe("Task", "Description", length=300)
    world.receive(world.outbound(JANE, "SM1"))
    world.settle()
    world.receive(world.reply(JANE, "SM2", "Please call. " * 100))
    world.settle(rounds=2)
    [task] = world.tasks()
    reply = next(r for r in world.records("SMS_Message__c") if r["Direction__c"] == "Inbound")
    assert len(task["Description"]) <= 300
    assert task["Description"].split("…")[1].strip().endswith(f"{reply['Id']}/view")
