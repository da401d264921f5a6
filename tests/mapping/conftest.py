"""An org, a few facts, and the shipped mapping."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from crm_sms.admin_files import shipped
from crm_sms.events import Direction, Metadata, Status
from crm_sms.mapping import Mapping, TextFacts
from crm_sms.messages import Message
from crm_sms.phone import parse_address
from crm_sms.records import (
    FieldDescription,
    FieldType,
    ObjectDescription,
    Opportunity,
    Owner,
    Person,
    PersonKind,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)

STATUSES = (
    "Scheduled",
    "Queued",
    "Sent",
    "Delivered",
    "Undelivered",
    "Failed",
    "Expired",
    "Canceled",
    "Received",
    "Read",
    "Unknown",
)

Org = dict[str, ObjectDescription]


def _described(object: str, **types: list[str]) -> ObjectDescription:
    fields = {
        name: FieldDescription(name, FieldType(type_), length=255 if type_ == "text" else None)
        for type_, names in types.items()
        for name in names
    }
    return ObjectDescription(object, fields)


def _changed(org: Org, object: str, field: str, **changes: Any) -> None:
    fields = dict(org[object].fields)
    fields[field] = replace(fields[field], **changes)
    org[object] = replace(org[object], fields=fields)


def _hidden(org: Org, object: str, *names: str) -> None:
    fields = {name: field for name, field in org[object].fields.items() if name not in names}
    org[object] = replace(org[object], fields=fields)


_PERSON = {
    "text": ["SMS_Phone_E164__c", "SMS_Opt_Out_Source__c", "SMS_Opt_Out_Phone__c"],
    "checkbox": ["SMS_Opt_Out__c"],
    "instant": [
        "SMS_Opt_Out_At__c",
        "SMS_Last_Sent_At__c",
        "SMS_Last_Reply_At__c",
        "SMS_Last_Click_At__c",
    ],
    "number": [
        "SMS_Last_Response_Seconds__c",
        "SMS_Sent_Count__c",
        "SMS_Reply_Count__c",
        "SMS_Click_Count__c",
    ],
}


@pytest.fixture
def org() -> Org:
    """An org that has every field of the shipped mapping, described by hand."""
    made = {
        "SMS_Message__c": _described(
            "SMS_Message__c",
            text=[
                "Message_Key__c",
                "From__c",
                "To__c",
                "Provider__c",
                "Provider_Message_Id__c",
                "Error_Code__c",
                "Error_Class__c",
                "Campaign__c",
                "Offer__c",
                "Template__c",
                "Template_Version__c",
                "Purpose__c",
                "Segment__c",
                "Journey__c",
                "Arm__c",
                "Decision_Id__c",
            ],
            long_text=["Body__c"],
            picklist=["Direction__c", "Status__c"],
            instant=[
                "Occurred_At__c",
                "Sent_At__c",
                "Delivered_At__c",
                "First_Clicked_At__c",
                "Replied_At__c",
            ],
            number=[
                "Click_Count__c",
                "Response_Seconds__c",
                "Segments__c",
                "Media_Count__c",
                "Price__c",
            ],
            reference=["Contact__c", "Lead__c", "Account__c", "Opportunity__c", "OwnerId"],
        ),
        "Contact": _described(
            "Contact", phone=["MobilePhone", "Phone", "HomePhone", "OtherPhone"], **_PERSON
        ),
        "Lead": _described("Lead", phone=["MobilePhone", "Phone"], **_PERSON),
        "Opportunity": _described(
            "Opportunity",
            instant=[
                "SMS_First_Touch_At__c",
                "SMS_Last_Touch_At__c",
                "SMS_Last_Reply_At__c",
                "SMS_Last_Click_At__c",
            ],
            number=_PERSON["number"],
        ),
        "Task": _described(
            "Task",
            text=["SMS_Key__c", "Subject"],
            long_text=["Description"],
            picklist=["Status", "Priority"],
            date=["ActivityDate"],
            reference=["WhoId", "WhatId", "OwnerId"],
        ),
    }
    text = "SMS_Message__c"
    _changed(made, text, "Message_Key__c", unique_key=True)
    _changed(made, text, "Direction__c", choices=("Outbound", "Inbound"), restricted=True)
    _changed(made, text, "Status__c", choices=STATUSES, restricted=True)
    _changed(made, text, "Body__c", length=32_768)
    for field, target in (
        ("Contact__c", "Contact"),
        ("Lead__c", "Lead"),
        ("Account__c", "Account"),
        ("Opportunity__c", "Opportunity"),
    ):
        _changed(made, text, field, refers_to=(target,))
    _changed(made, text, "OwnerId", refers_to=("Group", "User"))
    _changed(made, "Task", "SMS_Key__c", unique_key=True)
    _changed(made, "Task", "Description", length=32_000)
    _changed(made, "Task", "Status", choices=("Not Started", "In Progress", "Completed"))
    _changed(made, "Task", "Priority", choices=("High", "Normal", "Low"))
    _changed(made, "Task", "WhoId", refers_to=("Contact", "Lead"))
    _changed(made, "Task", "WhatId", refers_to=("Account", "Opportunity", text))
    _changed(made, "Task", "OwnerId", refers_to=("Group", "User"))
    return made


@pytest.fixture
def change() -> Callable[..., None]:
    """Changes what an org says of a field: `change(org, object, field, updatable=False)`."""
    return _changed


@pytest.fixture
def hide() -> Callable[..., None]:
    """Hides fields of an org: `hide(org, object, name, name)`."""
    return _hidden


@pytest.fixture(scope="session")
def shipped_text() -> str:
    """The mapping file that we ship."""
    return (shipped() / "salesforce.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def mapping(shipped_text: str) -> Mapping:
    """The mapping that we ship."""
    return Mapping.load(shipped_text, "salesforce.toml")


@pytest.fixture
def contact() -> Person:
    """Ada, a contact of an account."""
    return Person("Contact", "003A", PersonKind.CONTACT, NOON, "Ada Byron", "005R", "001A")


@pytest.fixture
def lead() -> Person:
    """Bob, a lead."""
    return Person("Lead", "00QB", PersonKind.LEAD, NOON, "Bob Ray", "005R")


@pytest.fixture
def reply(contact: Person) -> TextFacts:
    """A verified reply of Ada's, who has an open opportunity."""
    message = Message(
        key="twilio:AC1:SM1",
        provider="twilio",
        account="AC1",
        direction=Direction.INBOUND,
        status=Status.RECEIVED,
        occurred_at=NOON,
        received_at=NOON,
        provider_message_id="SM1",
        sender=parse_address("+12025550123"),
        recipient=parse_address("55511"),
        body="Can we do Tuesday?",
        media_count=0,
        segments=1,
        metadata=Metadata(campaign="autumn"),
    )
    owner = Owner("005R", "Rep", NOON)
    return TextFacts(message, contact, owner, Opportunity("006O", "Big deal", NOON, "001A"))


@pytest.fixture
def minimal() -> str:
    """The smallest mapping file that is complete, to which tests add."""
    return """
[people.contact]
object = "Contact"
phones = ["Phone"]
opt_out = "Out__c"
[message]
object = "Text__c"
key = "Key__c"
[message.fields]
[task]
object = "Task"
key = "Key__c"
[task.fields]
[opt_out.fields]
Out__c = { value = "true", required = true }
"""
