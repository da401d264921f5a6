"""The table of jobs, and each of them once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crm_sms.admin_files import shipped
from crm_sms.bootstrap import App, installation
from crm_sms.engine.jobs import EVENTS, JOBS, Once, failure_of, once, without_windows
from crm_sms.ledger.tables import outbox
from crm_sms.settings import WindowSettings
from crm_sms.testing.world import World
from crm_sms.use_cases.deliver import DeliveryReport
from crm_sms.use_cases.process import ProcessReport
from crm_sms.use_cases.sync_people import SyncReport

ALL = [job.name for job in JOBS]


def silent(what: str, done: int, total: int | None) -> None:
    """Nobody looks."""


def outcomes(done: list[Once]) -> dict[tuple[str, str], str]:
    """What failed, by job and what it ran for."""
    return {(one.job, one.scope): one.failure for one in done}


def test_jobs_are_woken_by_what_exists() -> None:
    """By new events or by the end of another job; each runs for each CRM, each provider, or all."""
    for job in JOBS:
        assert set(job.woken_by) <= {EVENTS, *ALL} - {job.name}
    assert [job.per for job in JOBS] == ["crms", "providers", "", "crms"]


def test_all_jobs_in_their_order_bring_a_reply_to_its_task(live: World) -> None:
    """With windows of nothing, one round is enough: cron need not come twice."""
    live.contact("+12025550123")
    live.receive(live.reply("+12025550123", "SM1"))
    told: list[str] = []
    done = once(without_windows(live.app), ALL, lambda what, done, total: told.append(what))
    assert [one.job for one in done] == ["sync people", "sync provider", "process", "deliver"]
    assert set(outcomes(done).values()) == {""}
    assert len(live.tasks()) == 1
    assert {"salesforce people:Contact", "events", "salesforce records"} <= set(told)


def test_with_windows_records_wait_for_company(live: World) -> None:
    """A delivery right after processing finds nothing due."""
    live.contact("+12025550123")
    live.receive(live.outbound("+12025550123", "SM1"))
    done = once(live.app, ALL, silent)
    report = done[-1].report
    assert isinstance(report, DeliveryReport)
    assert report.requests == 0
    assert not live.records("SMS_Message__c")


def test_a_run_follows_the_mapping_as_it_is_then(live: World) -> None:
    """What was prepared before an edit plans by the edit; while the file is broken, by the last
    that was not, and the report says so."""
    [process] = [job for job in JOBS if job.name == "process"]
    live.contact("+12025550123")
    live.sync()
    run = process.prepare(live.app, "")
    text = (shipped() / "salesforce.toml").read_text(encoding="utf-8")
    own = live.app.folder / "salesforce.toml"
    live.receive(live.outbound("+12025550123", "SM1"))
    own.write_text("object = 3\n")
    report = run(silent)
    assert isinstance(report, ProcessReport)
    assert str(own) in failure_of(report)
    assert (report.messages, report.refused) == (1, 0)
    own.write_text(text.replace("SMS_Message__c", "Text__c"))
    run(silent)
    with live.app.ledger.read() as connection:
        objects = {row.object for row in connection.execute(outbox.select())}
    assert "Text__c" in objects
    assert "SMS_Message__c" not in objects


def test_only_the_jobs_that_are_named_run(live: World) -> None:
    """And none twice."""
    assert outcomes(once(live.app, ["process"], silent)) == {("process", ""): ""}


def test_progress_never_passes_its_total(live: World) -> None:
    """Done grows and stays within what was waiting."""
    for number in range(120):
        live.receive(live.outbound(f"+1202555{number:04}", f"SM{number}"))
    told: list[tuple[int, int | None]] = []
    once(live.app, ["process"], lambda what, done, total: told.append((done, total)))
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert told[-1] == (120, 120)


@pytest.fixture
def two_crms(live: World) -> App:
    """The installation with another CRM, which nothing answers for."""
    further = "[crms.away]\nadapter = 'salesforce'\nauth = 'client_credentials'\nclient_id = 'x'\n"
    further += "login_url = 'http://127.0.0.1:9'\nallow_http = true\nclient_secret = 'x'\n"
    file = live.app.folder / "crm-sms.toml"
    file.write_text(f"{file.read_text()}{further}")
    app = installation(live.app.folder, {})
    return without_windows(app)


def test_a_crm_that_does_not_answer_stops_no_other(two_crms: App, live: World) -> None:
    """Its jobs fail with a message each; the other CRM has everything."""
    live.contact("+12025550123")
    live.receive(live.reply("+12025550123", "SM1"))
    failures = outcomes(once(two_crms, ALL, silent))
    assert [place for place, failure in failures.items() if failure] == [("sync people", "away")]
    assert len(live.tasks()) == 1
    two_crms.close()


def test_a_delivery_without_an_answer_says_when_it_goes_on(live: World) -> None:
    """It is a failure of this run, and nothing of it is lost."""
    live.contact("+12025550123")
    live.receive(live.reply("+12025550123", "SM1"))
    app = without_windows(live.app)
    once(app, ["sync people", "process"], silent)
    live.fault("status", status=503)
    [done] = once(app, ["deliver"], silent)
    assert "does not answer; nothing is lost" in done.failure
    live.clear_faults()


def test_windows_of_nothing_keep_the_quota_for_opt_outs(live: World) -> None:
    """Only the waiting goes away; the installation itself stays as it is."""
    windows = WindowSettings(timeline=30, opt_out_quota=0.2)
    settings = live.app.settings.model_copy(update={"windows": windows})
    changed = without_windows(replace(live.app, settings=settings)).settings.windows
    assert (changed.timeline, changed.opt_out_quota) == (0, 0.2)
    assert settings.windows.timeline == 30
    assert (changed.opt_outs, changed.tasks, changed.roll_ups) == (0, 0, 0)


@pytest.mark.parametrize(
    ("report", "parked"),
    [
        (DeliveryReport(done=5, parked=2), 2),
        (ProcessReport(refused=1), 1),
        (SyncReport(opt_outs=3), 0),
        (None, 0),
    ],
)
def test_a_run_says_how_many_it_parked(
    report: DeliveryReport | ProcessReport | SyncReport | None, parked: int
) -> None:
    """Rows that the CRM refused and records that the mapping could not make."""
    assert Once("job", "", report).parked == parked


def test_a_pull_that_was_refused_a_part_says_so() -> None:
    """So the command ends with 1 and the worker logs it."""
    assert (
        failure_of(SyncReport(rows={"owners": 1}, failed="roles: no access")) == "roles: no access"
    )
    assert failure_of(SyncReport(rows={"owners": 1})) == ""
