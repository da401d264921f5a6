"""Which people texts may concern, by a mapping file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from crm_sms.errors import BadMapping
from crm_sms.mapping import Mapping, check
from crm_sms.mapping.needs import needs
from crm_sms.records import FieldDescription, FieldType, ObjectDescription, Person, Phone

Org = dict[str, ObjectDescription]
Change = Callable[..., None]


@pytest.fixture
def limited(shipped_text: str) -> Callable[..., Mapping]:
    """The shipped mapping with a condition for contacts, and perhaps one for leads."""

    def load(contact: str, lead: str | None = None) -> Mapping:
        text = shipped_text
        for object, where in (("Contact", contact), ("Lead", lead)):
            if where is not None:
                line = f'object = "{object}"\n'
                assert text.count(line) == 1
                text = text.replace(line, f'{line}where = "{where}"\n')
        return Mapping.load(text, "own.toml")

    return load


def test_without_a_condition_everybody_is_meant(
    mapping: Mapping, contact: Person, lead: Person
) -> None:
    """Of an object that the mapping does not know, too: that is for others to say."""
    assert mapping.covers(contact)
    assert mapping.covers(lead)
    assert mapping.covers(replace(contact, object="Patient__c"))


@pytest.mark.parametrize(
    ("where", "fields", "covered"),
    [
        ("person.owner_id == '005R'", {}, True),
        ("person.owner_id == '005X'", {}, False),
        ("person.account_id is none", {}, False),
        ("person.fields.Region__c == 'EMEA'", {"Region__c": "EMEA"}, True),
        ("person.fields.Region__c == 'EMEA'", {"Region__c": None}, False),
        ("person.fields.Region__c == 'EMEA'", {}, False),
        ("person.fields.Pilot__c", {"Pilot__c": True}, True),
        ("person.fields.Pilot__c", {"Pilot__c": False}, False),
        ("not person.fields.Left_Out__c", {}, True),
        ("person.fields.Score__c | default(0) > 5", {"Score__c": 6}, True),
        ("person.fields.Score__c | default(0) > 5", {}, False),
        ("person.kind in ['contact', 'lead']", {}, True),
        ("false", {}, False),
    ],
)
def test_a_condition_speaks_of_the_person(
    limited: Callable[..., Mapping],
    contact: Person,
    lead: Person,
    where: str,
    fields: dict[str, Any],
    covered: bool,
) -> None:
    """What is missing is empty; the other object is not concerned."""
    own = limited(where)
    assert own.covers(replace(contact, fields=fields)) is covered
    assert own.covers(lead)


def test_a_condition_that_fails_says_where_it_stands(
    limited: Callable[..., Mapping], contact: Person
) -> None:
    """Without what it found in the person."""
    own = limited("person.fields.Score__c > 5")
    with pytest.raises(BadMapping, match=r"^own.toml: people.contact.where: .*; correct") as bad:
        own.covers(replace(contact, fields={"Score__c": "a secret"}))
    assert "secret" not in str(bad.value)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("person.owner", "person has no owner; did you mean owner_id?"),
        ("owner.email == 'x'", "there is no owner; there is: person"),
        ("message.body", "there is no message"),
        ("person.name", "gives a text, not true or false"),
        ("person.name ~ 'x'", "gives a text, not true or false"),
        ("person.name ==", "cannot be read"),
    ],
)
def test_a_condition_that_cannot_be_one_is_refused_with_the_file(
    limited: Callable[..., Mapping], where: str, said: str
) -> None:
    """Like every other expression, with file and key."""
    with pytest.raises(BadMapping) as bad:
        limited(where)
    line = next(one for one in str(bad.value).splitlines() if "where" in one)
    assert line.startswith("own.toml: people.contact.where: ")
    assert said in line


def test_what_a_condition_reads_is_pulled_of_its_object_alone(
    limited: Callable[..., Mapping],
) -> None:
    """And is among the fields that our user must be able to read."""
    own = limited("person.fields.Region__c == 'EMEA'", "person.fields.Score__c")
    assert {one.object: one.further for one in own.columns()} == {
        "Contact": ("Region__c",),
        "Lead": ("Score__c",),
    }
    read = {(one.object, one.name) for one in needs(own, None) if not one.written}
    assert {("Contact", "Region__c"), ("Lead", "Score__c")} <= read


def test_a_column_of_a_condition_that_is_missing_is_fatal(
    limited: Callable[..., Mapping], org: Org
) -> None:
    """Named once with the key that names it, though an expression elsewhere reads it too."""
    own = limited("person.fields.Region__c == 'EMEA'")
    [problem] = check(own, org)
    assert str(problem) == (
        "own.toml: people.contact.where: Contact: there is no field Region__c, or our user may "
        "not see it; make the field, or grant our user access to it; crm-sms plan --out DIR writes "
        "both, with a permission set to assign"
    )
    assert problem.fatal
    seen = FieldDescription("Region__c", FieldType.PICKLIST)
    org["Contact"] = replace(org["Contact"], fields={**org["Contact"].fields, "Region__c": seen})
    assert check(own, org) == ()


def test_a_condition_changes_the_digest_and_no_record(
    limited: Callable[..., Mapping], mapping: Mapping, contact: Person
) -> None:
    """What waits is planned again; what is written of somebody is written the same."""
    own = limited("person.owner_id == '005R'")
    assert own.digest != mapping.digest
    assert own.sections[0].fields[0].name == mapping.sections[0].fields[0].name
    assert own.covers(replace(contact, phones=(Phone("Phone", "+12025550123"),)))
