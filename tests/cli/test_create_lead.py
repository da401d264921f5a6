"""`crm-sms unmatched create-lead`: shown before, asked for, made once."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from typer.testing import CliRunner

from crm_sms.cli import app
from crm_sms.testing.world import World

NUMBER = "+12025550199"
COMMAND = ("unmatched", "create-lead", NUMBER)


@pytest.fixture
def texted(world: World) -> World:
    """A number that nobody holds."""
    world.receive(world.reply(NUMBER, "SM1"))
    world.process()
    return world


def test_a_dry_run_shows_the_lead_and_makes_none(crm_sms: Any, texted: World) -> None:
    """Every field with its value."""
    shown = crm_sms(*COMMAND, "--dry-run", "--last-name", "Roe")
    assert shown.code == 0
    assert "a new Lead in salesforce, to which 1 text goes:" in shown.out
    assert "  LastName = Roe\n  Company = [not provided]\n" in shown.out
    document = crm_sms(*COMMAND, "--dry-run", "--json", "--company", "Acme").json
    assert document == {
        "crm": "salesforce",
        "object": "Lead",
        "fields": {"LastName": f"SMS {NUMBER}", "Company": "Acme", "MobilePhone": NUMBER},
        "dry_run": True,
        "made": False,
        "id": None,
        "person": None,
        "texts": 1,
        "left_out": False,
    }
    assert texted.records("Lead") == []


def test_the_command_in_the_list_can_be_pasted(crm_sms: Any, texted: World) -> None:
    """With --yes it does not ask; the document says what was made."""
    [one] = crm_sms("unmatched", "list", "--show-numbers", "--json").json["unmatched"]
    assert one["create_lead"] in crm_sms("unmatched", "list", "--show-numbers").out
    program, *args = shlex.split(one["create_lead"])
    done = crm_sms(*args, "--yes", "--json")
    [lead] = texted.records("Lead")
    assert (program, done.code) == ("crm-sms", 0)
    assert (done.json["made"], done.json["id"], done.json["texts"]) == (True, lead["Id"], 1)
    texted.process()
    assert crm_sms("unmatched", "list").out == "every text has its person\n"


@pytest.mark.parametrize(("answer", "leads"), [("y\n", 1), ("n\n", 0), ("", 0)])
def test_it_asks_first(texted: World, answer: str, leads: int) -> None:
    """Whoever says nothing, as a script does, makes nothing."""
    folder = ["--folder", str(texted.app.folder)]
    done = CliRunner().invoke(app, [*folder, *COMMAND], input=answer)
    assert (done.exit_code == 0) == bool(leads)
    assert len(texted.records("Lead")) == leads


def test_who_holds_the_number_by_now_is_named(crm_sms: Any, texted: World) -> None:
    """No question: nothing new is made."""
    id = texted.contact(NUMBER, LastName="Ada")
    done = crm_sms(*COMMAND)
    assert done.code == 0
    assert f"contact Ada {id} holds the number by now" in done.out
    assert texted.records("Lead") == []


def test_what_the_org_refuses_ends_with_1(crm_sms: Any, texted: World) -> None:
    """With its words and the remedy."""
    texted.fault("required", fields=["Lead.Title"])
    done = crm_sms(*COMMAND, "--yes")
    assert done.code == 1
    assert "REQUIRED_FIELD_MISSING" in done.err
    assert "Traceback" not in done.err


def test_a_crm_that_is_not_configured_is_wrong_usage(crm_sms: Any, texted: World) -> None:
    """The message lists those that are."""
    done = crm_sms(*COMMAND, "--crm", "nowhere")
    assert done.code == 2
    assert "salesforce" in done.err
