"""One job for one CRM or provider in a worker: one run at a time, and no request for one lost."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable

import structlog

from crm_sms.bootstrap import App
from crm_sms.engine.jobs import Job, Report, Run, failure_of
from crm_sms.errors import CrmSmsError
from crm_sms.logs import where

_log = structlog.get_logger("crm_sms.worker")


class Stopped(Exception):
    """The worker is to end: the run stops after the commit it has just made."""


class Runner:
    """Call it to have the job run: at once, or once more after the run that is under way.

    `ended` hears whether a run did its work, in the thread of that run.
    """

    def __init__(
        self,
        job: Job,
        app: App,
        scope: str,
        stopping: threading.Event,
        ended: Callable[[Runner, bool], None],
    ) -> None:
        self.job, self.scope = job, scope
        self.name = f"{job.name} {scope}".strip()
        self._app = app
        self._stopping = stopping
        self._ended = ended
        self._run: Run | None = None
        self._failure = ""
        self._idle = threading.Event()
        self._idle.set()
        self._asked = False
        # Whoever asks while a run ends must either be seen by it or start the next one.
        self._lock = threading.Lock()

    def __call__(self) -> None:
        """Returns when nothing is asked for any more, at once if another thread is at it."""
        with self._lock:
            self._asked = True
            if not self._idle.is_set():
                return
            self._idle.clear()
        while self._take():
            well = self._once()
            try:
                self._ended(self, well)
            except Exception as error:  # noqa: BLE001  # else nobody could ask for a run any more
                _log.error("not rescheduled", job=self.name, reason=where(error))

    def _take(self) -> bool:
        with self._lock:
            goes_on = self._asked and not self._stopping.is_set()
            self._asked = False
            if not goes_on:
                self._idle.set()
            return goes_on

    def _once(self) -> bool:
        """One run; after a failure what it needs is put together anew, as it may be mended."""
        try:
            if self._run is None:
                self._run = self.job.prepare(self._app, self.scope)
            report = self._run(self._tell)
            failure = failure_of(report)
            self._say(report)
        except Stopped:
            return True
        except CrmSmsError as error:
            self._run, failure = None, str(error)
        except Exception as error:  # noqa: BLE001  # its text may quote data, and the worker goes on
            self._run, failure = None, where(error)
        if failure and failure != self._failure:
            _log.error("job failed", job=self.name, reason=failure)
        self._failure = failure
        return not failure

    def _tell(self, what: str, done: int, total: int | None) -> None:
        if self._stopping.is_set():
            raise Stopped

    def _say(self, report: Report) -> None:
        counts = {
            field.name: value
            for field in dataclasses.fields(report)
            if isinstance(value := getattr(report, field.name), int) and value
        }
        if counts:
            _log.info("job done", job=self.name, **counts)

    def wait(self, timeout_s: float) -> bool:
        """Whether no run is under way any more, after at most so long."""
        return self._idle.wait(timeout_s)
