"""`crm-sms unmatched`: masked unless asked for, with the command to assign."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from crm_sms.testing.world import World

NUMBER = "+12025550123"
UNKNOWN = "+12025550199"


@pytest.fixture
def pair(world: World) -> tuple[str, str]:
    """Two contacts who share a number, each of which texted, and a number that nobody holds."""
    ids = world.contact(NUMBER, LastName="Ada"), world.contact(NUMBER, LastName="Bob")
    world.sync()
    world.receive(world.reply(NUMBER, "SM1"), world.reply(UNKNOWN, "SM2"))
    world.process()
    return ids


def test_numbers_are_masked(crm_sms: Any, pair: tuple[str, str]) -> None:
    """Others may see the screen."""
    shown, document = crm_sms("unmatched", "list"), crm_sms("unmatched", "list", "--json")
    for answer in (shown, document):
        assert answer.code == 0
        assert "+1202…23" in answer.out
        assert NUMBER not in answer.out
    assert "--show-numbers" in shown.out
    assert {one["number"]: one["assign"] for one in document.json["unmatched"]} == {
        "+1202…23": [],
        "+1202…99": [],
    }


def test_the_list_says_why_and_who_could_be_meant(crm_sms: Any, pair: tuple[str, str]) -> None:
    """Candidates by name and id for a shared number, none for an unknown one."""
    found = {one["reason"]: one for one in crm_sms("unmatched", "list", "--json").json["unmatched"]}
    assert found["unknown"]["candidates"] == []
    assert {(one["id"], one["name"]) for one in found["shared"]["candidates"]} == {
        (pair[0], "Ada"),
        (pair[1], "Bob"),
    }
    assert (found["shared"]["texts"], found["shared"]["crm"]) == (1, "salesforce")
    text = crm_sms("unmatched", "list").out
    assert pair[0] in text
    assert "Ada" in text


def test_the_commands_shown_can_be_pasted(
    crm_sms: Any, world: World, pair: tuple[str, str]
) -> None:
    """The first one assigns the number to its first candidate."""
    found = crm_sms("unmatched", "list", "--show-numbers", "--json").json["unmatched"]
    [shared] = [one for one in found if one["reason"] == "shared"]
    program, *args = shlex.split(shared["assign"][0])
    answer = crm_sms(*args, "--json")
    assert (program, answer.code) == ("crm-sms", 0)
    assert answer.json == {
        "crm": "salesforce",
        "person": {name: shared["candidates"][0][name] for name in ("id", "name", "kind")},
        "texts": 1,
    }
    world.process()
    left = crm_sms("unmatched", "list", "--show-numbers", "--json").json["unmatched"]
    assert [one["number"] for one in left] == [UNKNOWN]


def test_an_id_from_the_address_of_a_record_is_taken(
    crm_sms: Any, world: World, pair: tuple[str, str]
) -> None:
    """Salesforce shows 15 characters where its API gives 18."""
    answer = crm_sms("unmatched", "assign", NUMBER, pair[1][:15], "--json")
    assert answer.code == 0, answer.err
    assert answer.json["person"]["id"] == pair[1]


def test_for_an_unknown_number_the_id_is_left_to_fill_in(
    crm_sms: Any, pair: tuple[str, str]
) -> None:
    """Nobody is suggested."""
    text = crm_sms("unmatched", "list", "--show-numbers").out
    assert f"crm-sms unmatched assign {UNKNOWN} PERSON_ID --crm salesforce" in text


def test_whose_phone_only_looks_like_it_is_marked(crm_sms: Any, world: World) -> None:
    """With the command to assign all the same."""
    raul = world.contact("+52 55 1234 5678", LastName="Raul")
    world.sync()
    world.receive(world.reply("+5215512345678", "SM1"))
    world.process()
    text = crm_sms("unmatched", "list", "--show-numbers").out
    assert f"contact Raul {raul}: another form of it" in text
    assert f"crm-sms unmatched assign +5215512345678 {raul} --crm salesforce" in text


def test_with_nothing_to_do_it_says_so(crm_sms: Any) -> None:
    """And the document is an empty list."""
    assert crm_sms("unmatched", "list").out == "every text has its person\n"
    assert crm_sms("unmatched", "list", "--json").json == {"unmatched": []}


def test_an_id_that_is_not_in_the_mirror_is_refused(crm_sms: Any, pair: tuple[str, str]) -> None:
    """With the remedy."""
    answer = crm_sms("unmatched", "assign", NUMBER, "003000000000000AAA")
    assert (answer.code, answer.out) == (1, "")
    assert "crm-sms sync people" in answer.err


def test_what_is_no_number_is_refused(crm_sms: Any, pair: tuple[str, str]) -> None:
    """A masked number cannot be assigned."""
    answer = crm_sms("unmatched", "assign", "+1202…23", pair[0])
    assert answer.code == 1
    assert "not a phone number" in answer.err


def test_a_crm_that_is_not_configured_is_wrong_usage(crm_sms: Any, pair: tuple[str, str]) -> None:
    """The message lists those that are."""
    answer = crm_sms("unmatched", "assign", NUMBER, pair[0], "--crm", "nowhere")
    assert answer.code == 2
    assert "salesforce" in answer.err
