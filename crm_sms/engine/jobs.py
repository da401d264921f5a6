"""The table of jobs: what each does, how often, what wakes it; and each of them once.

A job looks at what is stored and does what is missing, so it can run at any moment, twice at once,
or again after a kill; who calls it needs no lock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from crm_sms.bootstrap import (
    App,
    delivering,
    planner_in_use,
    processing,
    reconciling,
    syncing,
)
from crm_sms.errors import CrmSmsError, TryLater
from crm_sms.ledger import inbox, outbox
from crm_sms.ledger.throttles import pause_at
from crm_sms.settings import WorkerSettings
from crm_sms.use_cases.deliver import DeliveryReport, deliver
from crm_sms.use_cases.process import ProcessReport, process
from crm_sms.use_cases.reconcile import ReconcileReport, reconcile
from crm_sms.use_cases.status import waiting
from crm_sms.use_cases.sync_people import SyncReport, sync_people

EVENTS = "events"
"""What wakes a job besides the end of another one: something new in the inbox."""

Report = SyncReport | ReconcileReport | ProcessReport | DeliveryReport

Progress = Callable[[str, int, "int | None"], None]
"""Hears of (what, so much done, of how much if known) between commits; may raise to end the run."""

Run = Callable[[Progress], Report]


@dataclass(frozen=True, slots=True)
class Job:
    """`prepare` puts together what the runs for one CRM or provider need ("" if the job is for all
    of them); a run does all that is to be done, by the mapping as its file says then. `due` is when
    there is something to do next, None if nothing is known."""

    name: str
    prepare: Callable[[App, str], Run]
    every_s: Callable[[WorkerSettings], float]
    per: Literal["crms", "providers", ""] = "crms"
    woken_by: tuple[str, ...] = ()
    due: Callable[[App, str], datetime | None] | None = None

    def scopes(self, app: App) -> tuple[str, ...]:
        """What it runs for, one after the other."""
        return tuple(getattr(app.settings, self.per)) if self.per else ("",)


def _sync(app: App, crm: str) -> Run:
    prepared = syncing(app, crm)

    def run(progress: Progress) -> Report:
        used, _ = planner_in_use(app, crm)
        return sync_people(
            replace(prepared, planner=used),
            progress=lambda part, done, total: progress(f"{crm} {part}", done, total),
        )

    return run


def _reconcile(app: App, provider: str) -> Run:
    return listing(app, provider)


def listing(
    app: App, provider: str, accounts: Collection[str] = (), back: timedelta | None = None
) -> Run:
    """Lists the texts of these accounts of a provider (all, if none is named), since the last time
    or so far `back`."""
    prepared = reconciling(app, provider)

    def run(progress: Progress) -> Report:
        return reconcile(
            prepared,
            accounts=accounts,
            back=back,
            progress=lambda texts: progress(f"{provider} texts", texts, None),
        )

    return run


def _process(app: App, _: str) -> Run:
    def run(progress: Progress) -> Report:
        with app.ledger.read() as connection:
            total, _ = inbox.backlog(connection)
        done = 0

        def tell(events: int) -> None:
            nonlocal done
            done += events
            progress("events", done, max(done, total))

        return process(processing(app), progress=tell)

    return run


def _deliver(app: App, crm: str) -> Run:
    prepared = delivering(app, crm)

    def run(progress: Progress) -> Report:
        with app.ledger.read() as connection:
            total = waiting(connection, crm)
        report = DeliveryReport()
        while True:
            last = deliver(prepared, most_requests=1)
            _add(report, last)
            done = report.done + report.unchanged + report.parked
            progress(f"{crm} records", done, max(done, total))
            if not last.requests or last.paused_until or last.failed:
                return report

    return run


def _add(report: DeliveryReport, last: DeliveryReport) -> None:
    for field in fields(report):
        value = getattr(last, field.name)
        counts = isinstance(value, int)
        setattr(report, field.name, getattr(report, field.name) + value if counts else value)


def _due(app: App, crm: str) -> datetime | None:
    with app.ledger.read() as connection:
        due, pause = outbox.next_due(connection, crm), pause_at(connection, crm, app.clock())
    return max(due, pause.until) if due and pause else due


JOBS = (
    Job("sync people", _sync, lambda worker: worker.sync_s),
    Job("sync provider", _reconcile, lambda worker: worker.history_s, per="providers"),
    Job(
        "process",
        _process,
        lambda worker: worker.poll_s,
        per="",
        woken_by=(EVENTS, "sync people", "sync provider"),
    ),
    Job(
        "deliver",
        _deliver,
        lambda worker: worker.poll_s,
        woken_by=("process", "sync people"),
        due=_due,
    ),
)
"""Every job, in the order in which one leaves work for the next."""


@dataclass(frozen=True, slots=True)
class Once:
    """What became of one run; `failure` says what went wrong and what to do."""

    job: str
    scope: str
    report: Report | None = None
    failure: str = ""

    @property
    def parked(self) -> int:
        """How many records this run had to park."""
        match self.report:
            case DeliveryReport(parked=rows) | ProcessReport(refused=rows):
                return rows
        return 0

    @property
    def missed(self) -> int:
        """How many texts this run knows of that callbacks kept silent about."""
        return sum(self.report.missed.values()) if isinstance(self.report, ReconcileReport) else 0


def once(app: App, names: Collection[str], progress: Progress) -> list[Once]:
    """Run the jobs of these names, one after the other; one that fails stops no other."""
    return [
        run_once(job.name, scope, partial(job.prepare, app, scope), progress)
        for job in JOBS
        if job.name in names
        for scope in job.scopes(app)
    ]


def run_once(job: str, scope: str, prepare: Callable[[], Run], progress: Progress) -> Once:
    """One run and what became of it; raises nothing of our tree."""
    try:
        report = prepare()(progress)
    except TryLater as error:
        return Once(job, scope, failure=f"{error}; nothing is lost, the next run goes on")
    except CrmSmsError as error:
        return Once(job, scope, failure=str(error))
    return Once(job, scope, report, failure_of(report))


def failure_of(report: Report) -> str:
    """What kept a run from doing all it found, if something did."""
    if not isinstance(report, DeliveryReport) or report.failed or report.paused_until is None:
        return report.failed
    until = report.paused_until.isoformat(" ", "seconds")
    return f"the CRM does not answer; nothing is lost, the first run after {until} goes on"


def without_windows(app: App) -> App:
    """The installation with no record waiting for company; one may still wait for its text."""
    none = dict.fromkeys(("opt_outs", "tasks", "timeline", "roll_ups"), 0)
    windows = app.settings.windows.model_copy(update=none)
    return replace(app, settings=app.settings.model_copy(update={"windows": windows}))
