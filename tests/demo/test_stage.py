"""Where the demo plays: on its own, on free ports, in its own folder."""

from __future__ import annotations

import socket
import stat
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog

from crm_sms.demo.run import living
from crm_sms.demo.script import write
from crm_sms.demo.stage import LOG_FILE, Ports, standing
from crm_sms.demo.wire import Orders
from crm_sms.demo.words import LEAST_PEOPLE, Script
from crm_sms.errors import BadSettings
from crm_sms.sandbox.server import LOOPBACK

START = datetime(2026, 11, 6, tzinfo=UTC)
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def script() -> Script:
    """Any script."""
    return write(LEAST_PEOPLE, 5)


def test_the_org_holds_whom_the_script_names(script: Script, folder: Path) -> None:
    """Everybody with their phone as typed, their owner and their deals; the late one is not there
    yet, and who left is not active."""
    with standing(folder, script, START, Ports()) as stage:
        contacts = {row["Id"]: row for row in stage.world.records("Contact")}
        there = [person for person in script.people if person.appears is None]
        assert len(contacts) == sum(person.object == "Contact" for person in there)
        one = next(person for person in there if person.object == "Contact")
        row = contacts[stage.ids[one.ref]]
        assert (row["Name"], row["OwnerId"]) == (one.name, stage.ids[one.rep])
        assert row[one.phone_field].strip() == one.phone.strip()
        users = {row["Id"]: row["IsActive"] for row in stage.world.records("User")}
        assert [users[stage.ids[rep.ref]] for rep in script.reps] == [r.active for r in script.reps]
        roles = stage.world.records("OpportunityContactRole")
        assert len(roles) == sum(len(deal.people) for deal in script.deals)
        assert stage.world.now == START


def test_the_installation_is_its_own(
    script: Script, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings of the caller's environment do not reach it; secrets are for its user only; what it
    logs is in the folder, and the caller's logging is as before."""
    monkeypatch.setenv("CRM_SMS_DATABASE", "postgresql://elsewhere/db")
    before = structlog.get_config()
    with standing(folder, script, START, Ports()) as stage:
        assert stage.app.settings.database.get_secret_value().endswith(f"{folder}/crm-sms.db")
        assert stage.app.settings.tasks.fallback_owner == stage.ids[script.manager]
        with urllib.request.urlopen(f"{stage.web_url}/readyz", timeout=10) as answer:
            assert answer.status == 200
        for name in (".env", "crm-sms.db"):
            assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
        assert (folder / LOG_FILE).exists()
    assert structlog.get_config() == before


@pytest.mark.parametrize("which", ["sandbox", "web"])
def test_a_port_that_is_taken_is_named(which: str, script: Script, folder: Path) -> None:
    """The message says which one and what to do."""
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        ports = Ports(**{which: port})
        with (
            pytest.raises(BadSettings, match=f"port {port} cannot be taken"),
            standing(folder, script, START, ports),
        ):
            pass


def test_it_lives_on_in_real_time(script: Script, folder: Path) -> None:
    """A reply that somebody texts in becomes a task by itself, through provider, web and worker."""
    with standing(folder, script, START, Ports()) as stage:
        orders = Orders(stage.box.url)
        orders("config", {"inbound_url": f"{stage.web_url}/webhooks/twilio/inbound"})
        person = script.people[-1]
        with living(stage):
            order = {"from": person.number, "to": "+12025550100", "body": "Can you call me?"}
            orders("replies", order)
            _until(lambda: bool(stage.world.tasks()))
        [task] = stage.world.tasks()
        assert task["WhoId"] == stage.ids[person.ref]
        assert "Can you call me?" in task["Description"]


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def test_an_order_that_the_sandbox_refuses_is_an_error(script: Script, folder: Path) -> None:
    """A mistake in a script must not pass for a quiet fortnight."""
    with (
        standing(folder, script, START, Ports()) as stage,
        pytest.raises(RuntimeError, match="the sandbox refused texts: 400"),
    ):
        Orders(stage.box.url)("texts", {"to": "nobody", "from": "+12025550100", "body": "x"})


def test_only_what_a_demo_left_is_cleared(script: Script, folder: Path) -> None:
    """A second one starts anew in the same folder; files of others stay."""
    (folder / "notes.txt").write_text("x")
    for _ in range(2):
        with standing(folder, script, START, Ports()) as stage:
            contacts = len(stage.world.records("Contact"))
            assert stage.world.sync().rows["people:Contact"] == contacts
    assert (folder / "notes.txt").read_text() == "x"


def test_a_second_demo_leaves_the_running_one_alone(script: Script, folder: Path) -> None:
    """It finds the port taken before it clears anything."""
    with standing(folder, script, START, Ports()) as stage:
        port = int(stage.web_url.rpartition(":")[2])
        before = sorted(path.name for path in folder.iterdir())
        with (
            pytest.raises(BadSettings, match="cannot be taken"),
            standing(folder, script, START, Ports(web=port)),
        ):
            pass
        assert sorted(path.name for path in folder.iterdir()) == before
        assert stage.world.sync().rows["people:Contact"] > 0
