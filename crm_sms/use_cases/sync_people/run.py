"""One run: every part of the mirror, as far as the CRM's reserve of calls allows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from crm_sms.errors import AccessRefused
from crm_sms.ledger.left_out import left_out
from crm_sms.ledger.mirror_pages import put_pulled
from crm_sms.ledger.portion import Portion
from crm_sms.ledger.resuming import put_resume, resume_at
from crm_sms.records import Pull
from crm_sms.use_cases.descriptions import described
from crm_sms.use_cases.mapping_check import mapping_problems
from crm_sms.use_cases.sync_people.gone import clear_gone
from crm_sms.use_cases.sync_people.look_up import look_up
from crm_sms.use_cases.sync_people.pages import keep_usage, slices, store_page
from crm_sms.use_cases.sync_people.pulls import OVERLAP, pulls
from crm_sms.use_cases.sync_people.reserve import keep_reserve
from crm_sms.use_cases.sync_people.words import Progress, Syncing, SyncReport


def sync_people(
    syncing: Syncing, *, progress: Progress = lambda part, done, total: None
) -> SyncReport:
    """Pull what changed since the last time, page by page.

    Safe to run at any moment, twice at once, or after a kill: every page keeps how far it came in
    its commit, and one that comes again changes nothing. Raises what `Crm.pull` raises, and
    QuotaEnded when only the calls are left that are kept for opt-outs; the pages before are kept.
    But where our user was let in and only some parts are refused to it, the others are pulled, and
    the report says which failed.
    """
    keep_reserve(syncing)
    before = syncing.crm.calls
    ledger, crm, planner = syncing.ledger, syncing.crm, syncing.planner
    problems = mapping_problems(ledger, crm, planner.crm, planner.mapping, syncing.clock())
    report = SyncReport(mapping=problems)
    refused: list[str] = []
    for name, pull in pulls(syncing):
        try:
            _pull(syncing, report, name, pull, progress)
        except AccessRefused as error:
            if not report.rows:  # then it is our user that is refused, and the rest would be too
                raise
            refused.append(f"{name}: {error}")
    try:
        look_up(syncing, report, progress)
    except AccessRefused as error:
        refused.append(f"look-ups: {error}")
    clear_gone(syncing, report)
    _look_for_fields(syncing)
    report.failed = "; ".join(refused)
    report.calls = syncing.crm.calls - before
    return report


def _look_for_fields(syncing: Syncing) -> None:
    """Where records went without a field, see whether the CRM has it by now, also while nothing
    waits to be written; `process` fills it then."""
    ledger, crm = syncing.ledger, syncing.planner.crm
    with ledger.read() as connection:
        objects = left_out(connection, crm).keys()
    if objects:
        described(ledger, crm, syncing.crm, objects, syncing.clock())


def _pull(syncing: Syncing, report: SyncReport, name: str, pull: Pull, progress: Progress) -> None:
    asked = replace(pull, resume=_cut_off_at(syncing, name))
    done, until = _bring(syncing, report, name, asked, progress)
    if until:
        # What was gathered at one instant is old by now; but once is enough, or an org that changes
        # without a pause would keep us here.
        late = replace(pull, since=until - OVERLAP)
        _bring(syncing, report, name, late, progress, done)
    with syncing.ledger.write("sync.watermark") as connection:
        put_pulled(connection, syncing.planner.crm, name, syncing.clock())
        put_resume(syncing.ledger, connection, syncing.planner.crm, name, None)
        keep_usage(syncing, connection)
    keep_reserve(syncing)


def _bring(
    syncing: Syncing, report: SyncReport, name: str, pull: Pull, progress: Progress, done: int = 0
) -> tuple[int, datetime | None]:
    """How many rows there are with these, and the instant at which they were gathered if they came
    in no order."""
    before, changed, portion, until = done, 0, Portion(), None
    for page in syncing.crm.pull(pull):
        total = None if page.total is None else before + page.total
        for some in slices(page, portion):
            changed += store_page(syncing, report, name, pull, some, portion)
            done += len(some.rows)
            progress(name, done, total)
        until = page.until
        keep_reserve(syncing)
    report.rows[name] = report.rows.get(name, 0) + changed
    return done, until


def _cut_off_at(syncing: Syncing, name: str) -> str | None:
    with syncing.ledger.read() as connection:
        return resume_at(connection, syncing.planner.crm, name)
