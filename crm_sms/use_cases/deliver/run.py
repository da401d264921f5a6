"""The run itself: one request after the other until nothing is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import structlog

from crm_sms.delivery.chunks import Request
from crm_sms.delivery.settling import Attempt, settlement
from crm_sms.delivery.throttle import Throttle
from crm_sms.errors import AccessRefused, StoreUnavailable, TryLater
from crm_sms.ledger.claims import Turn
from crm_sms.ledger.outbox import OutboxRow
from crm_sms.records import Outcome, Reason, Verdict
from crm_sms.use_cases.deliver.claiming import claim_rows, take_turn, throttle_of
from crm_sms.use_cases.deliver.finishing import Ended, Settled, finish, give_back
from crm_sms.use_cases.deliver.leaving import leave
from crm_sms.use_cases.deliver.preparing import (
    Prepared,
    Work,
    decide,
    describe,
    look,
    prepare,
    ready_first,
)
from crm_sms.use_cases.deliver.words import Delivery, DeliveryReport
from crm_sms.use_cases.descriptions import forget_described

log = structlog.get_logger(__name__)

_REFUSED_S = 60.0
"""How long to wait after the CRM refused our credentials: somebody has to act first."""


def deliver(delivery: Delivery, *, most_requests: int | None = None) -> DeliveryReport:
    """Write until nothing is due, the CRM does not answer, or `most_requests` were made.

    Safe to run at any moment, twice at once, or after a kill: rows are leased, and a lease that
    was lost counts as an unclear outcome.
    """
    report = DeliveryReport()
    while most_requests is None or report.requests < most_requests:
        before = delivery.crm.calls
        goes_on = _one_request(delivery, report)
        report.calls += delivery.crm.calls - before
        if not goes_on:
            break
    return report


def _one_request(delivery: Delivery, report: DeliveryReport) -> bool:
    """Whether there may be more to do now."""
    throttle, now = throttle_of(delivery), delivery.clock()
    if throttle.until and now < throttle.until:
        report.paused_until = throttle.until
        return False
    turn, rows = claim_rows(delivery, take_turn(delivery, throttle, now))
    if not rows:
        return False
    report.requests += 1
    try:
        return _send(delivery, report, turn, throttle, rows)
    except AccessRefused as error:
        report.failed = str(error)
        log.error("access refused", crm=delivery.name, remedy=str(error))
        throttle = replace(throttle, why=report.failed)
        report.paused_until = give_back(delivery, turn, throttle, rows, _REFUSED_S)
    except StoreUnavailable:
        # Not the CRM's word that nothing happened: the request may have been written, so the rows
        # keep their lease until it is lost, and count as unclear then.
        raise
    except TryLater as error:
        log.warning("the crm does not answer", crm=delivery.name, error=str(error))
        pace = replace(throttle.pace, failures=throttle.pace.failures + 1)
        wait = max(pace.pause_s, error.wait_s)
        throttle = replace(throttle, pace=pace, why=str(error))
        report.paused_until = give_back(delivery, turn, throttle, rows, wait)
    return False


def _send(
    delivery: Delivery,
    report: DeliveryReport,
    turn: Turn,
    throttle: Throttle,
    rows: Sequence[OutboxRow],
) -> bool:
    objects, failed = describe(delivery, {row.object for row in rows}, turn.now)
    described = [row for row in rows if row.object not in failed]
    prepared = ready_first(prepare(delivery, turn, described, objects))
    work = decide(delivery, prepared, look(delivery, prepared))
    work.outcomes |= {
        row.id: Outcome(Verdict.RETRY, reason=Reason.UNAVAILABLE, detail=str(failed[row.object]))
        for row in rows
        if row.object in failed
    }
    calls = 0
    if work.parcels:
        throttle, calls = _write(delivery, turn, throttle, prepared, work)
    silent = throttle.pace.failures > 0
    attempt = Attempt(turn.now, delivery.clock(), turn.late_commit, delivery.jitter, silent)
    settled = [
        (row, settlement(row, work.outcomes[row.id], attempt))
        for row in rows
        if row.id in work.outcomes
    ]
    left = [row for row in rows if row.id not in work.outcomes]
    ended = Ended(settled, left, work, calls)
    report.paused_until = finish(delivery, turn, throttle, ended)
    _count(report, settled, work)
    return not throttle.pace.failures


def _write(
    delivery: Delivery,
    turn: Turn,
    throttle: Throttle,
    prepared: Sequence[Prepared],
    work: Work,
) -> tuple[Throttle, int]:
    """One request; its outcomes go to `work`."""
    request = leave(delivery, turn, prepared, work, throttle.pace.rows)
    limits, started = delivery.crm.limits, delivery.clock()
    if started + timedelta(seconds=limits.write_timeout_s) >= turn.lease_until:
        raise TryLater("looking up took too long for this lease")
    if not request.chunks:
        return throttle, 0
    result = delivery.crm.write(request.chunks)
    work.outcomes |= _by_id(request, result.outcomes)
    ended = delivery.clock()
    every = [outcome for chunk in result.outcomes for outcome in chunk]
    if any(outcome.reason is Reason.FIELD for outcome in every):
        forget_described(delivery.ledger, delivery.name)
    pace = throttle.pace.after(
        limits,
        elapsed_s=(ended - started).total_seconds(),
        struggled=any(outcome.shrink for outcome in every),
        unanswered=all(map(_unanswered, every)),
    )
    return replace(throttle, pace=pace).told(result.usage, ended), result.calls


def _by_id(request: Request, outcomes: Sequence[Sequence[Outcome]]) -> dict[int, Outcome]:
    return {
        id: outcome
        for parcels, results in zip(request.parcels, outcomes, strict=True)
        for parcel, outcome in zip(parcels, results, strict=True)
        for id in parcel.ids
    }


def _unanswered(outcome: Outcome) -> bool:
    if outcome.verdict is Verdict.RETRY:
        return outcome.reason in (Reason.UNAVAILABLE, Reason.QUOTA)
    return outcome.verdict is Verdict.MAYBE


def _count(report: DeliveryReport, settled: Settled, work: Work) -> None:
    for row, one in settled:
        if one.verdict is Verdict.DONE:
            report.done += row.id in work.fields
            report.unchanged += row.id not in work.fields
        elif one.verdict is Verdict.PARK:
            report.parked += 1
            log.error("parked", record=row.object, reason=one.reason, see="crm-sms parked list")
        else:
            report.retried += 1
            report.unclear += one.verdict is Verdict.MAYBE
