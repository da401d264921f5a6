"""A mapping held against what the CRM shows our user."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from crm_sms.mapping import Mapping, Problem, check
from crm_sms.records import FieldDescription, FieldType, ObjectDescription

Org = dict[str, ObjectDescription]
Change = Callable[..., None]


def lines(problems: Sequence[Problem]) -> list[str]:
    return [str(problem) for problem in problems]


def ok(problems: Sequence[Problem]) -> bool:
    return not any(problem.fatal for problem in problems)


def test_a_mapping_that_fits_has_no_problems(mapping: Mapping, org: Org) -> None:
    """The shipped mapping fits an org with the shipped fields."""
    assert check(mapping, org) == ()


def test_a_hidden_optional_field_is_a_warning(mapping: Mapping, org: Org, hide: Change) -> None:
    """It names file, key and remedy."""
    hide(org, "SMS_Message__c", "Price__c")
    found = check(mapping, org)
    assert lines(found) == [
        "salesforce.toml: message.fields.Price__c: SMS_Message__c: there is no field Price__c, or "
        "our user may not see it; make the field, or grant our user access to it; crm-sms plan "
        "--out DIR writes both, with a permission set to assign"
    ]
    assert ok(found)


@pytest.mark.parametrize("spelt", ["Segment_s__c", "segments__C", "Segmnts__c"])
def test_a_misspelt_field_gets_a_hint(shipped_text: str, org: Org, spelt: str) -> None:
    """A name that nearly exists is named in the remedy."""
    own = Mapping.load(shipped_text.replace("Segments__c =", f"{spelt} ="), "own.toml")
    assert "did you mean Segments__c?" in lines(check(own, org))[0]


def test_a_hidden_required_field_is_fatal(mapping: Mapping, org: Org, hide: Change) -> None:
    """Only for the object that lacks it."""
    hide(org, "Lead", "SMS_Opt_Out__c")
    found = check(mapping, org)
    assert [(p.key, p.fatal) for p in found] == [("opt_out.fields.SMS_Opt_Out__c", True)]
    assert "Lead: there is no field SMS_Opt_Out__c" in lines(found)[0]


def test_a_hidden_phone_is_a_warning(mapping: Mapping, org: Org, hide: Change) -> None:
    """The others still match people."""
    hide(org, "Lead", "MobilePhone")
    found = check(mapping, org)
    assert [(p.key, p.fatal) for p in found] == [("people.lead.phones", False)]
    assert "Lead: there is no field MobilePhone" in found[0].text


def test_without_any_phone_nobody_can_be_matched(mapping: Mapping, org: Org, hide: Change) -> None:
    """An object of people that shows no phone at all fails the check."""
    hide(org, "Lead", "MobilePhone", "Phone")
    assert not ok(check(mapping, org))


def test_a_further_column_that_one_object_lacks(shipped_text: str, org: Org) -> None:
    """Leads may have a field that contacts lack: a warning, and nothing where it is missing."""
    text = shipped_text.replace("from {{ person.name }}", "from {{ person.fields.Rating }}")
    org["Lead"] = replace(
        org["Lead"],
        fields={**org["Lead"].fields, "Rating": FieldDescription("Rating", FieldType.PICKLIST)},
    )
    found = check(Mapping.load(text, "own.toml"), org)
    assert [(p.key, p.fatal) for p in found] == [("people.contact.expressions", False)]


@pytest.mark.parametrize(
    ("object", "key"),
    [
        ("SMS_Message__c", "message.object"),
        ("Task", "task.object"),
        ("Task", "timeline_entry.object"),
        ("Lead", "people.lead.object"),
    ],
)
def test_a_missing_object_is_fatal(mapping: Mapping, org: Org, object: str, key: str) -> None:
    """Said once for each place that names it."""
    del org[object]
    found = [problem for problem in check(mapping, org) if problem.key == key]
    assert [(problem.text, problem.fatal) for problem in found] == [
        (f"there is no {object}, or our user may not see it", True)
    ]


def test_a_missing_object_that_nothing_depends_on_is_a_warning(mapping: Mapping, org: Org) -> None:
    """An org without opportunities does without their sums."""
    del org["Opportunity"]
    found = check(mapping, org)
    assert [(p.key, p.fatal) for p in found] == [("opportunity_roll_up.object", False)]


@pytest.mark.parametrize(
    ("object", "right", "said", "fine"),
    [
        ("SMS_Message__c", "creatable", "may not create SMS_Message__c records", False),
        ("SMS_Message__c", "updatable", "may not edit SMS_Message__c records", False),
        ("Task", "creatable", "may not create Task records", False),
        ("Contact", "updatable", "may not edit Contact records", False),
        ("Opportunity", "updatable", "may not edit Opportunity records", True),
    ],
)
def test_missing_rights_on_an_object(
    mapping: Mapping, org: Org, object: str, right: str, said: str, fine: bool
) -> None:
    """Each with the right to grant; what is only nice to have is a warning."""
    org[object] = replace(org[object], **{right: False})
    found = check(mapping, org)
    assert any(said in line and "grant" in line for line in lines(found))
    assert ok(found) is fine


@pytest.mark.parametrize("object", ["Task", "Contact", "Opportunity"])
def test_rights_that_are_not_needed_are_not_asked_for(
    mapping: Mapping, org: Org, object: str
) -> None:
    """Tasks are never edited, people and opportunities never created."""
    right = "updatable" if object == "Task" else "creatable"
    org[object] = replace(org[object], **{right: False})
    fields = {name: replace(field, **{right: False}) for name, field in org[object].fields.items()}
    org[object] = replace(org[object], fields=fields)
    assert check(mapping, org) == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"unique_key": False}, "Message_Key__c is not a unique text field"),
        ({"type": FieldType.NUMBER}, "Message_Key__c is not a unique text field"),
        ({"creatable": False}, "our user may not write Message_Key__c"),
    ],
)
def test_a_key_must_be_unique_and_writable(
    mapping: Mapping, org: Org, change: Change, changes: dict[str, Any], said: str
) -> None:
    """Without that, records would be made twice."""
    change(org, "SMS_Message__c", "Message_Key__c", **changes)
    found = check(mapping, org)
    assert [(p.key, p.fatal) for p in found] == [("message.key", True)]
    assert said in lines(found)[0]


def test_a_hidden_key_is_fatal(mapping: Mapping, org: Org, hide: Change) -> None:
    """A key that nobody can see cannot keep records apart."""
    hide(org, "Task", "SMS_Key__c")
    found = check(mapping, org)
    assert [(p.key, p.fatal) for p in found] == [("task.key", True), ("timeline_entry.key", True)]


@pytest.mark.parametrize(
    ("field", "type", "said"),
    [
        ("Body__c", FieldType.CHECKBOX, "gives a text, but the field is checkbox"),
        ("Sent_At__c", FieldType.DATE, "gives an instant, but the field is date"),
        ("Click_Count__c", FieldType.TEXT, "gives a number, but the field is text"),
        ("Contact__c", FieldType.NUMBER, "gives a record, but the field is number"),
        ("Status__c", FieldType.INSTANT, "gives a text, but the field is instant"),
    ],
)
def test_a_wrong_type_is_fatal(
    mapping: Mapping, org: Org, change: Change, field: str, type: FieldType, said: str
) -> None:
    """Such a field is never written; the mistake must be put right."""
    change(org, "SMS_Message__c", field, type=type)
    found = check(mapping, org)
    assert [p.fatal for p in found] == [True]
    assert said in lines(found)[0]


def test_a_field_of_another_kind_is_taken_on_trust(
    mapping: Mapping, org: Org, change: Change
) -> None:
    """E-mail, URL and the like: we do not know what they take."""
    change(org, "SMS_Message__c", "Body__c", type=FieldType.OTHER)
    assert ok(check(mapping, org))


@pytest.mark.parametrize(
    ("object", "field", "refers_to", "fine"),
    [
        ("SMS_Message__c", "Contact__c", ("Lead",), False),
        ("SMS_Message__c", "Contact__c", (), True),
        ("SMS_Message__c", "Opportunity__c", ("Account",), False),
        ("SMS_Message__c", "Account__c", ("Contact",), False),
        ("SMS_Message__c", "Account__c", ("Firm__c",), True),
        ("SMS_Message__c", "OwnerId", ("Lead", "Contact"), False),
        ("Task", "WhoId", ("Contact",), False),
        ("Task", "WhatId", ("Account", "Opportunity"), True),
    ],
)
def test_a_lookup_must_point_to_the_right_object(
    mapping: Mapping,
    org: Org,
    change: Change,
    object: str,
    field: str,
    refers_to: tuple[str, ...],
    fine: bool,
) -> None:
    """A contact's id in a lookup to leads would fail every row."""
    change(org, object, field, refers_to=refers_to)
    found = check(mapping, org)
    assert ok(found) is fine
    assert any("but the field points to" in line for line in lines(found)) is not fine


@pytest.mark.parametrize(
    ("field", "right", "warned"),
    [
        ("Body__c", "creatable", True),
        ("Body__c", "updatable", True),
        ("From__c", "creatable", True),
        ("From__c", "updatable", False),
    ],
)
def test_a_field_must_be_writable_when_it_is_written(
    mapping: Mapping, org: Org, change: Change, field: str, right: str, warned: bool
) -> None:
    """A field written once need not be editable later."""
    change(org, "SMS_Message__c", field, **{right: False})
    found = check(mapping, org)
    assert ok(found)
    assert any("may not write the field" in line for line in lines(found)) is warned


def without(org: Org, change: Change, choice: str, **changes: Any) -> None:
    choices = org["SMS_Message__c"].fields["Status__c"].choices
    rest = tuple(one for one in choices if one != choice)
    change(org, "SMS_Message__c", "Status__c", choices=rest, **changes)


@pytest.mark.parametrize(
    ("restricted", "said"), [(True, "these are left out"), (False, "nobody can choose these")]
)
def test_a_choice_that_a_picklist_lacks_is_a_warning(
    mapping: Mapping, org: Org, change: Change, restricted: bool, said: str
) -> None:
    """It says whether the choice will be written all the same."""
    without(org, change, "Read", restricted=restricted)
    found = check(mapping, org)
    assert ok(found)
    assert f"the picklist has no active Read: {said}" in lines(found)[0]


def test_otherwise_is_a_choice_too(shipped_text: str, org: Org, change: Change) -> None:
    """The admin's own default must exist in the picklist."""
    text = shipped_text.replace(
        'value = "message.status"\n', 'value = "message.status"\notherwise = "None of these"\n'
    )
    found = check(Mapping.load(text, "own.toml"), org)
    assert "the picklist has no active None of these" in lines(found)[0]


@pytest.mark.parametrize(("restricted", "fine"), [(True, False), (False, True)])
def test_a_required_choice_that_is_lacking_is_fatal_where_the_picklist_binds(
    shipped_text: str, org: Org, change: Change, restricted: bool, fine: bool
) -> None:
    """Rows with that choice will park."""
    text = shipped_text.replace(
        'value = "message.status"\n', 'value = "message.status"\nrequired = true\n'
    )
    without(org, change, "Read", restricted=restricted)
    assert ok(check(Mapping.load(text, "own.toml"), org)) is fine


def test_constants_are_held_against_the_picklist(
    mapping: Mapping, org: Org, change: Change
) -> None:
    """An org that renamed the status of a completed task hears of it beforehand."""
    change(org, "Task", "Status", choices=("Open", "Done"))
    assert [p.key for p in check(mapping, org)] == [
        "task.fields.Status",
        "timeline_entry.fields.Status",
    ]


def test_a_field_too_short_for_a_list_is_a_warning(
    mapping: Mapping, org: Org, change: Change
) -> None:
    """Texts may be cut anywhere, but half a phone number would be somebody else's."""
    change(org, "Contact", "SMS_Opt_Out_Phone__c", length=100)
    change(org, "Contact", "SMS_Opt_Out_Source__c", length=100)
    found = check(mapping, org)
    assert [(p.key, p.fatal) for p in found] == [("opt_out.fields.SMS_Opt_Out_Phone__c", False)]
    assert "make the field 255 characters long" in lines(found)[0]


def test_all_problems_come_at_once(
    mapping: Mapping, org: Org, change: Change, hide: Change
) -> None:
    """Every section is judged, whatever is wrong with the others."""
    del org["SMS_Message__c"]
    hide(org, "Contact", "SMS_Opt_Out__c", "SMS_Sent_Count__c")
    change(org, "Task", "ActivityDate", type=FieldType.INSTANT)
    hide(org, "Opportunity", "SMS_Click_Count__c")
    found = [(problem.key, problem.fatal) for problem in check(mapping, org)]
    assert found == [
        ("message.object", True),
        ("task.fields.ActivityDate", True),
        ("timeline_entry.fields.ActivityDate", True),
        ("opportunity_roll_up.fields.SMS_Click_Count__c", False),
        ("opt_out.fields.SMS_Opt_Out__c", True),
        ("person_roll_up.fields.SMS_Sent_Count__c", False),
    ]
