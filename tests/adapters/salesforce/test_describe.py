"""Salesforce's describe of an object as an ObjectDescription."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crm_sms.records import FieldDescription, FieldType
from crm_sms_salesforce.describe import TYPES, object_description


def field(**changes: Any) -> dict[str, Any]:
    """A field as describe writes it."""
    return {
        "name": "X__c",
        "type": "string",
        "length": 255,
        "picklistValues": [],
        "restrictedPicklist": False,
        "externalId": False,
        "unique": False,
        "createable": True,
        "updateable": True,
        "referenceTo": [],
    } | changes


def described(**changes: Any) -> FieldDescription:
    """What becomes of one field."""
    answer = {"name": "T", "createable": True, "updateable": True, "fields": [field(**changes)]}
    (found,) = object_description(answer).fields.values()
    return found


@pytest.mark.parametrize(("theirs", "ours"), sorted(TYPES.items()))
def test_types(theirs: str, ours: FieldType) -> None:
    """Each of Salesforce's types has its sort."""
    assert described(type=theirs).type is ours


@pytest.mark.parametrize("theirs", ["address", "location", "multipicklist", "base64", "new"])
def test_other_types(theirs: str) -> None:
    """A type that no mapping can fill is OTHER, not an error."""
    assert described(type=theirs).type is FieldType.OTHER


def test_key_is_unique_and_external() -> None:
    """An upsert needs both: an external id that is not unique is no key."""
    assert described(externalId=True, unique=True).unique_key is True
    assert described(externalId=True, unique=False).unique_key is False
    assert described(externalId=False, unique=True).unique_key is False


def test_only_active_choices_count() -> None:
    """A retired picklist value is not offered."""
    values = [{"value": "Sent", "active": True}, {"value": "Old", "active": False}]
    found = described(type="picklist", picklistValues=values, restrictedPicklist=True)
    assert (found.choices, found.restricted) == (("Sent",), True)


def test_length_zero_is_none() -> None:
    """Salesforce writes 0 for types that have no length."""
    assert described(type="double", length=0).length is None
    assert described().length == 255


def test_rights_of_object_and_field() -> None:
    """What our user may do with an object and a field is taken as it stands."""
    answer = {
        "name": "T",
        "createable": False,
        "updateable": True,
        "fields": [field(createable=True, updateable=False)],
    }
    found = object_description(answer)
    assert (found.creatable, found.updatable) == (False, True)
    assert (found.fields["X__c"].creatable, found.fields["X__c"].updatable) == (True, False)


@pytest.mark.parametrize("name", ["Contact", "Lead", "Account", "Event", "Custom__c"])
def test_recorded_describes_are_read(shared: Path, name: str) -> None:
    """Describes recorded from a real org are understood field by field."""
    answer = json.loads((shared / f"data/salesforce/describe/{name}.json").read_text())
    found = object_description(answer)
    assert found.name == answer["name"]
    assert list(found.fields) == [entry["name"] for entry in answer["fields"]]
    assert found.fields["Id"].updatable is False


def test_recorded_contact(shared: Path) -> None:
    """A phone, a lookup and a hidden field of the recorded Contact."""
    answer = json.loads((shared / "data/salesforce/describe/Contact.json").read_text())
    fields = object_description(answer).fields
    assert (fields["MobilePhone"].type, fields["MobilePhone"].length) == (FieldType.PHONE, 40)
    assert fields["AccountId"].refers_to == ("Account",)
    assert fields["SystemModstamp"].type is FieldType.INSTANT
    assert "HasOptedOutOfEmail" not in fields
