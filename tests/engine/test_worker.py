"""The worker in this process: woken, held up by nobody, stopped at once."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crm_sms.bootstrap import installation
from crm_sms.engine import worker as engine
from crm_sms.engine.wake import wake_of
from crm_sms.engine.worker import Worker
from crm_sms.errors import WrongSchema
from crm_sms.ledger import inbox
from crm_sms.testing.world import World

Until = Callable[[Callable[[], object]], None]
Start = Callable[[World], Worker]

NUMBER = "+12025550123"


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts workers, and stops those that a test did not stop itself."""
    running: list[Worker] = []

    def begin(live: World) -> Worker:
        worker = Worker(live.app, wake_of(live.app.ledger))
        worker.start()
        running.append(worker)
        return worker

    yield begin
    for worker in running:
        if not worker._stopping.is_set():
            worker.stop()


def backlog(live: World) -> int:
    """Events that wait."""
    with live.app.ledger.read() as connection:
        return inbox.backlog(connection)[0]


def mirrored(live: World) -> bool:
    """Whether the first pull is over."""
    from crm_sms.ledger.mirror_pages import pulled

    with live.app.ledger.read() as connection:
        return "people:Contact" in pulled(connection, "salesforce")


def notify_from_elsewhere(live: World) -> None:
    """Another process says that there is something new."""
    code = (
        "import os, pathlib, sys\n"
        "from crm_sms.bootstrap import installation\n"
        "from crm_sms.engine.wake import wake_of\n"
        "wake_of(installation(pathlib.Path(sys.argv[1]), os.environ).ledger).notify()\n"
    )
    subprocess.run([sys.executable, "-c", code, str(live.app.folder)], check=True)


def test_an_event_of_another_process_becomes_a_task_without_a_tick(
    live: World, start: Start, until: Until
) -> None:
    """The wake-up has it processed, and its task leaves as soon as its window ends."""
    live.contact(NUMBER)
    start(live)
    until(lambda: mirrored(live))
    live.receive(live.reply(NUMBER, "SM1"))
    notify_from_elsewhere(live)
    until(live.tasks)
    assert backlog(live) == 0


def test_a_mapping_that_cannot_be_read_holds_up_no_delivery(
    live: World, start: Start, until: Until
) -> None:
    """What is planned by the last one that could be read leaves without a tick too."""
    live.contact(NUMBER)
    start(live)
    until(lambda: mirrored(live))
    (live.app.folder / "salesforce.toml").write_text("object = 3\n")
    live.receive(live.reply(NUMBER, "SM1"))
    notify_from_elsewhere(live)
    until(live.tasks)


def test_two_workers_on_postgresql_make_one_task_of_a_reply(
    live_on_postgres: World, start: Start, until: Until
) -> None:
    """Both are woken by NOTIFY; what one has at hand the other one leaves alone."""
    live = live_on_postgres
    live.contact(NUMBER)
    live.sync()
    start(live)
    start(live)
    for number in range(20):
        live.receive(live.reply(NUMBER, f"SM{number}"))
        notifier = wake_of(live.app.ledger)
        notifier.notify()
        notifier.close()
    until(lambda: backlog(live) == 0)
    until(live.tasks)
    assert len(live.tasks()) == 1


def test_a_text_is_matched_when_a_pull_brings_its_person(
    live: World, start: Start, until: Until
) -> None:
    """The pull wakes processing, which wakes delivery."""
    live.receive(live.reply(NUMBER, "SM1"))
    live.process()
    live.contact(NUMBER)
    start(live)
    until(live.tasks)


def test_while_the_crm_is_down_events_are_planned_and_drain_when_it_returns(
    live: World, start: Start, until: Until
) -> None:
    """Nobody has to do anything for it."""
    live.contact(NUMBER)
    live.sync()
    live.fault("status", status=503)
    start(live)
    for number in range(3):
        live.receive(live.reply(NUMBER, f"SM{number}"))
        wake_of(live.app.ledger).notify()
        until(lambda: backlog(live) == 0)
    assert not live.tasks()
    live.clear_faults()
    until(live.tasks)


def test_a_request_that_hangs_holds_up_no_other_job(
    live: World, start: Start, until: Until
) -> None:
    """While delivery waits for an answer, events are processed."""
    live.contact(NUMBER)
    live.sync()
    live.fault("latency", ms=3000)
    start(live)
    live.receive(live.reply(NUMBER, "SM1"))
    wake_of(live.app.ledger).notify()
    until(lambda: backlog(live) == 0)
    live.clear_faults()
    until(live.tasks)


def test_a_stop_in_the_midst_of_a_request_says_so(
    live: World, start: Start, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever stops the worker need not wait for a CRM that does not answer."""
    monkeypatch.setattr(engine, "_PATIENCE_S", 0.05)
    live.fault("latency", ms=1500)
    worker = start(live)
    sync = worker._runners[0]
    until(lambda: not sync.wait(0))
    assert worker.stop() is False
    live.clear_faults()
    until(lambda: all(runner.wait(0) for runner in worker._runners))


def test_a_stop_without_work_is_at_once(live: World, start: Start, until: Until) -> None:
    """No thread of the worker is left."""
    worker = start(live)
    until(lambda: mirrored(live) or all(runner.wait(0) for runner in worker._runners))
    assert worker.stop() is True
    assert not [thread.name for thread in threading.enumerate() if thread.name == "wake"]


def test_each_job_has_clients_of_its_own(live: World) -> None:
    """A client of a CRM serves one thread at a time."""
    worker = Worker(live.app, wake_of(live.app.ledger))
    apps = [runner._app for runner in worker._runners]
    assert len({id(app.crms["salesforce"]) for app in apps}) == len(apps)
    assert {id(app.ledger) for app in apps} == {id(live.app.ledger)}


def test_a_worker_refuses_another_schema(live: World, tmp_path: Path) -> None:
    """With the remedy, before any job starts."""
    app = installation(live.app.folder, {"CRM_SMS_DATABASE": f"sqlite:///{tmp_path}/other.db"})
    with pytest.raises(WrongSchema, match="crm-sms db upgrade"):
        Worker(app, wake_of(app.ledger)).start()
    app.close()
