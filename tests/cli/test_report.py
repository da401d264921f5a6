"""`crm-sms report matching`: a table for people, a document for machines."""

from __future__ import annotations

from typing import Any

import pytest

from crm_sms.testing.world import World

NUMBER, UNKNOWN = "+12025550123", "+12025550199"


@pytest.fixture
def told(world: World) -> str:
    """A contact with a phone that is no number, texts of theirs and of somebody unknown."""
    id = world.contact(NUMBER, Phone="555-0123")
    world.sync()
    world.receive(world.reply(NUMBER, "SM1"), world.reply(UNKNOWN, "SM2"))
    world.process()
    return id


def test_the_table_says_what_to_do(crm_sms: Any, told: str) -> None:
    """Numbers are masked; each kind that somebody can mend has its command."""
    shown = crm_sms("report", "matching")
    assert shown.code == 0
    for part in (
        "salesforce: 2 texts",
        "+1202…99",
        "→ unknown: correct the phone in the CRM",
        "Contact.Phone",
        f"555-••••  ({told})",
        "→ correct these phones",
    ):
        assert part in shown.out
    assert NUMBER not in shown.out
    assert UNKNOWN not in shown.out


def test_the_document_has_stable_keys(crm_sms: Any, told: str) -> None:
    """By CRM; empty where there is nothing to tell."""
    document = crm_sms("report", "matching", "--json").json["crms"]["salesforce"]
    group = {"look_alike": 0, "remedy": ""}
    matched = {"rule": "only", "texts": 1, "numbers": 1, "examples": [], **group}
    assert document["texts"] == 2
    assert document["matched"] == [matched]
    assert document["shared"]["texts"] == 0
    assert [one["rule"] for one in document["nobody"]] == ["unknown"]
    assert document["unparsed"] == [
        {
            "object": "Contact",
            "field": "Phone",
            "phones": 1,
            "examples": [{"person_id": told, "shown": "555-••••"}],
        }
    ]
    assert document["unparsed_remedy"]


def test_one_crm_can_be_named(crm_sms: Any, world: World) -> None:
    """One that is not configured is wrong usage."""
    assert list(crm_sms("report", "matching", "--crm", "salesforce", "--json").json["crms"]) == [
        "salesforce"
    ]
    assert crm_sms("report", "matching", "--crm", "nowhere").code == 2


def test_an_installation_without_texts_says_so(crm_sms: Any, world: World) -> None:
    """In one line."""
    assert crm_sms("report", "matching").out == "salesforce: 0 texts\n"
