"""Which field a project makes for each field that a mapping names, and which it does not."""

from __future__ import annotations

from typing import Any

import pytest

from crm_sms.records import FieldType, NeededField
from crm_sms_salesforce.metadata.definitions import define
from crm_sms_salesforce.metadata.table import Definition


def one(**given: Any) -> NeededField:
    """A field that the mapping writes on the record of a text."""
    return NeededField(**{"section": "message", "object": "SMS_Message__c", **given})


def made(**given: Any) -> Definition:
    """Its definition, which must be there."""
    found = define([one(**given)])
    (field,) = found.fields
    return field.definition


def test_a_field_of_ours_is_as_the_table_has_it() -> None:
    """Whatever the mapping's expression would have told, and without a word about it."""
    found = define([one(name="Body__c", type=FieldType.TEXT)])
    assert found.findings == ()
    assert found.fields[0].definition == Definition(
        "LongTextArea", label="Body", help="What the text says.", length=32768
    )


def test_a_renamed_field_is_as_the_one_that_it_replaces() -> None:
    """With a label of its own, and a warning, as the name may be taken."""
    found = define([one(name="Full_Words__c", type=FieldType.TEXT, like="Body__c")])
    (field,) = found.fields
    assert (field.definition.type, field.definition.length) == ("LongTextArea", 32768)
    assert field.definition.label == "Full Words"
    (finding,) = found.findings
    assert finding.subject == "SMS_Message__c.Full_Words__c"
    assert (finding.ok, "as Body__c is" in finding.text) == (None, True)
    assert "delete its file" in finding.remedy


@pytest.mark.parametrize(
    ("needs", "is_made"),
    [
        ({"type": FieldType.TEXT}, Definition("Text", length=255)),
        ({"type": FieldType.NUMBER}, Definition("Number", precision=18, scale=5)),
        ({"type": FieldType.CHECKBOX}, Definition("Checkbox")),
        ({"type": FieldType.DATE}, Definition("Date")),
        ({"type": FieldType.INSTANT}, Definition("DateTime")),
        (
            {"type": FieldType.PICKLIST, "choices": ("a", "b")},
            Definition("Picklist", values=("a", "b")),
        ),
        (
            {"type": FieldType.REFERENCE, "record": "contact", "refers_to": "Contact"},
            Definition("Lookup", to="Contact", children="SMS_Message_Added"),
        ),
        (
            {"type": FieldType.REFERENCE, "record": "owner"},
            Definition("Lookup", to="User", children="SMS_Message_Added"),
        ),
        (
            {"type": FieldType.TEXT, "key": True},
            Definition("Text", length=255, unique=True, external=True, case_sensitive=True),
        ),
    ],
    ids=lambda value: value.get("record", value["type"].value) if isinstance(value, dict) else "",
)
def test_a_field_that_we_do_not_know_is_made_by_what_fills_it(
    needs: dict[str, Any], is_made: Definition
) -> None:
    """Named as a warning."""
    found = define([one(name="Added__c", **needs)])
    (field,) = found.fields
    assert field.definition == Definition(
        **{name: getattr(is_made, name) for name in Definition.__slots__} | {"label": "Added"}
    )
    assert [finding.ok for finding in found.findings] == [None]


@pytest.mark.parametrize(
    ("needs", "why"),
    [
        ({"name": "Odd__c"}, "an expression that does not tell its type"),
        ({"name": "acme__Note__c", "type": FieldType.TEXT}, "belongs to a package"),
        ({"name": "_Note__c", "type": FieldType.TEXT}, "no name that Salesforce takes"),
        ({"name": "Note_" * 9 + "_c", "type": FieldType.TEXT}, "no name that Salesforce takes"),
        (
            {"name": "Who__c", "type": FieldType.REFERENCE, "record": "person"},
            "a person of more than one object",
        ),
    ],
    ids=["unknown type", "package", "no name", "too long", "two objects"],
)
def test_what_cannot_be_made_is_left_out_and_named(needs: dict[str, Any], why: str) -> None:
    """With what to do instead."""
    found = define([one(**needs)])
    assert found.fields == ()
    (finding,) = found.findings
    assert finding.ok is False
    assert finding.subject == f"SMS_Message__c.{needs['name']}"
    assert why in finding.text
    assert finding.remedy


def test_standard_fields_are_not_made() -> None:
    """They are there."""
    needs = [one(name="OwnerId", type=FieldType.REFERENCE, record="owner")]
    assert (define(needs).fields, define(needs).findings) == ((), ())


def test_a_field_that_is_only_read_is_not_made() -> None:
    """It is somebody else's, but for those of ours."""
    read = {"section": "people", "object": "Contact", "written": False}
    assert define([one(**read, name="Tier__c")]) == define([])
    assert [field.name for field in define([one(**read, name="SMS_Score__c")]).fields] == [
        "SMS_Score__c"
    ]


def test_tasks_have_their_fields_on_activity() -> None:
    """Once, though tasks and timeline entries share them."""
    needs = [
        one(section=section, object="Task", name="SMS_Key__c", type=FieldType.TEXT, key=True)
        for section in ("task", "timeline_entry")
    ]
    assert [(field.object, field.name) for field in define(needs).fields] == [
        ("Activity", "SMS_Key__c")
    ]


def test_a_picklist_has_the_choices_that_the_mapping_gives() -> None:
    """Ours in the table's order, then the mapping's own; all of ours if it names none."""
    choices = ("Eingehend", "Outbound")
    assert made(name="Direction__c", choices=choices).values == ("Outbound", "Eingehend")
    assert made(name="Intent__c").values[0] == "Interested"


def test_a_look_up_points_to_the_mappings_own_object() -> None:
    """Where people are kept in an object of the org's."""
    assert made(name="Contact__c", record="contact", refers_to="Person__c").to == "Person__c"
    assert made(name="Account__c", record="account").to == "Account"
