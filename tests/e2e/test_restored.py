"""A ledger restored from a backup: it notices, writes nothing, and goes on when it has the rest."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crm_sms.bootstrap import App, delivering, installation, reconciling
from crm_sms.events import Status
from crm_sms.ledger.restored import behind
from crm_sms.sandbox.twilio import orders
from crm_sms.sandbox.twilio.accounts import SERVICE_SID
from crm_sms.testing.world import CRM, World
from crm_sms.use_cases.deliver import DeliveryReport, deliver
from crm_sms.use_cases.deliver.claiming import claim_rows, take_turn, throttle_of
from crm_sms.use_cases.reconcile import reconcile
from crm_sms.use_cases.restored import restored
from crm_sms.use_cases.status import overview
from crm_sms_salesforce import SalesforceCrm

JANE, JOE, SENDER = "+12025550123", "+12025550124", "+12025550100"
DAY = 86400


@pytest.fixture
def jane(world: World) -> str:
    """A contact whom the mirror knows, and a text of hers that the ledger has written."""
    id = world.contact()
    world.advance(600)
    world.sync()
    send(world, JANE, "Hello")
    listed(world)
    return id


def send(world: World, number: str, body: str) -> str:
    """A text that another system sends; its id."""
    world.advance(1)
    order = {"service": SERVICE_SID, "to": number, "body": body}
    return world.box.twilio.send(orders.SendText(**order)).sid


def reply(world: World, number: str, body: str) -> str:
    """A text from somebody; its id."""
    world.advance(1)
    return world.box.twilio.reply(orders.Reply(**{"from": number, "to": SENDER, "body": body})).sid


def listed(world: World) -> list[DeliveryReport]:
    """What happened at the provider by now reaches the ledger, and from there the CRM."""
    world.advance(300)
    reconcile(reconciling(world.app, "twilio"), back=timedelta(days=30))
    return world.settle(rounds=2)


def anew(world: World) -> World:
    """The same installation in a new process."""
    world.app.close()
    return World(installation(world.app.folder, {}), world.box, world.account)


@pytest.fixture
def worlds() -> Iterator[Callable[[World], World]]:
    """Starts an installation anew; the last one is closed after the test."""
    started: list[App] = []

    def start(world: World) -> World:
        started.append((again := anew(world)).app)
        return again

    yield start
    for app in started:
        app.close()


def back_up(world: World, to: Path) -> Path:
    """A copy of the ledger, made while it is in use."""
    with (
        closing(sqlite3.connect(world.app.folder / "crm-sms.db")) as ledger,
        closing(sqlite3.connect(to)) as copy,
    ):
        ledger.backup(copy)
    return to


def restore(world: World, backup: Path) -> World:
    """The copy takes the ledger's place; a new process works with it."""
    world.app.close()
    file = world.app.folder / "crm-sms.db"
    for name in (file, Path(f"{file}-wal"), Path(f"{file}-shm")):
        name.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_bytes(backup.read_bytes())
    return World(installation(world.app.folder, {}), world.box, world.account)


def stamps(world: World) -> dict[str, object]:
    """When each record of ours was last touched."""
    rows = [*world.records("SMS_Message__c"), *world.tasks(deleted=True)]
    return {row["Id"]: row["LastModifiedDate"] for row in rows}


@pytest.fixture
def old(world: World, jane: str, tmp_path: Path) -> Iterator[World]:
    """Restored to the day before: since then came a reply with its task, which a rep deleted, a
    text whose body a rep redacted, and a STOP."""
    joe = world.contact("(202) 555-0124", LastName="Roe")
    backup = back_up(world, tmp_path / "backup.db")
    world.advance(DAY)
    world.sync()
    reply(world, JANE, "Call me")
    send(world, JANE, "When?")
    reply(world, JOE, "Stop")
    listed(world)
    [task] = world.tasks()
    world.delete(task["Id"])
    asked = next(row for row in world.records("SMS_Message__c") if row.get("Body__c") == "When?")
    world.advance(60)
    world.edit("SMS_Message__c", asked["Id"], Body__c="(redacted)")
    assert world.record("Contact", joe)["SMS_Opt_Out__c"] is True
    world.advance(DAY)
    again = restore(world, backup)
    yield again
    again.app.close()


def test_a_restored_ledger_writes_nothing_and_says_what_to_do(old: World) -> None:
    """Facts are taken, people pulled and texts planned; the CRM stays as it is."""
    before = stamps(old)
    old.receive(old.reply(JANE, "SM9", "Still there?"))
    [report] = old.settle()
    assert report.requests == 0
    assert "crm-sms sync provider --since 4d" in report.failed
    assert "then crm-sms db restored" in report.failed
    assert stamps(old) == before
    assert old.sync().rows
    found = overview(old.app.ledger, [CRM], old.now)
    assert found.crms[CRM].behind == report.failed
    assert not found.is_well


def test_it_is_asked_once_and_every_process_heeds_it(
    old: World, worlds: Callable[[World], World]
) -> None:
    """What was found is in the ledger."""
    old.receive(old.reply(JANE, "SM9"))
    old.settle()
    again = worlds(old)
    before = again.box.salesforce.stats()["calls"]
    assert "db restored" in again.deliver().failed
    assert again.box.salesforce.stats()["calls"] == before


def test_what_was_written_meanwhile_is_neither_doubled_nor_undone(old: World) -> None:
    """Once the provider's texts are back: the text whose body a rep redacted, the task that a
    rep deleted, the opt-out. A new reply gets its task."""
    texts = {row["Message_Key__c"]: row.get("Body__c") for row in old.records("SMS_Message__c")}
    listed(old)
    assert restored(old.app.ledger, [CRM], old.now)[CRM] > 0
    old.sync()
    assert [report.failed for report in old.settle(rounds=3)] == ["", "", ""]
    after = {row["Message_Key__c"]: row.get("Body__c") for row in old.records("SMS_Message__c")}
    assert after == texts
    assert len(old.tasks(deleted=True)) == 1
    assert [row["SMS_Opt_Out__c"] for row in old.records("Contact")] == [False, True]
    old.advance(2 * DAY)
    old.receive(old.reply(JANE, "SM9", "Are you there?"))
    old.settle(rounds=2)
    assert len(old.tasks()) == 1


def test_a_fact_that_only_comes_later_undoes_nothing_either(old: World) -> None:
    """The provider's list lacks a text, and its callback comes after the word was given."""
    asked = next(row for row in old.records("SMS_Message__c") if row["Body__c"] == "(redacted)")
    restored(old.app.ledger, [CRM], old.now)
    late = old.now - timedelta(days=1, minutes=5)
    id = asked["Provider_Message_Id__c"]
    fact = old.outbound(JANE, id, Status.DELIVERED, sent_at=late, occurred_at=late, body="When?")
    old.receive(fact)
    old.settle(rounds=2)
    assert old.record("SMS_Message__c", asked["Id"])["Body__c"] == "(redacted)"


def test_a_retry_made_before_the_backup_is_looked_up_too(
    world: World, jane: str, tmp_path: Path
) -> None:
    """Its task waited when the copy was made, after a lock, and was written then. No text was, so
    nothing but the word of whoever restored it tells."""
    reply(world, JANE, "Call me")
    world.fault("lock", parents=[jane], times=1)
    world.fault("row_error", code="UNABLE_TO_LOCK_ROW", match={"object": "Task"}, times=1)
    listed(world)
    backup = back_up(world, tmp_path / "backup.db")
    world.advance(1000)
    world.settle(rounds=2)
    [task] = world.tasks()
    world.delete(task["Id"])
    world.advance(DAY)
    world = restore(world, backup)
    restored(world.app.ledger, [CRM], world.now)
    world.settle(rounds=2)
    assert len(world.tasks(deleted=True)) == 1
    world.app.close()


def test_the_word_holds_for_the_next_process_too(
    old: World, worlds: Callable[[World], World]
) -> None:
    """Nothing was written since, and the CRM's newest text is still younger than the ledger's."""
    restored(old.app.ledger, [CRM], old.now)
    again = worlds(old)
    again.receive(again.reply(JANE, "SM9"))
    assert again.settle(rounds=2)[-1].failed == ""
    assert again.tasks()


def test_a_ledger_that_is_lost_is_one_that_lacks_all(world: World, jane: str) -> None:
    """A new one on an org that has our texts."""
    from crm_sms.ledger import schema

    world.app.close()
    (world.app.folder / "crm-sms.db").rename(world.app.folder / "lost.db")
    app = installation(world.app.folder, {})
    schema.upgrade(app.ledger)
    world = World(app, world.box, world.account)
    world.sync()
    world.receive(world.reply(JANE, "SM9"))
    [report] = world.settle()
    assert "the ledger knows of is none" in report.failed
    assert "--since 30d" in report.failed
    app.close()


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(hours=3), timedelta(hours=-3)], ids=str)
def test_a_process_that_starts_anew_is_not_taken_for_a_restore(
    world: World, jane: str, worlds: Callable[[World], World], ahead: timedelta
) -> None:
    """Whatever our clock says: the ledger keeps what the CRM's said."""
    now = world.box.clock.now
    for number in range(2):
        world.receive(world.reply(JANE, f"SM{number}"))
        world.process()
        world.advance(61)
        job = delivering(world.app, CRM)
        assert deliver(replace(job, clock=lambda: now() + ahead)).failed == ""
        world = worlds(world)
        world.advance(DAY)
    assert len(world.records("SMS_Message__c")) == 3


@pytest.mark.parametrize("ahead", [timedelta(hours=3), timedelta(hours=-3)], ids=str)
def test_a_restore_is_noticed_with_a_wrong_clock_too(
    world: World, jane: str, tmp_path: Path, ahead: timedelta
) -> None:
    """An hour is missing, and our clock is three hours off."""

    def work(world: World, id: str) -> DeliveryReport:
        world.receive(world.reply(JANE, id))
        world.process()
        world.advance(61)
        return deliver(replace(delivering(world.app, CRM), clock=lambda: world.now + ahead))

    work(world, "SM1")
    backup = back_up(world, tmp_path / "backup.db")
    world.advance(3600)
    assert work(world, "SM2").done
    world = restore(world, backup)
    assert "db restored" in work(world, "SM3").failed
    world.app.close()


def test_a_request_that_commits_late_is_explained(
    world: World, jane: str, worlds: Callable[[World], World]
) -> None:
    """It got no answer, and nothing was written after it."""
    world.receive(world.reply(JANE, "SM1"))
    world.process()
    world.advance(61)
    world.fault("timeout", commit_after_s=600, match={"path": "composite$"})
    world.deliver()
    world.clear_faults()
    world.advance(3000)
    world = worlds(world)
    assert world.deliver().failed == ""
    assert len(world.records("SMS_Message__c")) == 2


def test_a_worker_that_was_killed_before_it_could_write_is_explained(
    world: World, jane: str, worlds: Callable[[World], World]
) -> None:
    """Its request left and was committed; it never wrote that down."""
    world.receive(world.reply(JANE, "SM1"))
    world.process()
    world.advance(61)
    job = delivering(world.app, CRM)
    claim_rows(job, take_turn(job, throttle_of(job), world.now))
    sms = {"Message_Key__c": f"twilio:{world.account}:SM1", "Status__c": "Received"}
    world.advance(900)
    world.create("SMS_Message__c", sms)
    world.advance(900)
    assert worlds(world).deliver().failed == ""


def test_another_workers_newer_write_is_no_riddle(
    world: World, jane: str, worlds: Callable[[World], World]
) -> None:
    """It began and wrote after this process had looked at the ledger."""
    world.receive(world.reply(JANE, "SM1"))
    world.process()
    world.advance(DAY)
    with closing(installation(world.app.folder, {})) as app:
        other = World(app, world.box, world.account)
        job = delivering(world.app, CRM)

        class _Slow:
            def __getattr__(self, name: str) -> object:
                return getattr(job.crm, name)

            def newest_write(self, *arguments: object) -> object:
                assert other.deliver().done
                return job.crm.newest_write(*arguments)  # type: ignore[arg-type]

        report = deliver(replace(job, crm=_Slow(), compared=set()))  # type: ignore[arg-type]
    assert report.failed == ""


def test_a_crm_that_was_renamed_is_no_restore(world: World, jane: str) -> None:
    """The ledger wrote those texts, under the other name."""
    world.app.close()
    toml, env = world.app.folder / "crm-sms.toml", world.app.folder / ".env"
    new = '[crms.sales]\nadapter = "salesforce"\nmapping = "salesforce"'
    toml.write_text(toml.read_text().replace("[crms.salesforce]", new))
    env.write_text(env.read_text().replace("CRMS__SALESFORCE", "CRMS__SALES"))
    app = installation(world.app.folder, {})
    world = World(app, world.box, world.account)
    world.process()
    world.advance(61)
    job = delivering(app, "sales")
    deliver(job)
    with app.ledger.read() as connection:
        assert behind(connection, "sales") is None
    app.close()


def test_a_process_asks_once_and_only_if_there_is_something_to_write(
    world: World,
    jane: str,
    worlds: Callable[[World], World],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A cron job that finds nothing to do costs nothing."""
    asked: list[object] = []
    real = SalesforceCrm.newest_write

    def newest_write(self: SalesforceCrm, *arguments: Any) -> datetime | None:
        before = self.calls
        found = real(self, *arguments)
        asked.append(self.calls - before)
        return found

    monkeypatch.setattr(SalesforceCrm, "newest_write", newest_write)
    world = worlds(world)
    world.deliver()
    assert asked == []
    for id in ("SM1", "SM2"):
        world.receive(world.reply(JANE, id))
        world.settle()
    assert asked == [1]


@pytest.mark.parametrize("kind", ["hidden", "object_access"])
def test_texts_that_our_user_does_not_see_hold_nothing_up(
    world: World, jane: str, worlds: Callable[[World], World], kind: str
) -> None:
    """Nothing can be compared, and a STOP has to be written."""
    parameters = {
        "hidden": {"fields": ["SMS_Message__c.Message_Key__c"]},
        "object_access": {"objects": ["SMS_Message__c"], "access": "none"},
    }
    world = worlds(world)
    world.fault(kind, **parameters[kind])
    world.receive(world.reply(JANE, "SM1", "STOP"))
    world.settle(rounds=2)
    assert world.record("Contact", jane)["SMS_Opt_Out__c"] is True


def test_an_edit_of_somebody_else_is_none_of_ours(
    world: World, jane: str, worlds: Callable[[World], World]
) -> None:
    """A rep changes a text a day later."""
    [text] = world.records("SMS_Message__c")
    user = {"LastName": "Rep", "Username": "rep@x.example", "Email": "rep@x.example"}
    [rep] = world.create("User", user)
    world.advance(DAY)
    edit = {"Id": text["Id"], "Body__c": "Redacted"}
    order = {"op": "update", "object": "SMS_Message__c", "records": [edit], "by": rep}
    world.box.salesforce.seed(order)
    world = worlds(world)
    world.receive(world.reply(JANE, "SM1"))
    assert world.settle(rounds=2)[-1].failed == ""
