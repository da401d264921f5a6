"""What the CRM should hold, given the facts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from crm_sms.admin_files import shipped
from crm_sms.events import Direction, Status
from crm_sms.mapping import Mapping, OptOut, ReplyTask, RollUp, TextFacts
from crm_sms.messages import Message
from crm_sms.plan import plan_opportunity, plan_person, plan_text
from crm_sms.records import Lane, Opportunity, Person, PersonKind

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PERSON = Person("Contact", "003A", PersonKind.CONTACT, NOON, "Ada Byron")
REPLY = TextFacts(
    Message(
        "k", "twilio", "AC1", Direction.INBOUND, Status.RECEIVED, NOON, NOON, body="Please call"
    ),
    PERSON,
)
TASK = ReplyTask("task:k", date(2026, 11, 21))
SHIPPED = (shipped() / "salesforce.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def mapping() -> Mapping:
    """The mapping that we ship for Salesforce."""
    return Mapping.load(SHIPPED, "salesforce.toml")


def test_a_reply_that_opens_a_conversation(mapping: Mapping) -> None:
    """Its record, its place on the timeline, its task."""
    plan = plan_text(mapping, "prod", REPLY, TASK)
    assert [(record.object, record.lane) for record in plan.records] == [
        ("SMS_Message__c", Lane.TIMELINE),
        ("Task", Lane.TIMELINE),
        ("Task", Lane.TASK),
    ]
    assert plan.unmapped == []


def test_a_text_that_concerns_nobody_any_more(mapping: Mapping) -> None:
    """Its record says so; nobody's timeline has a place for it."""
    [record] = plan_text(mapping, "prod", replace(REPLY, person=None)).records
    assert record.object == "SMS_Message__c"
    assert (record.fields["Contact__c"].value, record.fields["Lead__c"].value) == (None, None)


def test_keys_of_task_and_entry_differ(mapping: Mapping) -> None:
    """Both are unique by the same field of the same object."""
    keys = [record.key for record in plan_text(mapping, "prod", REPLY, TASK).records]
    assert len(set(keys)) == len(keys)


def test_a_text_that_nobody_answered(mapping: Mapping) -> None:
    """Only its record: what the mapping does not want is no failure."""
    message = replace(REPLY.message, direction=Direction.OUTBOUND, status=Status.SENT)
    plan = plan_text(mapping, "prod", replace(REPLY, message=message))
    assert [record.object for record in plan.records] == ["SMS_Message__c"]
    assert plan.unmapped == []


def test_a_failing_expression_costs_its_own_record_only() -> None:
    """The others are planned; the failure names what, file and key, and quotes nobody."""
    broken = SHIPPED.replace('{ text = "Not Started" }', '{ value = "message.body | int" }')
    plan = plan_text(Mapping.load(broken, "own.toml"), "prod", REPLY, TASK)
    assert [record.lane for record in plan.records] == [Lane.TIMELINE, Lane.TIMELINE]
    assert [(one.what, one.reason) for one in plan.unmapped] == [
        ("task", "own.toml: task.fields.Status: failed with ValueError; correct the expression")
    ]


def test_a_persons_no_and_sums(mapping: Mapping) -> None:
    """Each where it is known, the no first."""
    no = OptOut(NOON, "keyword STOP", ("+12025550123",))
    both = plan_person(mapping, "prod", PERSON, RollUp(), no)
    assert [record.lane for record in both.records] == [Lane.OPT_OUT, Lane.ROLL_UP]
    assert plan_person(mapping, "prod", PERSON).records == []


def test_a_no_that_the_mapping_cannot_write_is_not_lost(mapping: Mapping) -> None:
    """It comes back as unmapped, to be parked."""
    stranger = replace(PERSON, object="Company")
    plan = plan_person(mapping, "prod", stranger, opt_out=OptOut(NOON, "provider", ("+1202555",)))
    assert [one.what for one in plan.unmapped] == ["opt_out of Company 003A"]


def test_what_fails_for_several_people_is_told_apart() -> None:
    """One text can be the no of all who hold its number, and each no parks by itself."""
    broken = SHIPPED.replace('value = "opt_out.source"', 'value = "1 // 0"')
    broken = broken.replace('value = "roll_up.sent_count"', 'value = "1 // roll_up.sent_count"')
    mapping = Mapping.load(broken, "own.toml")
    no = OptOut(NOON, "keyword STOP", ("+12025550123",))
    people = [PERSON, replace(PERSON, id="003B"), replace(PERSON, object="Lead")]
    plans = [plan_person(mapping, "prod", one, RollUp(), no) for one in people]
    plans.append(plan_opportunity(mapping, "prod", Opportunity("003A", "Big", NOON), RollUp()))
    found = [one.what for plan in plans for one in plan.unmapped]
    assert len(found) == len(set(found)) == 2 * len(people) + 1


def test_an_opportunitys_sums(mapping: Mapping) -> None:
    """One update of the CRM's own record."""
    plan = plan_opportunity(mapping, "prod", Opportunity("006O", "Big deal", NOON), RollUp())
    assert [(record.object, record.key) for record in plan.records] == [("Opportunity", "006O")]
