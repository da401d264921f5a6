"""Describes: the fields of the default mapping, and what a describe promises a writer."""

from __future__ import annotations

from typing import Any

import pytest

from crm_sms.sandbox.salesforce import describe, schema

PERSON = {
    "SMS_Phone_E164__c": ("string", 20),
    "SMS_Opt_Out__c": ("boolean", 0),
    "SMS_Opt_Out_At__c": ("datetime", 0),
    "SMS_Opt_Out_Source__c": ("string", 255),
    "SMS_Opt_Out_Phone__c": ("string", 255),
    "SMS_Consent_Status__c": ("picklist", 255),
    "SMS_Consent_At__c": ("datetime", 0),
    "SMS_Consent_Source__c": ("string", 255),
    "SMS_Last_Sent_At__c": ("datetime", 0),
    "SMS_Last_Reply_At__c": ("datetime", 0),
    "SMS_Last_Click_At__c": ("datetime", 0),
    "SMS_Last_Response_Seconds__c": ("double", 0),
    "SMS_Sent_Count__c": ("double", 0),
    "SMS_Reply_Count__c": ("double", 0),
    "SMS_Click_Count__c": ("double", 0),
}
WANTED = {
    "Contact": PERSON,
    "Lead": PERSON,
    "Opportunity": {
        "SMS_First_Touch_At__c": ("datetime", 0),
        "SMS_Last_Touch_At__c": ("datetime", 0),
        "SMS_Last_Reply_At__c": ("datetime", 0),
        "SMS_Last_Click_At__c": ("datetime", 0),
        "SMS_Last_Response_Seconds__c": ("double", 0),
        "SMS_Sent_Count__c": ("double", 0),
        "SMS_Reply_Count__c": ("double", 0),
        "SMS_Click_Count__c": ("double", 0),
    },
    "Task": {"SMS_Key__c": ("string", 255), "Subject": ("combobox", 255)},
    "SMS_Message__c": {
        "Message_Key__c": ("string", 255),
        "Direction__c": ("picklist", 255),
        "From__c": ("string", 40),
        "To__c": ("string", 40),
        "Provider_Message_Id__c": ("string", 64),
        "Status__c": ("picklist", 255),
        "Occurred_At__c": ("datetime", 0),
        "Body__c": ("textarea", 32768),
        "Click_Count__c": ("double", 0),
        "Error_Class__c": ("string", 40),
        "Campaign__c": ("string", 80),
        "Contact__c": ("reference", 18),
        "Opportunity__c": ("reference", 18),
        "OwnerId": ("reference", 18),
    },
}


def described(name: str, *, bare: bool = False) -> dict[str, dict[str, Any]]:
    obj = schema.load(bare=bare)[name]
    answer = describe.describe_object(obj, obj.fields.values(), "/services/data/v66.0")
    return {field["name"]: field for field in answer["fields"]}


@pytest.mark.parametrize("name", sorted(WANTED))
def test_the_fields_of_the_default_mapping(name: str) -> None:
    """Every one is there with its type and length, and can be written."""
    fields = described(name)
    found = {one: (fields[one]["type"], fields[one]["length"]) for one in WANTED[name]}
    assert found == WANTED[name]
    assert all(fields[one]["createable"] and fields[one]["updateable"] for one in WANTED[name])


def test_keys() -> None:
    """A message's key counts case, a task's does not; a number is no key of its own."""
    flags = ("externalId", "unique", "caseSensitive", "idLookup")
    keys = {
        ("SMS_Message__c", "Message_Key__c"): (True, True, True, True),
        ("Task", "SMS_Key__c"): (True, True, False, True),
        ("Contact", "SMS_Phone_E164__c"): (True, False, False, True),
        ("Contact", "MobilePhone"): (False, False, False, False),
    }
    found = {
        (name, field): tuple(described(name)[field][flag] for flag in flags) for name, field in keys
    }
    assert found == keys


def test_picklists() -> None:
    """Values with label, active and default; `restrictedPicklist` where others are refused."""
    direction = described("SMS_Message__c")["Direction__c"]
    assert [value["value"] for value in direction["picklistValues"]] == ["Outbound", "Inbound"]
    assert direction["restrictedPicklist"] is True
    status = described("Task")["Status"]
    assert status["restrictedPicklist"] is False
    assert [v["value"] for v in status["picklistValues"] if v["defaultValue"]] == ["Not Started"]
    assert all(value["active"] for value in status["picklistValues"])


def test_references() -> None:
    """Where a lookup leads, and the name of the path to it."""
    fields = described("Task")
    assert fields["WhoId"]["referenceTo"] == ["Contact", "Lead"]
    assert fields["WhoId"]["relationshipName"] == "Who"
    assert fields["WhoId"]["polymorphicForeignKey"] is True
    assert described("SMS_Message__c")["Contact__c"]["relationshipName"] == "Contact__r"


@pytest.mark.parametrize("name", sorted(schema.load()))
def test_what_is_required_has_no_default(name: str) -> None:
    """A field that is neither nillable nor defaulted must be given: the table has no other case."""
    for field in described(name).values():
        required = field["createable"] and not field["nillable"] and not field["defaultedOnCreate"]
        assert required is (field["name"] in schema.load()[name].required())


@pytest.mark.parametrize("name", ["Contact", "Lead", "Opportunity", "Task"])
def test_a_bare_org_lacks_only_ours(name: str) -> None:
    """The other fields are the same, in the same order."""
    bare = list(described(name, bare=True))
    assert bare == [field for field in described(name) if not field.startswith("SMS_")]


def test_states_of_tasks_and_deals_are_those_of_their_tables() -> None:
    """The picklists hold the labels that the org's own tables say are closed, won or high."""
    rows = schema.first_rows()
    for table, name, field in (
        ("TaskStatus", "Task", "Status"),
        ("TaskPriority", "Task", "Priority"),
        ("OpportunityStage", "Opportunity", "StageName"),
    ):
        values = [value["value"] for value in described(name)[field]["picklistValues"]]
        assert values == [row["MasterLabel"] for row in rows[table]]
