"""A kill -9 at every commit of every job loses nothing and writes nothing twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from crm_sms.events import Status
from crm_sms.ledger.inbox import backlog
from crm_sms.ledger.lookups import due
from crm_sms.testing.world import World

JANE, RAUL = "+12025550123", "+12025550188"

JOBS = {
    "sync": "from crm_sms.use_cases.sync_people import sync_people as run; need = b.syncing",
    "process": "from crm_sms.use_cases.process import process as run; need = b.processing",
    "deliver": "from crm_sms.use_cases.deliver import deliver as run; need = b.delivering",
}
PROGRAM = """
import os, pathlib
import crm_sms.bootstrap as b
{job}
app = b.installation(pathlib.Path({folder!r}), os.environ)
run(need(app, "salesforce") if need is not b.processing else need(app))
"""


def child(world: World, job: str, failpoint: str = "") -> int:
    """Run a job in a process of its own; its exit code, negative for a signal."""
    program = PROGRAM.format(job=JOBS[job], folder=str(world.app.folder))
    environment = {"CRM_SMS_FAILPOINTS": failpoint, "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=Path(world.app.folder),
        timeout=60,
        check=False,
        capture_output=True,
    ).returncode


POINTS = [
    ("sync", "sync.page:before"),
    ("sync", "sync.page:after"),
    ("sync", "sync.page:before=2"),
    ("sync", "sync.watermark:before"),
    ("sync", "sync.watermark:after"),
    ("process", "process:before"),
    ("process", "process:after"),
    ("deliver", "meta:before"),
    ("deliver", "meta:after"),
    ("deliver", "deliver.claim:before"),
    ("deliver", "deliver.claim:after"),
    ("deliver", "deliver.leave:before"),
    ("deliver", "deliver.leave:after"),
    ("deliver", "deliver.settle:before"),
    ("deliver", "deliver.settle:after"),
    ("deliver", "deliver.claim:after=2"),
    ("deliver", "deliver.settle:before=2"),
]


@pytest.mark.parametrize(("job", "failpoint"), POINTS, ids=[point for _, point in POINTS])
def test_a_kill_at_a_commit_changes_nothing_in_the_end(
    world: World, job: str, failpoint: str
) -> None:
    """The job is killed there and run again: every record is there, once, with its last values."""
    jane = world.contact()
    raul = world.contact("(202) 555-0188", LastName="Roe")
    world.advance(600)
    if job != "sync":
        world.sync()
    world.receive(
        world.outbound(JANE, "SM1", Status.DELIVERED),
        world.reply(JANE, "SM2", "call me"),
        world.reply(RAUL, "SM3", "STOP"),
    )
    if job == "deliver":
        world.process()
    world.advance(61)
    assert child(world, job, failpoint) == -signal.SIGKILL, "the failpoint was not reached"

    for _ in range(3):
        world.sync()
        world.process()
        world.advance(1000)
        world.deliver()

    assert len(world.records("SMS_Message__c", deleted=True)) == 3
    assert len(world.tasks(deleted=True)) == 1
    assert len(world.tasks("entry:", deleted=True)) == 2
    assert world.record("Contact", jane)["SMS_Sent_Count__c"] == 1
    assert world.record("Contact", raul)["SMS_Opt_Out__c"] is True
    with world.app.ledger.read() as connection:
        assert backlog(connection)[0] == 0


LOOK_UPS = ["sync.lookup:before", "sync.lookup:after", "sync.lookup:before=2"]


@pytest.mark.parametrize("point", [*LOOK_UPS, "sync.lookup:after=2"])
def test_a_kill_while_a_number_is_looked_up_costs_another_look_at_most(
    world: World, point: str
) -> None:
    """Between what was found and the note that it was asked for: asked again, stored once."""
    jane = world.contact()
    world.fault("record_access", ids=[jane], access="none")
    world.advance(600)
    world.contact("(202) 555-0188", LastName="Roe")
    world.sync()
    world.receive(world.reply(JANE, "SM1"))
    world.process()
    world.clear_faults()  # somebody shares her with us: nothing of her changed, so no pull says so
    assert child(world, "sync", point) == -signal.SIGKILL, "not reached"
    world.sync()
    world.settle(rounds=2)
    assert [record["Contact__c"] for record in world.records("SMS_Message__c")] == [jane]
    assert len(world.tasks()) == 1
    with world.app.ledger.read() as connection:
        assert due(world.app.ledger, connection, "salesforce", world.now) == []


@pytest.mark.parametrize("page", [1, 2])
@pytest.mark.parametrize("side", ["before", "after"])
def test_a_merge_is_learnt_whole_or_not_at_all(world: World, side: str, page: int) -> None:
    """Killed around the page that tells of it, the next pull learns it: text, task, sums and a no
    that was set by hand go to the record that is left."""
    kept, gone = world.contact(), world.contact("(202) 555-0188", SMS_Opt_Out__c=True)
    world.advance(600)
    world.sync()
    world.receive(world.reply(RAUL, "SM1", "call me"))
    world.settle()
    merge = {"op": "merge", "object": "Contact", "master": kept, "losers": [gone]}
    world.box.salesforce.seed(merge)
    assert child(world, "sync", f"sync.page:{side}={page}") == -signal.SIGKILL
    for _ in range(3):
        world.sync()
        world.process()
        world.advance(400)
        world.deliver()
    assert [row["Contact__c"] for row in world.records("SMS_Message__c")] == [kept]
    assert [task["WhoId"] for task in world.tasks(deleted=True)] == [kept]
    survivor = world.record("Contact", kept)
    assert (survivor["SMS_Reply_Count__c"], survivor["SMS_Opt_Out__c"]) == (1, True)


def test_a_pause_that_was_cut_off_is_only_a_lost_lease(world: World) -> None:
    """Killed while giving rows back from a CRM that did not answer, they are written later."""
    world.contact()
    world.advance(600)
    world.sync()
    world.receive(world.reply(JANE, "SM1"))
    world.process()
    world.advance(61)
    world.fault("status", status=503, match={"path": "describe"})
    assert child(world, "deliver", "deliver.pause:before") == -signal.SIGKILL
    world.clear_faults()
    for _ in range(3):
        world.advance(1000)
        world.deliver()
    assert len(world.tasks()) == 1
    assert len(world.records("SMS_Message__c")) == 1


def test_a_kill_between_the_write_and_its_settling_makes_no_second_task(world: World) -> None:
    """The task was made, its lease lost and the rep deleted it: the look finds it, and it stays
    deleted."""
    world.contact()
    world.advance(600)
    world.sync()
    world.receive(world.reply(JANE, "SM1"))
    world.process()
    world.advance(61)
    assert child(world, "deliver", "deliver.settle:before=2") == -signal.SIGKILL
    [task] = world.tasks()
    world.delete(task["Id"])
    for _ in range(3):
        world.advance(1000)
        world.deliver()
    assert world.tasks() == []
    assert len(world.tasks(deleted=True)) == 1
