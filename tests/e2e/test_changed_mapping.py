"""A mapping or settings change while rows wait: what is written is what the new one says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from crm_sms.admin_files import shipped
from crm_sms.bootstrap import installation
from crm_sms.engine.jobs import once, without_windows
from crm_sms.ledger.notes import put_note
from crm_sms.ledger.parked import parked
from crm_sms.ledger.tables import outbox
from crm_sms.records import Lane
from crm_sms.sandbox.server import Sandbox
from crm_sms.testing.world import World, build

JANE = "+12025550123"
DAY = 86400


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


# ── A file that cannot be read ───────────────────────────────────────────────────────────────────


BROKEN = "object = 3\n"


def with_crm(world: World, name: str, *further: str) -> World:
    """The admin adds a CRM of this name: the same org once more."""
    world.app.close()
    toml, env = world.app.folder / "crm-sms.toml", world.app.folder / ".env"
    settings, secrets = toml.read_text(), env.read_text()
    [section] = re.findall(r"(?s)\[crms\.salesforce\].*?(?=\[providers)", settings)
    added = section.replace("[crms.salesforce]", f'[crms.{name}]\nadapter = "salesforce"')
    toml.write_text(settings.replace(section, "\n".join([section + added, *further, ""])))
    [secret] = re.findall("CRM_SMS_CRMS__SALESFORCE__.*\n", secrets)
    env.write_text(secrets + secret.replace("SALESFORCE", name.upper()))
    return World(installation(world.app.folder, {}), world.box, world.account)


def rename_crm(world: World, name: str) -> World:
    """The admin gives the CRM another name."""
    world.app.close()
    toml, env = world.app.folder / "crm-sms.toml", world.app.folder / ".env"
    section = f'[crms.{name}]\nadapter = "salesforce"'
    toml.write_text(toml.read_text().replace("[crms.salesforce]", section))
    env.write_text(env.read_text().replace("CRMS__SALESFORCE", f"CRMS__{name.upper()}"))
    return World(installation(world.app.folder, {}), world.box, world.account)


def run(world: World, *jobs: str) -> dict[tuple[str, str], str]:
    """These jobs once, with no record waiting for company; what failed, by job and scope."""
    every = once(without_windows(world.app), jobs, lambda what, done, total: None)
    return {(one.job, one.scope): one.failure for one in every}


def waiting_for(world: World, crm: str) -> list[Any]:
    """The rows of one CRM's outbox."""
    with world.app.ledger.read() as connection:
        return list(connection.execute(select(outbox).where(outbox.c.crm == crm)).all())


def test_while_a_mapping_cannot_be_read_the_last_good_one_stays_in_use(
    waiting: World, text: str
) -> None:
    """A STOP and a task are written; the run fails with file, problem and what follows, and after
    the correction nothing is written twice."""
    waiting.settle()
    world = edit(waiting, BROKEN)
    world.receive(world.reply(JANE, "SM2", "STOP"))
    failures = run(world, "process", "deliver")
    assert world.records("Contact")[0]["SMS_Opt_Out__c"] is True
    told = failures.pop(("process", ""))
    assert set(failures.values()) == {""}
    assert str(world.app.folder / "salesforce.toml") in told
    assert "stays in use" in told
    world = edit(world, text)
    assert set(run(world, "process", "deliver").values()) == {""}
    assert len(world.records("SMS_Message__c")) == 2
    world.app.close()


def test_a_pull_goes_on_with_the_last_good_mapping(waiting: World) -> None:
    """Whoever is learnt to hold a number that said no is opted out meanwhile."""
    waiting.receive(waiting.reply("+12025550188", "SM2", "STOP"))
    waiting.settle()
    world = edit(waiting, BROKEN)
    roe = world.contact("(202) 555-0188", LastName="Roe")
    world.advance(600)
    run(world, "sync people", "process", "deliver")
    assert world.record("Contact", roe)["SMS_Opt_Out__c"] is True
    world.app.close()


def test_a_crm_without_any_good_mapping_holds_up_no_other_one(waiting: World) -> None:
    """It alone is left out; when its file can be read it takes what came meanwhile, also the tasks
    of replies that are old by then."""
    (waiting.app.folder / "second.toml").write_text(BROKEN)
    world = with_crm(waiting, "second", 'mapping = "second.toml"')
    world.receive(world.reply(JANE, "SM2", "STOP"), world.reply("+12025550188", "SM3"))
    told = run(world, "process", "deliver")["process", ""]
    assert "second.toml" in told
    assert "nothing is planned for this CRM" in told
    assert world.records("Contact")[0]["SMS_Opt_Out__c"] is True
    assert waiting_for(world, "second") == []
    world.contact("(202) 555-0188", LastName="Roe")
    world.advance(5 * DAY)
    (world.app.folder / "second.toml").write_text((shipped() / "salesforce.toml").read_text())
    assert set(run(world, "sync people", "process").values()) == {""}
    rows = waiting_for(world, "second")
    assert {row.key for row in rows if row.object == "SMS_Message__c"} == {
        f"twilio:{world.account}:SM{number}" for number in (1, 2, 3)
    }
    assert {row.key for row in rows if row.lane == Lane.TASK} == {
        f"task:twilio:{world.account}:SM{number}" for number in (1, 3)
    }
    world.app.close()


def test_a_crm_that_lost_its_mapping_takes_what_came_meanwhile(waiting: World, text: str) -> None:
    """Also if it was planned for before, as after a newer program, which reads the old text no
    more; what it has is not made again, and what waits for it is planned by the new file."""
    (waiting.app.folder / "second.toml").write_text(text)
    world = with_crm(waiting, "second", 'mapping = "second.toml"')
    run(world, "sync people", "process", "deliver")
    (world.app.folder / "second.toml").write_text(BROKEN)
    with world.app.ledger.write("meta") as connection:
        put_note(world.app.ledger, connection, "mapping:second", {"file": "x", "text": BROKEN})
    world.receive(replace(world.reply(JANE, "SM1"), key="listed"), world.reply(JANE, "SM2"))
    run(world, "process")
    assert waiting_for(world, "second") == []
    (world.app.folder / "second.toml").write_text(text)
    world.advance(5 * DAY)
    assert set(run(world, "process").values()) == {""}
    assert f"twilio:{world.account}:SM2" in {row.key for row in waiting_for(world, "second")}
    run(world, "deliver")
    assert run(world, "process") == {("process", ""): ""}
    assert waiting_for(world, "second") == []
    assert len(world.tasks()) == 1
    world.app.close()


# ── A name that changes ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("days", [1, 60])
def test_a_crm_that_is_renamed_finds_its_records(waiting: World, days: int) -> None:
    """A task that a rep deleted is not made again, whatever its age, and no edit is overwritten."""
    waiting.settle()
    [task], [message] = waiting.tasks(), waiting.records("SMS_Message__c")
    waiting.delete(task["Id"])
    waiting.edit("SMS_Message__c", message["Id"], Body__c="redacted by legal")
    waiting.advance(days * DAY)
    world = rename_crm(waiting, "sales")
    assert set(run(world, "sync people", "process", "deliver").values()) == {""}
    assert waiting_for(world, "sales") == []
    assert world.tasks() == []
    [again] = world.records("SMS_Message__c")
    assert again["Body__c"] == "redacted by legal"
    assert len(world.tasks("entry:")) == 1
    world.app.close()


def test_a_crm_that_is_added_makes_no_tasks_of_old_replies(waiting: World) -> None:
    """Of those that are young when it comes it does, also if their person is found much later."""
    waiting.settle()
    waiting.advance(60 * DAY)
    waiting.receive(waiting.reply(JANE, "SM2"), waiting.reply("+12025550188", "SM3"))
    waiting.settle()
    world = with_crm(waiting, "second")
    run(world, "sync people", "process")
    world.contact("(202) 555-0188", LastName="Roe")
    world.advance(60 * DAY)
    run(world, "sync people", "process")
    tasks = {row.key for row in waiting_for(world, "second") if row.lane == Lane.TASK}
    assert tasks == {f"task:twilio:{world.account}:SM{number}" for number in (2, 3)}
    world.app.close()


def test_only_what_may_be_in_a_new_crm_is_looked_up(waiting: World) -> None:
    """Not the records of texts that came after it did, nor one that it told us of."""
    waiting.settle()
    world = with_crm(waiting, "second")
    run(world, "sync people", "process")
    doubted = {row.key for row in waiting_for(world, "second") if row.maybe}
    assert doubted == {f"{start}twilio:{world.account}:SM1" for start in ("", "task:", "entry:")}
    run(world, "deliver")
    world.receive(world.reply(JANE, "SM2"), replace(world.reply(JANE, "SM1"), key="listed"))
    run(world, "process")
    rows = waiting_for(world, "second")
    assert len(rows) > 2
    assert not any(row.maybe for row in rows)


def test_a_pull_says_at_once_all_that_the_mapping_gets_wrong(
    tmp_path: Path, sandbox: Sandbox, text: str
) -> None:
    """Before anything is written: every problem with file, key and remedy, once an hour in the log,
    each time in the report."""
    wrong = text.replace("SMS_Sent_Count__c", "SMS_Sent_Cuont__c").replace(
        'key = "Message_Key__c"', 'key = "Message_Id__c"'
    )
    (tmp_path / "salesforce.toml").write_text(wrong)
    world = build(tmp_path, sandbox)
    with capture_logs() as logged:
        first, second = world.sync(), world.sync()
    lines = [line for line in logged if line["event"] == "mapping"]
    assert first.mapping == second.mapping
    assert len(lines) == len(first.mapping) >= 2
    assert {line["log_level"] for line in lines} == {"error", "warning"}
    assert any("Message_Id__c" in line for line in first.mapping)
    assert any("did you mean SMS_Sent_Count__c?" in line for line in first.mapping)
    assert world.records("SMS_Message__c") == []
    world.app.close()
