"""The demo as a whole: what it reports, and that it says when something is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from crm_sms.cli import app
from crm_sms.demo import naive
from crm_sms.demo import run as runs
from crm_sms.demo.check import Judgement, Observed
from crm_sms.demo.naive import Naive
from crm_sms.demo.played import Played
from crm_sms.demo.result import Result, next_steps, result, sights, written_rows
from crm_sms.demo.run import Performance
from crm_sms.demo.wire import forge
from crm_sms.demo.witness import counters, provider_log
from crm_sms.demo.words import CRM_RETURNS, DEFAULT_PEOPLE, LEAST_PEOPLE

KEYS = {
    "events",
    "duplicates_ignored",
    "people",
    "records_written",
    "tasks_created",
    "opt_outs_written",
    "api_calls",
    "naive_api_calls",
    "parked",
    "unmatched",
    "elapsed_s",
    "checks",
}
TIMED = ("elapsed_s", "reply_to_task_s")


def demo(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The command, in a process of its own."""
    command = [sys.executable, "-m", "crm_sms", "demo", "--json", *options]
    environ = {**os.environ, "HOME": str(folder), "CRM_SMS_DATABASE": "nonsense://"}
    return subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False
    )


def test_the_command_reports_and_agrees_with_another_run(
    tmp_path: Path, performance: Performance
) -> None:
    """All keys, all checks, exit 0, nothing left behind; the same seed gives the same figures."""
    done = demo(tmp_path, "--people", str(LEAST_PEOPLE), "--seed", "1")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    document = json.loads(done.stdout)
    assert document.keys() >= KEYS
    assert all(document["checks"].values())
    assert (document["parked"], document["unmatched"]) == (0, 2)
    assert list(tmp_path.iterdir()) == []
    same = dict(performance.result.document)
    assert [document.pop(name) and same.pop(name) is not None for name in TIMED] == [True, True]
    assert document == same


def test_the_figures_are_those_of_the_org(performance: Performance, observed: Observed) -> None:
    """Records, tasks, opt-outs and calls are counted where they ended up."""
    document, world = performance.result.document, performance.stage.world
    assert document["tasks_created"] == len(world.tasks())
    assert document["timeline_entries"] == len(world.tasks("entry:"))
    people = (*world.records("Contact"), *world.records("Lead"))
    assert document["opt_outs_written"] == sum(bool(p.get("SMS_Opt_Out__c")) for p in people)
    messages = len(world.records("SMS_Message__c"))
    ours = sum(map(len, written_rows(observed).values()))
    assert document["records_written"] == ours > messages + document["tasks_created"]
    assert document["api_calls"] == world.box.salesforce.stats()["calls"]
    assert document["backlog"]["records"] > messages / 2
    assert document["people"] == len(people)


def test_replies_of_the_last_day_become_tasks_at_once(performance: Performance) -> None:
    """A second of simulated time, the window of a task; each was timed both ways."""
    times = performance.result.document["reply_to_task_s"]
    assert times["simulated"]["replies"] == times["real"]["replies"] > 0
    assert times["simulated"]["p95"] == 1.0
    assert times["real"]["p50"] > 0


def test_the_crm_was_down_until_the_last_day(performance: Performance) -> None:
    """Nothing of ours is older than its return, and it was tried before."""
    stage = performance.stage
    made = [row["CreatedDate"] for row in stage.world.records("SMS_Message__c")]
    assert datetime.fromisoformat(min(made)) >= stage.start + CRM_RETURNS
    assert performance.played.outage_attempts > 5


def test_the_log_names_nobody(performance: Performance) -> None:
    """Neither numbers nor bodies, though a whole fortnight went through."""
    log = (performance.stage.folder / "crm-sms.log").read_text()
    assert "webhook forged" in log
    script = performance.script
    private = {one.number for one in (*script.sent, *script.replies)}
    private |= {reply.body for reply in script.replies if "(" in reply.body}
    assert [one for one in private if one in log] == []


def test_what_to_look_at_is_there(performance: Performance) -> None:
    """Every address that is shown answers; the reply that is suggested has somebody's number."""
    stage, script = performance.stage, performance.script
    shown = sights(stage, script)
    assert len(shown) == 5
    steps = next_steps(stage, script, Path(".demo"))
    pages = [one.where for one in (*shown, *steps) if one.where.startswith("http")]
    for page in pages:
        with urllib.request.urlopen(page, timeout=10) as answer:
            assert answer.status == 200
    assert any(one.where == "crm-sms --folder .demo unmatched list" for one in steps)
    [curl] = [one.where for one in steps if one.where.startswith("curl")]
    assert any(person.number in curl for person in script.people)


def test_the_service_and_the_provider_agree(performance: Performance) -> None:
    """Two counts of the same callbacks, made on either side of the wire."""
    log, counted = provider_log(performance.stage), counters(performance.stage)
    assert counted.events + counted.duplicates == len(log.posted)
    assert counted.events == log.distinct
    assert counted.duplicates > 0
    assert log.refused == 0
    assert [one.at for one in log.posted] == sorted(one.at for one in log.posted)


def test_a_forged_callback_is_refused_and_counted(performance: Performance) -> None:
    """A wrong token signs nothing, however right the rest is."""
    before = counters(performance.stage).forged
    form = {"MessageSid": "SM" + "e" * 32, "AccountSid": performance.stage.world.account}
    assert forge(f"{performance.stage.web_url}/webhooks/twilio/status", form) == 403
    after = counters(performance.stage)
    assert after.forged == before + 1
    assert after.events == provider_log(performance.stage).distinct


def judged(observed: Observed, **changes: Any) -> Judgement:
    """A judgement without differences, of what was observed with these changes."""
    return Judgement(replace(observed, **changes), [])


def reported(performance: Performance, judgement: Judgement, played: Played, naive: int) -> Result:
    """The report at the default size, if the naive way needs so many calls a record."""
    script = replace(performance.script, people=list(performance.script.people) * 8)
    assert len(script.people) >= DEFAULT_PEOPLE
    return result(script, 1, played, judgement, Naive(naive, 1), 1.0)


def test_too_many_calls_fail(performance: Performance, observed: Observed) -> None:
    """At the default size more than a tenth of the naive way is a failure; so is a miscount."""
    rows = performance.result.document["records_written"]
    half = observed.calls // 2
    played = replace(performance.played, api_calls=half, mirror_calls=observed.calls - half)
    needed = -(-observed.calls * 10 // rows)
    assert reported(performance, judged(observed), played, needed).ok
    too_many = reported(performance, judged(observed), played, needed - 1)
    assert not too_many.document["checks"]["calls_at_most_one_10th_of_naive"]
    miscounted = replace(played, api_calls=half - 1)
    found = reported(performance, judged(observed), miscounted, needed)
    assert [name for name, ok in found.document["checks"].items() if not ok] == [
        "calls_agree_with_the_org"
    ]


def test_the_naive_way_looks_up_and_writes_each_record(observed: Observed) -> None:
    """Two calls a record with the same client, whatever the object."""
    measured = naive.measure(written_rows(observed))
    assert measured == Naive(calls=60, records=30)
    assert measured.for_all(1000) == 2000


@pytest.fixture
def failing(performance: Performance, monkeypatch: pytest.MonkeyPatch) -> Performance:
    """The command would find one check broken, in thirty places."""
    checks = {"statuses": False, "times": True}
    differences = [f"statuses: place {number}" for number in range(30)]
    document = {**performance.result.document, "checks": checks, "differences": differences}
    failed = replace(performance, result=Result(document))

    @contextmanager
    def performed(*_: Any) -> Iterator[Performance]:
        yield failed

    monkeypatch.setattr(runs, "performed", performed)
    return failed


def test_a_difference_is_shown_and_ends_with_1(failing: Performance) -> None:
    """People see which check failed and where, as far as they can read."""
    done = CliRunner().invoke(app, ["demo"])
    assert done.exit_code == 1
    assert "FAILED" in done.stdout
    assert "30 things are not as they must be:" in done.stdout
    assert "statuses: place 19\nand 10 more" in done.stdout


def test_each_figure_is_a_line(failing: Performance) -> None:
    """What is made of several figures too; what is made of such in one line each."""
    lines = CliRunner().invoke(app, ["demo"], env={"COLUMNS": "200"}).stdout.splitlines()
    shown = dict(line.strip().split("  ", 1) for line in lines if "  " in line.strip())
    figures = {name: value.strip() for name, value in shown.items()}
    calls = failing.result.document["api_calls_by"]
    wanted = f"writes and look ups: {calls['writes_and_look_ups']}; mirror: {calls['mirror']}"
    assert figures["api calls by"] == wanted
    assert figures["elapsed (s)"]
    for kind in ("simulated", "real"):
        assert figures[f"reply to task (s), {kind}"].startswith("replies: ")


def test_json_has_every_difference(failing: Performance) -> None:
    """Machines get all of them, and the exit code too."""
    done = CliRunner().invoke(app, ["demo", "--json"])
    assert done.exit_code == 1
    assert len(json.loads(done.stdout)["differences"]) == 30


def test_too_few_people_are_wrong_usage() -> None:
    """Said before anything is played."""
    done = CliRunner().invoke(app, ["demo", "--people", str(LEAST_PEOPLE - 1)])
    assert done.exit_code == 2


@pytest.mark.slow
def test_the_default_size_needs_a_tenth_of_the_naive_calls(tmp_path: Path) -> None:
    """A few hundred people, every check, pulls of the mirror counted."""
    done = demo(tmp_path)
    assert done.returncode == 0, done.stdout
    document = json.loads(done.stdout)
    assert document["people"] == DEFAULT_PEOPLE
    assert document["api_calls"] <= document["naive_api_calls"] / 10
    assert document["checks"]["calls_at_most_one_10th_of_naive"]
