"""The mapping that we ship for Salesforce holds every agreed field that has facts now."""

from __future__ import annotations

import pytest

from crm_sms.events import Status
from crm_sms.mapping import Mapping
from crm_sms.mapping.sections import Section
from crm_sms.records import Columns, Lane, PersonKind

MESSAGE = {
    "Direction__c": "once",
    "From__c": "once",
    "To__c": "once",
    "Provider__c": "once",
    "Provider_Message_Id__c": "once",
    "Status__c": "always",
    "Occurred_At__c": "always",
    "Sent_At__c": "always",
    "Delivered_At__c": "always",
    "First_Clicked_At__c": "always",
    "Replied_At__c": "always",
    "Click_Count__c": "always",
    "Response_Seconds__c": "always",
    "Segments__c": "always",
    "Media_Count__c": "always",
    "Price__c": "always",
    "Body__c": "if_empty",
    "Error_Code__c": "always",
    "Error_Class__c": "always",
    "Campaign__c": "if_empty",
    "Offer__c": "if_empty",
    "Template__c": "if_empty",
    "Template_Version__c": "if_empty",
    "Purpose__c": "if_empty",
    "Segment__c": "if_empty",
    "Journey__c": "if_empty",
    "Arm__c": "if_empty",
    "Decision_Id__c": "if_empty",
    "Contact__c": "always",
    "Lead__c": "always",
    "Account__c": "always",
    "Opportunity__c": "always",
    "OwnerId": "until_edited",
}
PERSON = {
    "SMS_Phone_E164__c": "always",
    "SMS_Last_Sent_At__c": "always",
    "SMS_Last_Reply_At__c": "always",
    "SMS_Last_Click_At__c": "always",
    "SMS_Last_Response_Seconds__c": "always",
    "SMS_Sent_Count__c": "always",
    "SMS_Reply_Count__c": "always",
    "SMS_Click_Count__c": "always",
}
OPT_OUT = {
    "SMS_Opt_Out__c": "always",
    "SMS_Opt_Out_At__c": "always",
    "SMS_Opt_Out_Source__c": "always",
    "SMS_Opt_Out_Phone__c": "always",
}
OPPORTUNITY = {
    "SMS_First_Touch_At__c": "always",
    "SMS_Last_Touch_At__c": "always",
    "SMS_Last_Reply_At__c": "always",
    "SMS_Last_Click_At__c": "always",
    "SMS_Last_Response_Seconds__c": "always",
    "SMS_Sent_Count__c": "always",
    "SMS_Reply_Count__c": "always",
    "SMS_Click_Count__c": "always",
}
TASK = {
    "Subject": "once",
    "Status": "once",
    "Priority": "once",
    "ActivityDate": "once",
    "WhoId": "once",
    "WhatId": "once",
    "OwnerId": "once",
    "Description": "once",
}


def rules(section: Section | None) -> dict[str, str]:
    assert section is not None
    return {field.name: field.rule.value for field in section.fields}


def test_every_field_is_mapped_with_its_rule(mapping: Mapping) -> None:
    """Names and rules as agreed, none missing and none more, in every section."""
    assert rules(mapping.message) == MESSAGE
    for object in ("Contact", "Lead"):
        assert rules(mapping.person_roll_ups[object]) == PERSON
        assert rules(mapping.opt_outs[object]) == OPT_OUT
    assert rules(mapping.opportunity) == OPPORTUNITY
    assert rules(mapping.task) == TASK
    assert rules(mapping.timeline) == TASK


def test_keys_lanes_and_stars(mapping: Mapping) -> None:
    """What is unique, what is urgent, and without what nothing is written."""
    found = {
        (one.path, one.object): (one.key_field, one.lane, one.create_only, set(one.starred))
        for one in mapping.sections
    }
    assert found == {
        ("message", "SMS_Message__c"): (
            "Message_Key__c",
            Lane.TIMELINE,
            False,
            {"Message_Key__c"},
        ),
        ("task", "Task"): ("SMS_Key__c", Lane.TASK, True, {"SMS_Key__c"}),
        ("timeline_entry", "Task"): ("SMS_Key__c", Lane.TIMELINE, True, {"SMS_Key__c"}),
        ("opt_out", "Contact"): (None, Lane.OPT_OUT, False, {"SMS_Opt_Out__c"}),
        ("opt_out", "Lead"): (None, Lane.OPT_OUT, False, {"SMS_Opt_Out__c"}),
        ("person_roll_up", "Contact"): (None, Lane.ROLL_UP, False, set()),
        ("person_roll_up", "Lead"): (None, Lane.ROLL_UP, False, set()),
        ("opportunity_roll_up", "Opportunity"): (None, Lane.ROLL_UP, False, set()),
    }


def test_the_columns_that_are_mirrored(mapping: Mapping) -> None:
    """Phones in the order they are tried, and the checkbox that suppresses."""
    assert mapping.columns() == (
        Columns(
            "Contact",
            PersonKind.CONTACT,
            ("MobilePhone", "Phone", "HomePhone", "OtherPhone"),
            "SMS_Opt_Out__c",
        ),
        Columns("Lead", PersonKind.LEAD, ("MobilePhone", "Phone"), "SMS_Opt_Out__c"),
    )


@pytest.mark.parametrize(
    ("status", "choice"),
    [
        (Status.SCHEDULED, "Scheduled"),
        (Status.ACCEPTED, "Queued"),
        (Status.QUEUED, "Queued"),
        (Status.SENDING, "Queued"),
        (Status.SENT, "Sent"),
        (Status.UNCONFIRMED, "Sent"),
        (Status.DELIVERED, "Delivered"),
        (Status.UNDELIVERED, "Undelivered"),
        (Status.FAILED, "Failed"),
        (Status.EXPIRED, "Expired"),
        (Status.CANCELED, "Canceled"),
        (Status.RECEIVED, "Received"),
        (Status.READ, "Read"),
        (Status.UNKNOWN, "Unknown"),
    ],
)
def test_every_status_has_a_choice(mapping: Mapping, status: Status, choice: str) -> None:
    """The picklist's words, for each of ours."""
    field = next(field for field in mapping.message.fields if field.name == "Status__c")
    assert field.values is not None
    assert field.values[status] == choice


@pytest.mark.parametrize(
    "name",
    [
        "Intent__c",
        "Intent_Confidence__c",
        "SMS_Consent_Status__c",
        "SMS_Consent_At__c",
        "SMS_Consent_Source__c",
        "SMS_Topics__c",
        "SMS_Last_Intent__c",
        "SMS_Last_Intent_At__c",
        "SMS_Score__c",
        "SMS_Follow_Up_Due__c",
        "SMS_Next_Step__c",
    ],
)
def test_fields_without_facts_are_only_mentioned(
    mapping: Mapping, shipped_text: str, name: str
) -> None:
    """An admin who looks for a field of later work finds a comment, and nothing is written."""
    assert name in shipped_text
    assert all(name != field.name for one in mapping.sections for field in one.fields)
