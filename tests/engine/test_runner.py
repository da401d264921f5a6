"""One job inside a worker: never twice at once, and asked for is asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from crm_sms.engine.jobs import Job, Progress, Report, Run
from crm_sms.engine.runner import Runner
from crm_sms.errors import FixSetup
from crm_sms.use_cases.process import ProcessReport

APP: Any = object()
Body = Callable[[Progress], Report]


class Ended:
    """Hears of runs that ended."""

    def __init__(self) -> None:
        self.well: list[bool] = []

    def __call__(self, runner: Runner, well: bool) -> None:
        self.well.append(well)


def runner(bodies: Sequence[Body], ended: Ended, stopping: threading.Event | None = None) -> Runner:
    """One that is prepared with one body after the other."""
    left = list(bodies)

    def prepare(app: Any, crm: str) -> Run:
        assert (app, crm) == (APP, "sales")
        return left.pop(0)

    job = Job("deliver", prepare, lambda worker: 1.0)
    return Runner(job, APP, "sales", stopping or threading.Event(), ended)


def nothing(progress: Progress) -> Report:
    """A run that finds nothing to do."""
    return ProcessReport()


def test_a_run_tells_that_it_ended() -> None:
    """Its name says which job for which CRM, and after it nothing is under way."""
    ended = Ended()
    it = runner([nothing], ended)
    it()
    assert (it.name, ended.well, it.wait(0)) == ("deliver sales", [True], True)


def test_asking_during_a_run_gives_one_more_run() -> None:
    """However often it is asked meanwhile; the one who asks does not wait."""
    runs: list[bool] = []

    def body(progress: Progress) -> Report:
        runs.append(it.wait(0))
        if len(runs) == 1:
            it()
            it()
        return ProcessReport()

    it = runner([body], Ended())
    it()
    assert runs == [False, False]


def test_threads_that_ask_at_once_never_run_at_once() -> None:
    """Nor is the last request lost, whichever of them comes last."""
    at_work = threading.Lock()
    runs: list[bool] = []

    def body(progress: Progress) -> Report:
        assert at_work.acquire(blocking=False)
        runs.append(True)
        at_work.release()
        return ProcessReport()

    it = runner([body], Ended())
    for _ in range(50):
        before = len(runs)
        threads = [threading.Thread(target=it) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert it.wait(10)
        assert before < len(runs) <= before + 4


def test_what_it_needs_is_kept_until_a_run_fails() -> None:
    """After a failure everything is put together anew: the set-up may be mended by then."""
    calls: list[str] = []

    def first(progress: Progress) -> Report:
        calls.append("first")
        if len(calls) == 2:
            raise FixSetup("no mapping: write one")
        return ProcessReport()

    def second(progress: Progress) -> Report:
        calls.append("second")
        return ProcessReport()

    ended = Ended()
    it = runner([first, second], ended)
    for _ in range(3):
        it()
    assert calls == ["first", "first", "second"]
    assert ended.well == [True, False, True]


def test_a_failure_is_logged_once_while_it_lasts() -> None:
    """With the remedy; when it comes back after a success it is logged again."""
    bad = True

    def body(progress: Progress) -> Report:
        if bad:
            raise FixSetup("no key: set it")
        return ProcessReport()

    it = runner([body] * 5, Ended())
    with capture_logs() as logs:
        it()
        it()
        bad = False
        it()
        bad = True
        it()
    assert [line["reason"] for line in logs] == ["no key: set it"] * 2
    assert {line["job"] for line in logs} == {"deliver sales"}


def test_a_foreign_exception_is_named_by_its_place_only() -> None:
    """Its text may quote a body or a number; the runner lives on."""

    def body(progress: Progress) -> Report:
        raise ZeroDivisionError("+12025550123 said yes")

    ended = Ended()
    it = runner([body, nothing], ended)
    with capture_logs() as logs:
        it()
        it()
    assert "ZeroDivisionError at body" in logs[0]["reason"]
    assert "+1202" not in str(logs)
    assert ended.well == [False, True]


def test_whoever_hears_of_the_end_cannot_break_the_runner() -> None:
    """It is still there for the next request."""

    class Broken(Ended):
        def __call__(self, runner: Runner, well: bool) -> None:
            super().__call__(runner, well)
            raise OSError("+12025550123")

    ended = Broken()
    it = runner([nothing], ended)
    with capture_logs() as logs:
        it()
        it()
    assert (ended.well, it.wait(0)) == ([True, True], True)
    assert "+1202" not in str(logs)


def test_counts_are_logged_when_there_are_any() -> None:
    """A run that found nothing says nothing."""

    def body(progress: Progress) -> Report:
        return ProcessReport(events=3, messages=2)

    with capture_logs() as logs:
        runner([nothing], Ended())()
        runner([body], Ended())()
    assert [(line["events"], line["messages"], line["log_level"]) for line in logs] == [
        (3, 2, "info")
    ]
    assert "records" not in logs[0]


@pytest.mark.parametrize("asked_meanwhile", [False, True])
def test_a_stop_ends_a_run_between_two_commits(asked_meanwhile: bool) -> None:
    """The run is left at its next commit, no other one starts, and that is no failure."""
    stopping = threading.Event()
    reached: list[str] = []

    def body(progress: Progress) -> Report:
        progress("events", 1, None)
        reached.append("first commit")
        stopping.set()
        if asked_meanwhile:
            it()
        progress("events", 2, None)
        reached.append("second commit")
        return ProcessReport()

    ended = Ended()
    it = runner([body], ended, stopping)
    with capture_logs() as logs:
        it()
        it()
    assert (reached, ended.well, logs, it.wait(0)) == (["first commit"], [True], [], True)
