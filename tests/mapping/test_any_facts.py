"""Whatever the facts are, the records they ask for are ones a CRM can take."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_sms.delivery.fit import LONGEST_LINK, fit, length
from crm_sms.events import Direction, ErrorClass, Metadata, Status
from crm_sms.mapping import Mapping, OptOut, ReplyTask, RollUp, TextFacts
from crm_sms.messages import Message
from crm_sms.phone import parse_address
from crm_sms.records import (
    DesiredRecord,
    FieldType,
    ObjectDescription,
    Opportunity,
    Owner,
    Part,
    Person,
    PersonKind,
    Reference,
    Text,
    WriteRule,
)

Org = dict[str, ObjectDescription]
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
URL_LENGTH = 120

TEXTS = st.none() | st.text(max_size=400)
INSTANTS = st.integers(0, 4 * 10**12).map(lambda ms: datetime.fromtimestamp(ms / 1000, UTC))
MAYBE_INSTANTS = st.none() | INSTANTS
COUNTS = st.none() | st.integers(0, 10**6)
NUMBERS = st.integers(10**9, 10**14).map(lambda number: f"+{number}")
ADDRESSES = st.none() | (NUMBERS | st.text(max_size=60)).map(parse_address)
MESSAGES = st.builds(
    Message,
    key=st.text(min_size=1, max_size=100),
    provider=st.just("twilio"),
    account=st.just("AC1"),
    direction=st.sampled_from(Direction),
    status=st.sampled_from(Status),
    occurred_at=INSTANTS,
    received_at=INSTANTS,
    provider_message_id=TEXTS,
    sender=ADDRESSES,
    recipient=ADDRESSES,
    body=TEXTS,
    media_count=COUNTS,
    segments=COUNTS,
    price=st.none() | st.floats(0, 100),
    sent_at=MAYBE_INSTANTS,
    delivered_at=MAYBE_INSTANTS,
    first_clicked_at=MAYBE_INSTANTS,
    replied_at=MAYBE_INSTANTS,
    response_seconds=COUNTS,
    error_code=TEXTS,
    error_class=st.none() | st.sampled_from(ErrorClass),
    metadata=st.builds(Metadata, campaign=TEXTS, offer=TEXTS),
)
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
PEOPLE = st.sampled_from(
    [
        Person("Contact", "003A", PersonKind.CONTACT, AT, "Ada", "005R", "001A"),
        Person("Contact", "003B", PersonKind.CONTACT, AT, ""),
        Person("Lead", "00QB", PersonKind.LEAD, AT, "Bob {{ 7 * 7 }}"),
    ]
)
FACTS = st.builds(
    TextFacts,
    message=MESSAGES,
    person=st.none() | PEOPLE,
    owner=st.none() | st.just(Owner("005R", "Rep", AT)),
    opportunity=st.none() | st.just(Opportunity("006O", "Big deal", AT)),
    answered=st.booleans(),
)
ROLL_UPS = st.builds(
    RollUp,
    sent_count=st.integers(0, 999),
    last_sent_at=MAYBE_INSTANTS,
    last_response_seconds=COUNTS,
    last_number=st.none() | NUMBERS,
)
SHARED_FIXTURES = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def everything(mapping: Mapping, facts: TextFacts) -> list[DesiredRecord]:
    task = ReplyTask(f"task:{facts.message.key}", date(2026, 11, 21))
    made = [
        mapping.message_record("prod", facts),
        mapping.timeline_entry("prod", facts),
        mapping.reply_task("prod", facts, task),
    ]
    return [record for record in made if record]


def resolved(value: object) -> object:
    """As delivery fills it in, with an address of usual length."""
    if isinstance(value, Reference):
        return "u" * URL_LENGTH
    if isinstance(value, Text):
        return "".join("u" * URL_LENGTH if isinstance(p, Reference) else p for p in value.parts)
    return value


@given(FACTS)
def test_every_value_can_be_written_as_json(mapping: Mapping, facts: TextFacts) -> None:
    """Scalars, references and texts only; NaN and the like never reach a request."""
    for record in everything(mapping, facts):
        held = {name: resolved(field.value) for name, field in record.fields.items()}
        assert json.loads(json.dumps(held, allow_nan=False)) == held


@given(FACTS)
def test_the_same_facts_ask_for_the_same_records(mapping: Mapping, facts: TextFacts) -> None:
    """Planning again changes nothing: no clock, no chance, no state."""
    assert everything(mapping, facts) == everything(mapping, facts)


@given(FACTS)
def test_empty_values_are_written_only_where_the_field_is_ours(
    mapping: Mapping, facts: TextFacts
) -> None:
    """No rule but always ever carries a None."""
    for record in everything(mapping, facts):
        for field in record.fields.values():
            assert field.value is not None or field.rule is WriteRule.ALWAYS


@SHARED_FIXTURES
@given(FACTS)
def test_values_fit_the_fields_that_the_crm_has(
    mapping: Mapping, org: Org, facts: TextFacts
) -> None:
    """Fitted to the CRM, each value has its field's type and length, choices exist, and nothing is
    lost on the way."""
    for record in everything(mapping, facts):
        fitted = fit(record.fields, record.starred, org[record.object])
        assert (fitted.missing, fitted.left_out) == ({}, {})
        for name, field in fitted.fields.items():
            value, known = resolved(field.value), org[record.object].fields[name]
            if value is None:
                continue
            if isinstance(value, str) and known.length:
                assert length(value) <= known.length
            if known.type is FieldType.PICKLIST:
                assert value in known.choices
            assert isinstance(value, _PYTHON[known.type])
            if known.type is FieldType.INSTANT:
                assert INSTANT.fullmatch(str(value))


_PYTHON: dict[FieldType, type | tuple[type, ...]] = {
    FieldType.TEXT: str,
    FieldType.LONG_TEXT: str,
    FieldType.PHONE: str,
    FieldType.PICKLIST: str,
    FieldType.REFERENCE: str,
    FieldType.INSTANT: str,
    FieldType.DATE: str,
    FieldType.NUMBER: (int, float),
    FieldType.CHECKBOX: bool,
}


@given(FACTS)
def test_a_reply_is_quoted_word_for_word(mapping: Mapping, facts: TextFacts) -> None:
    """What a person writes is never run, escaped or lost in the task; only our own link mark is
    taken out of it."""
    body = (facts.message.body or "").replace("\ufdd0", "")
    task = everything(mapping, facts)[-1]
    description = task.fields["Description"].value
    assert isinstance(description, Text)
    assert body in "".join(part for part in description.parts if isinstance(part, str))
    assert description.parts[-1] == Reference("SMS_Message__c", facts.message.key, Part.URL)


@given(FACTS)
def test_a_lead_is_never_joined_with_an_opportunity(mapping: Mapping, facts: TextFacts) -> None:
    """Salesforce refuses such a task as a whole."""
    task = everything(mapping, facts)[-1]
    who = task.fields.get("WhoId")
    assert not (who and str(who.value).startswith("00Q") and "WhatId" in task.fields)


@SHARED_FIXTURES
@given(PEOPLE, ROLL_UPS, st.lists(NUMBERS, min_size=1, max_size=30))
def test_sums_and_opt_outs_fit(
    mapping: Mapping, org: Org, person: Person, roll_up: RollUp, numbers: list[str]
) -> None:
    """Also for a person with more numbers than the field holds: those that fit stand whole."""
    sums = mapping.person_roll_up("prod", person, roll_up)
    assert sums is not None
    assert not fit(sums.fields, sums.starred, org[sums.object]).left_out
    record = mapping.opt_out("prod", person, OptOut(AT, "keyword STOP", tuple(numbers)))
    fitted = fit(record.fields, record.starred, org[record.object])
    assert (fitted.missing, fitted.left_out) == ({}, {})
    written = str(fitted.fields["SMS_Opt_Out_Phone__c"].value)
    assert len(written) <= 255
    assert written.split(";") == numbers[: written.count(";") + 1]
    assert fitted.fields["SMS_Opt_Out__c"].value is True


def test_links_are_shorter_than_the_room_kept_for_them() -> None:
    """The usual address of a record leaves a margin."""
    assert URL_LENGTH < LONGEST_LINK
