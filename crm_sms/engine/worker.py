"""The runner on one machine: every job of the table on a schedule, in threads of one process."""

from __future__ import annotations

import logging
import signal
import threading
import time
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from crm_sms.bootstrap import App, own_clients
from crm_sms.engine.jobs import EVENTS, JOBS
from crm_sms.engine.runner import Runner
from crm_sms.engine.wake import Wake, wake_of
from crm_sms.errors import CrmSmsError
from crm_sms.ledger import schema

_log = structlog.get_logger("crm_sms.worker")

_LISTEN_S = 0.5
"""How long a wait for a wake-up lasts at most, so that a stop is heard."""

_RETRY_S = 15.0
"""When a failed run is tried again, if its own turn does not come sooner."""

_REST_S = 1.0
"""Pause after a run that left due rows behind: others hold them, or a quota keeps them back."""

_PATIENCE_S = 5.0
"""How long runs may take to end. Those that take longer are cut off, as by a power cut."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Worker:
    """Every job at its time, at once when it is woken, and again while something is due.

    A job of a kind runs once at a time in this process, each in a thread of its own, so a CRM that
    does not answer holds up nothing but its own jobs.
    """

    def __init__(self, app: App, wake: Wake) -> None:
        self._app, self._wake = app, wake
        self._stopping = threading.Event()
        self._runners = [
            # A client of a CRM serves one thread at a time, and each job has a thread of its own.
            Runner(job, own_clients(app), scope, self._stopping, self._ended)
            for job in JOBS
            for scope in job.scopes(app)
        ]
        # Two threads a job: one runs it, the other one notes that it is asked for again.
        pool = ThreadPoolExecutor(2 * len(self._runners))
        self._scheduler = BackgroundScheduler(executors={"default": pool}, timezone=UTC)
        self._listener = threading.Thread(target=self._listen, name="wake", daemon=True)

    def start(self) -> None:
        """Start all jobs now, then by their schedule. Raises WrongSchema."""
        schema.require(self._app.ledger)
        logging.getLogger("apscheduler").setLevel(logging.ERROR)  # skipped runs are meant
        for runner in self._runners:
            self._scheduler.add_job(
                runner,
                "interval",
                seconds=runner.job.every_s(self._app.settings.worker),
                id=runner.name,
                next_run_time=datetime.now(UTC),
                max_instances=2,
                coalesce=True,
                misfire_grace_time=None,  # however late, a job looks at what is there
            )
        self._scheduler.start()
        self._listener.start()
        _log.info("working", jobs=", ".join(runner.name for runner in self._runners))

    def stop(self) -> bool:
        """End after the commits and requests under way; False if one of them took too long."""
        self._stopping.set()
        self._scheduler.shutdown(wait=False)
        deadline = time.monotonic() + _PATIENCE_S
        ended = [runner.wait(max(0.0, deadline - time.monotonic())) for runner in self._runners]
        self._listener.join()
        self._wake.close()
        cut = [runner.name for runner, end in zip(self._runners, ended, strict=True) if not end]
        if cut:
            _log.warning("stopped in the midst of a request", jobs=", ".join(cut))
        return not cut

    def _listen(self) -> None:
        while not self._stopping.is_set():
            if self._wake.wait(_LISTEN_S):
                self._follow(EVENTS)

    def _ended(self, runner: Runner, well: bool) -> None:
        # After a failure too: what was done before it, or for others, is not held up by it.
        self._follow(runner.job.name, runner.scope)
        delay = self._delay(runner)
        if not well or delay is not None:
            self._ask(runner, delay or (_REST_S if well else _RETRY_S))

    def _follow(self, name: str, scope: str = "") -> None:
        """Have those run who are woken by this: of a CRM's own jobs, only that CRM's."""
        for runner in self._runners:
            here = not (scope and runner.scope) or scope == runner.scope
            if name in runner.job.woken_by and here:
                delay = self._delay(runner) if runner.job.due else 0.0
                if delay is not None:
                    self._ask(runner, delay)

    def _delay(self, runner: Runner) -> float | None:
        """Seconds until it has something to do; None if nobody knows of anything."""
        try:
            due = runner.job.due(self._app, runner.scope) if runner.job.due else None
        except CrmSmsError:
            return _RETRY_S
        return None if due is None else max(0.0, (due - self._app.clock()).total_seconds())

    def _ask(self, runner: Runner, delay_s: float) -> None:
        """Bring its next run forward; a later request never puts an earlier one off."""
        if self._stopping.is_set():
            return
        at = datetime.now(UTC) + timedelta(seconds=delay_s)
        job = self._scheduler.get_job(runner.name)
        if job is not None and at < job.next_run_time:
            self._scheduler.modify_job(runner.name, next_run_time=at)


def work(app: App) -> bool:
    """Work until SIGTERM or SIGINT. False if a request was still under way at the end."""
    # Blocked before any thread starts, so that the signal reaches `sigwait` and nobody else.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    worker = Worker(app, wake_of(app.ledger))
    worker.start()
    signal.sigwait(_SIGNALS)
    return worker.stop()
