"""Facts in, desired records out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any

import pytest

from crm_sms.errors import BadMapping
from crm_sms.events import Direction, ErrorClass, Status
from crm_sms.mapping import Mapping, OptOut, ReplyTask, RollUp, TextFacts
from crm_sms.records import (
    DesiredField,
    DesiredRecord,
    Lane,
    Opportunity,
    Part,
    Person,
    Reference,
    Text,
    WriteRule,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TASK = ReplyTask("task:twilio:AC1:SM1", date(2026, 11, 21))
URL = Reference("SMS_Message__c", "twilio:AC1:SM1", Part.URL)


def held(record: DesiredRecord | None) -> dict[str, Any]:
    assert record is not None
    return {name: field.value for name, field in record.fields.items()}


def outbound(facts: TextFacts, **changes: Any) -> TextFacts:
    message = replace(
        facts.message, direction=Direction.OUTBOUND, status=Status.DELIVERED, sent_at=NOON
    )
    return replace(facts, message=replace(message, **changes))


def test_the_record_of_a_text(mapping: Mapping, reply: TextFacts) -> None:
    """Keyed by the message, in the timeline lane, the account as its partition."""
    record = mapping.message_record("prod", reply)
    assert (record.crm, record.object, record.key) == ("prod", "SMS_Message__c", "twilio:AC1:SM1")
    assert (record.key_field, record.lane) == ("Message_Key__c", Lane.TIMELINE)
    assert (record.create_only, record.partition) == (False, "001A")
    assert record.starred == {"Message_Key__c"}
    assert held(record) == {
        "Direction__c": "Inbound",
        "Status__c": "Received",
        "From__c": "+12025550123",
        "To__c": "55511",
        "Provider__c": "twilio",
        "Provider_Message_Id__c": "SM1",
        "Occurred_At__c": "2026-11-20T12:00:00.000Z",
        "Sent_At__c": None,
        "Delivered_At__c": None,
        "First_Clicked_At__c": None,
        "Replied_At__c": None,
        "Click_Count__c": 0,
        "Response_Seconds__c": None,
        "Segments__c": 1,
        "Media_Count__c": 0,
        "Price__c": None,
        "Body__c": "Can we do Tuesday?",
        "Error_Code__c": None,
        "Error_Class__c": None,
        "Campaign__c": "autumn",
        "Contact__c": "003A",
        "Lead__c": None,
        "Account__c": "001A",
        "Opportunity__c": "006O",
        "OwnerId": "005R",
    }


def test_a_missing_value_clears_only_what_is_ours_alone(mapping: Mapping, reply: TextFacts) -> None:
    """None is written by the rule always; by every other rule it is no wish at all, least of all
    for an owner, which no record can be without."""
    bare = replace(reply, owner=None, message=replace(reply.message, body=None, sender=None))
    record = mapping.message_record("prod", bare)
    assert record.fields["Error_Code__c"] == DesiredField(None, WriteRule.ALWAYS)
    assert not {"OwnerId", "Body__c", "From__c", "Offer__c"} & set(record.fields)


def test_the_record_of_a_failed_text(mapping: Mapping, reply: TextFacts) -> None:
    """Code and class of the error, in the provider's and our words."""
    failed = outbound(
        reply, status=Status.FAILED, error_code="30007", error_class=ErrorClass.CONTENT
    )
    found = held(mapping.message_record("prod", failed))
    assert (found["Status__c"], found["Error_Code__c"], found["Error_Class__c"]) == (
        "Failed",
        "30007",
        "content",
    )


def test_a_lead_has_no_opportunity(mapping: Mapping, reply: TextFacts, lead: Person) -> None:
    """Records of a lead point to the lead alone, and its own id is its partition."""
    facts = replace(reply, person=lead)
    record = mapping.message_record("prod", facts)
    found = held(record)
    assert (found["Contact__c"], found["Lead__c"]) == (None, "00QB")
    assert (found["Account__c"], found["Opportunity__c"]) == (None, None)
    assert record.partition == "00QB"
    task = held(mapping.reply_task("prod", facts, TASK))
    assert task["WhoId"] == "00QB"
    assert "WhatId" not in task


def test_a_text_without_a_person_points_to_nobody(mapping: Mapping, reply: TextFacts) -> None:
    """A record can be made before anybody knows whom it concerns."""
    record = mapping.message_record("prod", TextFacts(reply.message))
    assert record.partition == ""
    assert held(record)["Contact__c"] is None


def test_the_task_for_a_reply(mapping: Mapping, reply: TextFacts) -> None:
    """It quotes the reply, is due when it is told to be, ends with a link to the text's record,
    and is never touched again."""
    record = mapping.reply_task("prod", reply, TASK)
    assert (record.object, record.key, record.key_field) == ("Task", TASK.key, "SMS_Key__c")
    assert (record.lane, record.create_only, record.partition) == (Lane.TASK, True, "001A")
    assert {field.rule for field in record.fields.values()} == {WriteRule.ONCE}
    found = held(record)
    description = found.pop("Description")
    assert found == {
        "Subject": "SMS reply from Ada Byron: Can we do Tuesday?",
        "Status": "Not Started",
        "Priority": "Normal",
        "ActivityDate": "2026-11-21",
        "WhoId": "003A",
        "WhatId": "006O",
        "OwnerId": "005R",
    }
    assert description == Text(
        ("Ada Byron wrote on 2026-11-20 12:00 UTC:\n\nCan we do Tuesday?\n\n", URL)
    )


@pytest.mark.parametrize("body", [None, ""])
def test_a_picture_makes_a_task_that_says_so(
    mapping: Mapping, reply: TextFacts, body: str | None
) -> None:
    """A reply without words is not quoted as nothing."""
    facts = replace(reply, message=replace(reply.message, body=body))
    assert "(picture or attachment)" in str(
        held(mapping.reply_task("prod", facts, TASK))["Subject"]
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "(text not known yet)"),
        ({"media_count": 0}, "(text not known yet)"),
        ({"media_count": 1}, "(picture or attachment)"),
        ({"direction": Direction.INBOUND}, "(picture or attachment)"),
        ({"direction": Direction.INBOUND, "media_count": 1}, "(picture or attachment)"),
        ({"body": "Hello"}, "Hello"),
    ],
)
def test_an_entry_says_what_is_known_of_the_text(
    mapping: Mapping, reply: TextFacts, changes: dict[str, Any], said: str
) -> None:
    """Callbacks of a sent text do not carry it; that is no picture."""
    facts = outbound(reply, **{"body": None, "media_count": None, **changes})
    found = held(mapping.timeline_entry("prod", replace(facts, answered=True)))
    assert found["Subject"].endswith(said)
    assert said in found["Description"].parts[0]


def test_a_long_reply_has_a_short_subject(mapping: Mapping, reply: TextFacts) -> None:
    """The subject is one line; the whole reply stands below it."""
    body = "word\n" * 300
    facts = replace(reply, message=replace(reply.message, body=body))
    found = held(mapping.reply_task("prod", facts, TASK))
    assert len(found["Subject"]) < 120
    assert "\n" not in found["Subject"]
    assert body in found["Description"].parts[0]


def test_replies_and_the_texts_they_answer_are_on_the_timeline(
    mapping: Mapping, reply: TextFacts
) -> None:
    """By default not every send; an entry is a completed task with a key of its own."""
    entry = mapping.timeline_entry("prod", reply)
    assert entry is not None
    assert (entry.object, entry.key, entry.key_field) == (
        "Task",
        "entry:twilio:AC1:SM1",
        "SMS_Key__c",
    )
    assert (entry.lane, entry.create_only) == (Lane.TIMELINE, True)
    assert (held(entry)["Status"], held(entry)["ActivityDate"]) == ("Completed", "2026-11-20")
    assert mapping.timeline_entry("prod", outbound(reply)) is None
    answered = mapping.timeline_entry("prod", replace(outbound(reply), answered=True))
    assert str(held(answered)["Subject"]).startswith("SMS sent: ")


@pytest.mark.parametrize(("when", "expected"), [("true", True), ("false", False)])
def test_an_admin_chooses_what_is_on_the_timeline(
    shipped_text: str, reply: TextFacts, when: str, expected: bool
) -> None:
    """All texts, or none."""
    default = "message.direction == 'inbound' or answered"
    own = Mapping.load(shipped_text.replace(f'when = "{default}"', f'when = "{when}"'), "own.toml")
    assert (own.timeline_entry("prod", outbound(reply)) is not None) is expected


def test_without_a_section_there_are_no_entries_and_sums(
    minimal: str, reply: TextFacts, contact: Person
) -> None:
    """Timeline entries and roll-ups are a choice."""
    mapping = Mapping.load(minimal, "own.toml")
    assert mapping.timeline_entry("prod", reply) is None
    assert mapping.person_roll_up("prod", contact, RollUp()) is None
    deal = Opportunity("006O", "Big deal", NOON)
    assert mapping.opportunity_roll_up("prod", deal, RollUp()) is None


def test_the_sums_on_a_person(mapping: Mapping, contact: Person, lead: Person) -> None:
    """An update of the CRM's own record, for contacts and leads alike."""
    sums = RollUp(3, 1, 0, NOON, NOON, NOON, NOON, None, 90, "+12025550123")
    record = mapping.person_roll_up("prod", contact, sums)
    assert record is not None
    assert (record.object, record.key, record.key_field) == ("Contact", "003A", None)
    assert (record.lane, record.partition, record.starred) == (Lane.ROLL_UP, "001A", frozenset())
    assert held(record) == {
        "SMS_Phone_E164__c": "+12025550123",
        "SMS_Last_Sent_At__c": "2026-11-20T12:00:00.000Z",
        "SMS_Last_Reply_At__c": "2026-11-20T12:00:00.000Z",
        "SMS_Last_Click_At__c": None,
        "SMS_Last_Response_Seconds__c": 90,
        "SMS_Sent_Count__c": 3,
        "SMS_Reply_Count__c": 1,
        "SMS_Click_Count__c": 0,
    }
    other = mapping.person_roll_up("prod", lead, sums)
    assert other is not None
    assert (other.object, other.key) == ("Lead", "00QB")


def test_the_sums_on_an_opportunity(mapping: Mapping) -> None:
    """Touches, replies and clicks; partitioned by account, else by the opportunity."""
    deal = Opportunity("006O", "Big deal", NOON, account_id="001A")
    record = mapping.opportunity_roll_up("prod", deal, RollUp(sent_count=2, first_touch_at=NOON))
    assert record is not None
    assert (record.object, record.key, record.partition) == ("Opportunity", "006O", "001A")
    assert held(record)["SMS_Sent_Count__c"] == 2
    assert held(record)["SMS_First_Touch_At__c"] == "2026-11-20T12:00:00.000Z"
    alone = mapping.opportunity_roll_up("prod", replace(deal, account_id=None), RollUp())
    assert alone is not None
    assert alone.partition == "006O"


def test_an_opt_out_travels_alone(mapping: Mapping, lead: Person) -> None:
    """Its own fields and no other, in the most urgent lane."""
    no = OptOut(NOON, "keyword STOP", ("+12025550123", "+12025550124"))
    record = mapping.opt_out("prod", lead, no)
    assert (record.object, record.key, record.lane) == ("Lead", "00QB", Lane.OPT_OUT)
    assert record.starred == {"SMS_Opt_Out__c"}
    assert held(record) == {
        "SMS_Opt_Out__c": True,
        "SMS_Opt_Out_At__c": "2026-11-20T12:00:00.000Z",
        "SMS_Opt_Out_Source__c": "keyword STOP",
        "SMS_Opt_Out_Phone__c": "+12025550123;+12025550124",
    }


def test_an_opt_out_is_never_dropped_for_want_of_a_mapping(minimal: str, lead: Person) -> None:
    """An object that the mapping lacks is an error that can be parked, not a silence."""
    mapping = Mapping.load(minimal, "own.toml")
    with pytest.raises(BadMapping, match=r"own\.toml: people: .* on Lead; add the object"):
        mapping.opt_out("prod", lead, OptOut(NOON, "keyword STOP", ("+12025550123",)))


def with_field(minimal: str, field: str) -> Mapping:
    return Mapping.load(
        minimal.replace("[message.fields]", f"[message.fields]\n{field}"), "own.toml"
    )


def test_a_failing_expression_names_file_and_key(minimal: str, reply: TextFacts) -> None:
    """The error says where to look, and holds nothing of what the person wrote."""
    mapping = with_field(minimal, 'A = { value = "message.body | int" }')
    with pytest.raises(BadMapping) as caught:
        mapping.message_record("prod", reply)
    assert str(caught.value) == (
        "own.toml: message.fields.A: failed with ValueError; correct the expression"
    )


def test_a_failing_condition_names_file_and_key(shipped_text: str, reply: TextFacts) -> None:
    """The same for the condition of the timeline."""
    default = "message.direction == 'inbound' or answered"
    own = Mapping.load(shipped_text.replace(default, "message.price > 1"), "own.toml")
    with pytest.raises(BadMapping, match=r"own\.toml: timeline_entry\.when: failed with TypeError"):
        own.timeline_entry("prod", reply)


def test_a_value_that_no_field_holds_names_file_and_key(minimal: str, reply: TextFacts) -> None:
    """A list of numbers is no text, and the error says which field asked for it."""
    mapping = with_field(minimal, 'A = { value = "[1, 2]" }')
    with pytest.raises(BadMapping, match=r"own\.toml: message\.fields\.A: gives a list"):
        mapping.message_record("prod", reply)


def test_a_required_field_without_a_value_is_an_error(minimal: str, reply: TextFacts) -> None:
    """What may not be missing is not left out in silence."""
    mapping = with_field(minimal, 'A = { value = "message.price", required = true }')
    with pytest.raises(BadMapping, match=r"message\.fields\.A: is required and has no value"):
        mapping.message_record("prod", reply)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("value = \"message.body\", values = { x = 'X' }, otherwise = 'Other'", "Other"),
        ("value = \"message.body\", values = { x = 'X' }", None),
        ("value = \"message.price\", values = { x = 'X' }, otherwise = 'Other'", None),
        ("value = \"message.verified\", values = { true = 'Yes', false = 'No' }", "Yes"),
        ("value = \"message.segments\", values = { 1 = 'One' }, otherwise = 'More'", "One"),
        ("text = '{{ message.provider }}!'", "twilio!"),
        ('value = "message.verified"', True),
    ],
)
def test_values_are_translated(
    minimal: str, reply: TextFacts, field: str, expected: object
) -> None:
    """Words, numbers and yes or no by their table; nothing stays nothing."""
    record = with_field(minimal, f"A = {{ {field} }}").message_record("prod", reply)
    assert held(record)["A"] == expected


def test_the_mapping_knows_what_it_needs_described(mapping: Mapping) -> None:
    """Every object that it writes or reads."""
    assert mapping.objects() == {"SMS_Message__c", "Contact", "Lead", "Opportunity", "Task"}


def test_the_digest_tells_whether_the_file_changed(minimal: str) -> None:
    """The same text anywhere and at any time has the same one, another text another."""
    first = Mapping.load(minimal, "own.toml")
    assert first.digest == Mapping.load(minimal, "/elsewhere/own.toml").digest
    assert first.digest != Mapping.load(f"{minimal}# a word\n", "own.toml").digest
    assert first.digest == sha256(minimal.encode()).hexdigest()[:16]
    assert first.digest not in repr(first)
