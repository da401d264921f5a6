"""A mapping tried on example texts, as whoever edits one does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crm_sms.admin_files import shipped
from crm_sms.errors import BadMapping
from crm_sms.mapping import Mapping
from crm_sms.testing.mappings import (
    ANSWERED,
    CLICKED,
    REPLY,
    SENT,
    example_person,
    planned,
    read_mapping,
)

SHIPPED = read_mapping("salesforce", None)


def test_every_section_of_the_shipped_mapping_makes_a_record_of_a_reply() -> None:
    """With the values that would be written."""
    made = planned(SHIPPED)
    assert set(made) == {
        "message",
        "timeline_entry",
        "task",
        "opt_out",
        "person_roll_up",
        "opportunity_roll_up",
    }
    assert made["task"]["Subject"] == "SMS reply from Ada Doe: Yes please"
    assert (made["task"]["WhoId"], made["task"]["OwnerId"]) == ("person", "owner")
    assert made["opt_out"]["SMS_Opt_Out__c"] is True


@pytest.mark.parametrize(
    ("message", "sections"),
    [
        (SENT, set()),
        (CLICKED, set()),
        (ANSWERED, {"timeline_entry"}),
        (REPLY, {"timeline_entry", "task"}),
    ],
    ids=["sent", "clicked", "answered", "reply"],
)
def test_what_a_text_makes_depends_on_the_text(message: object, sections: set[str]) -> None:
    """A task for a reply, an entry for what was said and answered."""
    made = planned(SHIPPED, message)  # type: ignore[arg-type]
    assert made.keys() & {"timeline_entry", "task"} == sections
    assert "Body__c" in made["message"]


def test_a_record_that_another_one_names_stands_by_its_key() -> None:
    """It has no address yet."""
    text = (shipped() / "salesforce.toml").read_text(encoding="utf-8")
    own = text.replace(
        "[task.fields]\n", '[task.fields]\nLink__c = { text = "{{ message_url }}" }\n'
    )
    assert planned(Mapping.load(own, "own.toml"))["task"]["Link__c"] == "<SMS_Message__c reply>"


def test_an_expression_that_fails_says_so() -> None:
    """With file and key, as it would be parked with."""
    text = (shipped() / "salesforce.toml").read_text(encoding="utf-8")
    own = text.replace(
        "[task.fields]\n", '[task.fields]\nX__c = { value = "person.fields.N * 2" }\n'
    )
    mapping = Mapping.load(own, "own.toml")
    ada = replace(example_person(mapping), fields={"N": "many"})
    with pytest.raises(BadMapping, match=r"own\.toml.*X__c"):
        planned(mapping, REPLY, ada)
