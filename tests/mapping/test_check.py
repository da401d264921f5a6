"""A mapping held against what the CRM shows our user."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from crm_sms.errors import BadMapping
from crm_sms.events import Status
from crm_sms.mapping import Checked, Mapping, OptOut, ReplyTask, RollUp, TextFacts, check
from crm_sms.records import (
    FieldDescription,
    FieldType,
    Lane,
    ObjectDescription,
    Person,
    Reference,
    Text,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
Org = dict[str, ObjectDescription]
Change = Callable[..., None]


def lines(checked: Checked) -> list[str]:
    return [str(problem) for problem in checked.problems]


def test_a_mapping_that_fits_has_no_problems(mapping: Mapping, org: Org) -> None:
    """The shipped mapping fits an org with the shipped fields, and loses none of them."""
    checked = check(mapping, org)
    assert lines(checked) == []
    assert checked.ok
    assert checked.mapping.blocked == {}
    assert [len(one.fields) for one in checked.mapping.sections] == [
        len(one.fields) for one in mapping.sections
    ]


def test_a_hidden_optional_field_is_a_warning_and_skipped(
    mapping: Mapping, org: Org, hide: Change, reply: TextFacts
) -> None:
    """The other fields of the record go on."""
    hide(org, "SMS_Message__c", "Price__c")
    checked = check(mapping, org)
    assert lines(checked) == [
        "salesforce.toml: message.fields.Price__c: SMS_Message__c: there is no field Price__c, or "
        "our user may not see it; make the field, or grant our user access to it"
    ]
    assert checked.ok
    record = checked.mapping.message_record("prod", reply)
    assert "Price__c" not in record.fields
    assert "Segments__c" in record.fields
    assert checked.mapping.blocked_by(record) is None


@pytest.mark.parametrize("spelt", ["Segment_s__c", "segments__C", "Segmnts__c"])
def test_a_misspelt_field_gets_a_hint(shipped_text: str, org: Org, spelt: str) -> None:
    """A name that nearly exists is named in the remedy."""
    own = Mapping.load(shipped_text.replace("Segments__c =", f"{spelt} ="), "own.toml")
    assert "did you mean Segments__c?" in lines(check(own, org))[0]


def test_a_hidden_required_field_blocks_its_records_only(
    mapping: Mapping, org: Org, hide: Change, contact: Person, lead: Person, reply: TextFacts
) -> None:
    """The opt-outs of leads park, those of contacts and all else go on; the check fails."""
    hide(org, "Lead", "SMS_Opt_Out__c")
    checked = check(mapping, org)
    assert not checked.ok
    no = OptOut(NOON, "keyword STOP", ("+12025550123",))
    blocked = checked.mapping.opt_out("prod", lead, no)
    reason = checked.mapping.blocked_by(blocked)
    assert reason is not None
    assert "salesforce.toml: opt_out.fields.SMS_Opt_Out__c: Lead: there is no field" in reason
    assert "SMS_Opt_Out__c" in blocked.fields
    for record in (
        checked.mapping.opt_out("prod", contact, no),
        checked.mapping.person_roll_up("prod", lead, RollUp()),
        checked.mapping.message_record("prod", reply),
    ):
        assert record is not None
        assert checked.mapping.blocked_by(record) is None


def test_a_hidden_opt_out_column_is_not_pulled(mapping: Mapping, org: Org, hide: Change) -> None:
    """A pull that names a hidden column fails as a whole, so it must not."""
    hide(org, "Lead", "SMS_Opt_Out__c", "MobilePhone")
    checked = check(mapping, org)
    columns = {columns.object: columns for columns in checked.mapping.columns()}
    assert (columns["Lead"].phones, columns["Lead"].opt_out) == (("Phone",), None)
    assert columns["Contact"].opt_out == "SMS_Opt_Out__c"
    warning = next(p for p in checked.problems if p.key == "people.lead.phones")
    assert not warning.fatal
    assert "Lead: there is no field MobilePhone" in warning.text


def test_without_any_phone_nobody_can_be_matched(mapping: Mapping, org: Org, hide: Change) -> None:
    """An object of people that shows no phone at all fails the check."""
    hide(org, "Lead", "MobilePhone", "Phone")
    assert not check(mapping, org).ok


def test_a_further_column_that_one_object_lacks(shipped_text: str, org: Org) -> None:
    """Leads may have a field that contacts lack: a warning, and nothing where it is missing."""
    text = shipped_text.replace("from {{ person.name }}", "from {{ person.fields.Rating }}")
    org["Lead"] = replace(
        org["Lead"],
        fields={**org["Lead"].fields, "Rating": FieldDescription("Rating", FieldType.PICKLIST)},
    )
    checked = check(Mapping.load(text, "own.toml"), org)
    assert [(p.key, p.fatal) for p in checked.problems] == [("people.contact.expressions", False)]
    further = {columns.object: columns.further for columns in checked.mapping.columns()}
    assert further == {"Contact": (), "Lead": ("Rating",)}


@pytest.mark.parametrize(
    ("object", "key", "blocked"),
    [
        ("SMS_Message__c", "message.object", {("SMS_Message__c", Lane.TIMELINE)}),
        ("Task", "task.object", {("Task", Lane.TASK), ("Task", Lane.TIMELINE)}),
        ("Lead", "people.lead.object", {("Lead", Lane.OPT_OUT)}),
    ],
)
def test_a_missing_object_blocks_its_records(
    mapping: Mapping, org: Org, object: str, key: str, blocked: set[tuple[str, Lane]]
) -> None:
    """Said once for each place that names it; the others go on."""
    del org[object]
    checked = check(mapping, org)
    found = [problem for problem in checked.problems if problem.key == key]
    assert [(problem.text, problem.fatal) for problem in found] == [
        (f"there is no {object}, or our user may not see it", True)
    ]
    assert set(checked.mapping.blocked) == blocked


def test_a_missing_object_that_nothing_depends_on_is_a_warning(mapping: Mapping, org: Org) -> None:
    """An org without opportunities does without their sums."""
    del org["Opportunity"]
    checked = check(mapping, org)
    assert [(p.key, p.fatal) for p in checked.problems] == [("opportunity_roll_up.object", False)]
    section = checked.mapping.opportunity
    assert section is not None
    assert section.fields == ()


@pytest.mark.parametrize(
    ("object", "right", "said", "ok"),
    [
        ("SMS_Message__c", "creatable", "may not create SMS_Message__c records", False),
        ("SMS_Message__c", "updatable", "may not edit SMS_Message__c records", False),
        ("Task", "creatable", "may not create Task records", False),
        ("Contact", "updatable", "may not edit Contact records", False),
        ("Opportunity", "updatable", "may not edit Opportunity records", True),
    ],
)
def test_missing_rights_on_an_object(
    mapping: Mapping, org: Org, object: str, right: str, said: str, ok: bool
) -> None:
    """Each with the right to grant; what is only nice to have is a warning."""
    org[object] = replace(org[object], **{right: False})
    checked = check(mapping, org)
    assert any(said in line and "grant" in line for line in lines(checked))
    assert checked.ok is ok


@pytest.mark.parametrize("object", ["Task", "Contact", "Opportunity"])
def test_rights_that_are_not_needed_are_not_asked_for(
    mapping: Mapping, org: Org, object: str
) -> None:
    """Tasks are never edited, people and opportunities never created."""
    right = "updatable" if object == "Task" else "creatable"
    org[object] = replace(org[object], **{right: False})
    fields = {name: replace(field, **{right: False}) for name, field in org[object].fields.items()}
    org[object] = replace(org[object], fields=fields)
    assert lines(check(mapping, org)) == []


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
    checked = check(mapping, org)
    assert [(p.key, p.fatal) for p in checked.problems] == [("message.key", True)]
    assert said in lines(checked)[0]
    assert ("SMS_Message__c", Lane.TIMELINE) in checked.mapping.blocked


def test_a_hidden_key_blocks(mapping: Mapping, org: Org, hide: Change) -> None:
    """A key that nobody can see cannot keep records apart."""
    hide(org, "Task", "SMS_Key__c")
    checked = check(mapping, org)
    assert [p.key for p in checked.problems] == ["task.key", "timeline_entry.key"]
    assert set(checked.mapping.blocked) == {("Task", Lane.TASK), ("Task", Lane.TIMELINE)}


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
def test_a_wrong_type_fails_the_check_and_is_skipped(
    mapping: Mapping, org: Org, change: Change, field: str, type: FieldType, said: str
) -> None:
    """Such a field would fail every row, so it is left out; the mistake must be put right."""
    change(org, "SMS_Message__c", field, type=type)
    checked = check(mapping, org)
    assert not checked.ok
    assert said in lines(checked)[0]
    assert field not in {one.name for one in checked.mapping.message.fields}
    assert checked.mapping.blocked == {}


def test_a_field_of_another_kind_is_taken_on_trust(
    mapping: Mapping, org: Org, change: Change
) -> None:
    """E-mail, URL and the like: we do not know what they take."""
    change(org, "SMS_Message__c", "Body__c", type=FieldType.OTHER)
    assert check(mapping, org).ok


@pytest.mark.parametrize(
    ("object", "field", "refers_to", "ok"),
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
    ok: bool,
) -> None:
    """A contact's id in a lookup to leads would fail every row."""
    change(org, object, field, refers_to=refers_to)
    checked = check(mapping, org)
    assert checked.ok is ok
    assert any("but the field points to" in line for line in lines(checked)) is not ok


@pytest.mark.parametrize(
    ("field", "right", "skipped"),
    [
        ("Body__c", "creatable", True),
        ("Body__c", "updatable", True),
        ("From__c", "creatable", True),
        ("From__c", "updatable", False),
    ],
)
def test_a_field_must_be_writable_when_it_is_written(
    mapping: Mapping, org: Org, change: Change, field: str, right: str, skipped: bool
) -> None:
    """A field written once need not be editable later."""
    change(org, "SMS_Message__c", field, **{right: False})
    checked = check(mapping, org)
    assert checked.ok
    assert (field not in {one.name for one in checked.mapping.message.fields}) is skipped
    assert any("may not write the field" in line for line in lines(checked)) is skipped


def without(org: Org, change: Change, choice: str, **changes: Any) -> None:
    choices = org["SMS_Message__c"].fields["Status__c"].choices
    rest = tuple(one for one in choices if one != choice)
    change(org, "SMS_Message__c", "Status__c", choices=rest, **changes)


def test_a_choice_that_a_restricted_picklist_lacks_is_left_out(
    mapping: Mapping, org: Org, change: Change, reply: TextFacts
) -> None:
    """A warning beforehand; at run time the field is empty rather than the row refused."""
    without(org, change, "Read")
    checked = check(mapping, org)
    assert checked.ok
    assert "the picklist has no active Read: these are left out" in lines(checked)[0]
    read = replace(reply, message=replace(reply.message, status=Status.READ))
    assert checked.mapping.message_record("prod", read).fields["Status__c"].value is None
    record = checked.mapping.message_record("prod", reply)
    assert record.fields["Status__c"].value == "Received"


def test_otherwise_stands_in_for_a_choice_that_is_lacking(
    shipped_text: str, org: Org, change: Change, reply: TextFacts
) -> None:
    """The admin's own default comes before nothing."""
    text = shipped_text.replace(
        'value = "message.status"\n', 'value = "message.status"\notherwise = "Unknown"\n'
    )
    without(org, change, "Received")
    checked = check(Mapping.load(text, "own.toml"), org)
    assert checked.mapping.message_record("prod", reply).fields["Status__c"].value == "Unknown"


def test_an_open_picklist_takes_any_value(
    mapping: Mapping, org: Org, change: Change, reply: TextFacts
) -> None:
    """It is only said that nobody can choose it by hand."""
    without(org, change, "Received", restricted=False)
    checked = check(mapping, org)
    assert checked.ok
    assert "nobody can choose these" in lines(checked)[0]
    record = checked.mapping.message_record("prod", reply)
    assert record.fields["Status__c"].value == "Received"


@pytest.mark.parametrize(("restricted", "ok"), [(True, False), (False, True)])
def test_a_required_choice_that_is_lacking_parks_only_its_own_rows(
    shipped_text: str,
    org: Org,
    change: Change,
    reply: TextFacts,
    restricted: bool,
    ok: bool,
) -> None:
    """Doctor fails where the picklist binds; rows with other choices go on all the same."""
    text = shipped_text.replace(
        'value = "message.status"\n', 'value = "message.status"\nrequired = true\n'
    )
    without(org, change, "Read", restricted=restricted)
    checked = check(Mapping.load(text, "own.toml"), org)
    assert checked.ok is ok
    record = checked.mapping.message_record("prod", reply)
    assert checked.mapping.blocked_by(record) is None
    read = replace(reply, message=replace(reply.message, status=Status.READ))
    if restricted:
        with pytest.raises(BadMapping, match=r"message\.fields\.Status__c: is required"):
            checked.mapping.message_record("prod", read)
    else:
        assert checked.mapping.message_record("prod", read).fields["Status__c"].value == "Read"


def test_constants_are_held_against_the_picklist(
    mapping: Mapping, org: Org, change: Change
) -> None:
    """An org that renamed the status of a completed task hears of it beforehand."""
    change(org, "Task", "Status", choices=("Open", "Done"))
    assert [p.key for p in check(mapping, org).problems] == [
        "task.fields.Status",
        "timeline_entry.fields.Status",
    ]


def test_texts_are_cut_to_their_fields(
    mapping: Mapping, org: Org, change: Change, reply: TextFacts, contact: Person
) -> None:
    """Bodies, subjects and descriptions fit; a list of numbers is cut between numbers, and a link
    is never cut."""
    change(org, "SMS_Message__c", "Body__c", length=10)
    change(org, "Task", "Subject", length=12)
    change(org, "Task", "Description", length=300)
    change(org, "Contact", "SMS_Opt_Out_Phone__c", length=30)
    bound = check(mapping, org).mapping
    assert bound.message_record("prod", reply).fields["Body__c"].value == "Can we do…"
    task = bound.reply_task("prod", reply, ReplyTask("t", date(2026, 11, 21)))
    assert task.fields["Subject"].value == "SMS reply f…"
    description = task.fields["Description"].value
    assert isinstance(description, Text)
    assert isinstance(description.parts[-1], Reference)
    assert sum(len(part) for part in description.parts if isinstance(part, str)) == 300 - 255
    no = OptOut(NOON, "keyword STOP", ("+12025550123", "+12025550124", "+12025550125"))
    numbers = bound.opt_out("prod", contact, no).fields["SMS_Opt_Out_Phone__c"].value
    assert numbers == "+12025550123;+12025550124"


def test_all_problems_come_at_once(
    mapping: Mapping, org: Org, change: Change, hide: Change
) -> None:
    """Every section is judged, whatever is wrong with the others."""
    del org["SMS_Message__c"]
    hide(org, "Contact", "SMS_Opt_Out__c", "SMS_Sent_Count__c")
    change(org, "Task", "ActivityDate", type=FieldType.INSTANT)
    hide(org, "Opportunity", "SMS_Click_Count__c")
    found = [(problem.key, problem.fatal) for problem in check(mapping, org).problems]
    assert found == [
        ("message.object", True),
        ("task.fields.ActivityDate", True),
        ("timeline_entry.fields.ActivityDate", True),
        ("opportunity_roll_up.fields.SMS_Click_Count__c", False),
        ("opt_out.fields.SMS_Opt_Out__c", True),
        ("person_roll_up.fields.SMS_Sent_Count__c", False),
    ]
