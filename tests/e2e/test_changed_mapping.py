"""A mapping or settings change while rows wait: what is written is what the new one says."""

from __future__ import annotations

from pathlib import Path

import pytest

from crm_sms.admin_files import shipped
from crm_sms.bootstrap import installation
from crm_sms.ledger.parked import parked
from crm_sms.sandbox.server import Sandbox
from crm_sms.testing.world import World, build

JANE = "+12025550123"


@pytest.fixture
def text() -> str:
    """The shipped mapping."""
    return (shipped() / "salesforce.toml").read_text(encoding="utf-8")


@pytest.fixture
def waiting(tmp_path: Path, sandbox: Sandbox, text: str) -> World:
    """An installation with its own mapping file, and a reply whose rows wait."""
    (tmp_path / "salesforce.toml").write_text(text)
    world = build(tmp_path, sandbox)
    world.contact()
    world.advance(600)
    world.sync()
    world.receive(world.reply(JANE, "SM1"))
    world.process()
    return world


def edit(world: World, text: str) -> World:
    """The admin saves the mapping and starts crm-sms again."""
    world.app.close()
    (world.app.folder / "salesforce.toml").write_text(text)
    return World(installation(world.app.folder, {}), world.box, world.account)


def test_rows_that_wait_take_the_new_mapping(waiting: World, text: str) -> None:
    """A subject that the admin changed stands on the task, and the entry he dropped is not made."""
    changed = text.replace('text = "SMS reply', 'text = "Text back').replace(
        "when = \"message.direction == 'inbound' or answered\"", 'when = "false"'
    )
    world = edit(waiting, changed)
    world.settle()
    [task] = world.tasks()
    assert task["Subject"].startswith("Text back")
    assert world.tasks("entry:") == []
    world.app.close()


def test_a_setting_that_changes_tasks_reaches_those_that_wait(waiting: World, text: str) -> None:
    """A later due date is the one that the task gets."""
    toml = waiting.app.folder / "crm-sms.toml"
    toml.write_text(toml.read_text() + "\n[tasks]\ndue_days = 5\n")
    world = edit(waiting, text)
    world.settle()
    [task] = world.tasks()
    assert task["ActivityDate"] == "2026-11-25"
    world.app.close()


def test_an_unchanged_mapping_plans_nothing_again(waiting: World, text: str) -> None:
    """Starting again costs nothing."""
    world = edit(waiting, text)
    assert world.process().events == 0
    world.app.close()


def test_what_a_mapping_refused_is_planned_once_it_is_mended(waiting: World, text: str) -> None:
    """A parked text of a broken expression is written after the edit and a retry."""
    broken = text.replace('text = "SMS reply', 'text = "{{ 1 // message.click_count }}SMS reply')
    world = edit(waiting, broken)
    world.process()
    with world.app.ledger.read() as connection:
        [row] = parked(connection)
    assert "salesforce.toml" in row.detail
    world = edit(world, text)
    world.settle()
    assert len(world.tasks()) == 1
    with world.app.ledger.read() as connection:
        assert parked(connection) == []
    world.app.close()
