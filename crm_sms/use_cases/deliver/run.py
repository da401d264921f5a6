"""The run itself: one request after the other until nothing is due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import update

from crm_sms.delivery.chunks import Request, pack
from crm_sms.delivery.pace import Pace
from crm_sms.errors import AccessRefused, TryLater
from crm_sms.ledger import Ledger
from crm_sms.ledger.crm_records import Known, remember
from crm_sms.ledger.outbox import OutboxRow, Settlement, Turn, release, settle
from crm_sms.ledger.tables import requests
from crm_sms.records import Outcome, Reason, Verdict
from crm_sms.use_cases.deliver.claiming import claim_rows, take_turn
from crm_sms.use_cases.deliver.pausing import last_pace, put_pace
from crm_sms.use_cases.deliver.preparing import Work, decide, look, prepare
from crm_sms.use_cases.deliver.settling import Settled, settlement
from crm_sms.use_cases.deliver.words import Delivery, DeliveryReport
from crm_sms.use_cases.descriptions import forget_described

log = structlog.get_logger(__name__)


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
    pace, until = last_pace(delivery)
    now = delivery.clock()
    if until and now < until:
        report.paused_until = until
        return False
    turn = take_turn(delivery, pace, now)
    turn, rows = claim_rows(delivery, turn)
    if not rows:
        return False
    report.requests += 1
    try:
        return _send(delivery, report, turn, pace, rows)
    except AccessRefused as error:
        report.failed = str(error)
        log.error("access refused", crm=delivery.name, remedy=str(error))
        _pause(delivery, turn, pace, rows, 60.0)
    except TryLater as error:
        log.warning("the crm does not answer", crm=delivery.name, error=str(error))
        later = replace(pace, failures=pace.failures + 1)
        report.paused_until = _pause(delivery, turn, later, rows, max(later.pause_s, error.wait_s))
    return False


def _send(
    delivery: Delivery,
    report: DeliveryReport,
    turn: Turn,
    pace: Pace,
    rows: Sequence[OutboxRow],
) -> bool:
    prepared, known = prepare(delivery, turn, rows)
    work = decide(prepared, look(delivery, prepared))
    request = pack(work.parcels, delivery.crm.limits, pace.rows)
    unanswered, calls = False, 0
    if request.chunks:
        started = delivery.clock()
        if started + timedelta(seconds=delivery.crm.limits.write_timeout_s) >= turn.lease_until:
            raise TryLater("the looks took too long for this lease")
        result = delivery.crm.write(request.chunks)
        calls = result.calls
        work.outcomes |= _by_id(request, result.outcomes)
        elapsed = (delivery.clock() - started).total_seconds()
        unanswered, pace = _judge(delivery, pace, result.outcomes, elapsed)
    settled = [
        settlement(p.claimed, work.outcomes[p.claimed.id], delivery.clock(), turn, delivery.jitter)
        for p in prepared
        if p.claimed.id in work.outcomes
    ]
    left = [p.claimed.id for p in prepared if p.claimed.id not in work.outcomes]
    until = _finish(delivery, turn, pace, settled, left, work, known, calls)
    _count(report, settled, work)
    report.paused_until = until
    return not unanswered


def _by_id(request: Request, outcomes: Sequence[Sequence[Outcome]]) -> dict[int, Outcome]:
    return {
        parcel.id: outcome
        for parcels, results in zip(request.parcels, outcomes, strict=True)
        for parcel, outcome in zip(parcels, results, strict=True)
    }


_NO_ANSWER = (Reason.UNAVAILABLE, Reason.QUOTA)


def _judge(
    delivery: Delivery, pace: Pace, outcomes: Sequence[Sequence[Outcome]], elapsed: float
) -> tuple[bool, Pace]:
    """Whether the CRM answered at all, and how large the next request may be."""
    every = [outcome for chunk in outcomes for outcome in chunk]
    unanswered = all(
        outcome.verdict is Verdict.MAYBE
        or (outcome.verdict is Verdict.RETRY and outcome.reason in _NO_ANSWER)
        for outcome in every
    )
    struggled = any(outcome.shrink for outcome in every)
    next_pace = pace.after(
        delivery.crm.limits, elapsed_s=elapsed, struggled=struggled, unanswered=unanswered
    )
    if any(outcome.reason is Reason.FIELD for outcome in every):
        forget_described(delivery.ledger, delivery.name)
    return unanswered, next_pace


def _finish(
    delivery: Delivery,
    turn: Turn,
    pace: Pace,
    settled: Sequence[Settled],
    left: Sequence[int],
    work: Work,
    known: Mapping[tuple[str, str], Known],
    calls: int,
) -> datetime | None:
    """One commit: outcomes, what the CRM confirmed, the pace, and the request's own row."""
    now = delivery.clock()
    waits = [pace.pause_s, *(one.crm_wait_s for one in settled)] if pace.failures else [0.0]
    until = now + timedelta(seconds=max(waits)) if max(waits) else None
    ledger = delivery.ledger
    with ledger.write("deliver.settle", give_way=True) as connection:
        settle(connection, turn.holder, [one.settlement for one in settled])
        release(connection, turn.holder, left)
        remember(ledger, connection, delivery.name, _confirmed(ledger, settled, work, known))
        put_pace(delivery, connection, pace, until)
        connection.execute(
            update(requests)
            .where(requests.c.id == int(turn.holder))
            .values(ended_at=now, calls=calls, **_sums(settled))
        )
    return until


def _sums(settled: Sequence[Settled]) -> dict[str, Any]:
    verdicts = [one.verdict for one in settled]
    return {
        "done": verdicts.count(Verdict.DONE),
        "unclear": verdicts.count(Verdict.MAYBE),
        "parked": verdicts.count(Verdict.PARK),
    }


def _confirmed(
    ledger: Ledger, settled: Sequence[Settled], work: Work, known: Mapping[tuple[str, str], Known]
) -> dict[tuple[str, str], Known]:
    confirmed: dict[tuple[str, str], Known] = {}
    for one in settled:
        row: OutboxRow = one.settlement.row
        crm_id = one.crm_id or (row.key if row.key_field is None else None)
        if one.verdict is not Verdict.DONE or crm_id is None:
            continue
        before = confirmed.get(row.place) or known.get(row.place)
        sent = {} if row.create_only else work.fields.get(row.id, {})
        new = {name: ledger.fingerprint(value) for name, value in sent.items()}
        confirmed[row.place] = Known(crm_id, {**(before.written if before else {}), **new})
    return confirmed


def _count(report: DeliveryReport, settled: Sequence[Settled], work: Work) -> None:
    for one in settled:
        if one.verdict is Verdict.DONE:
            report.done += one.settlement.row.id in work.fields
            report.unchanged += one.settlement.row.id not in work.fields
        elif one.verdict is Verdict.PARK:
            report.parked += 1
            row: Settlement = one.settlement
            log.error(
                "parked",
                crm_object=row.row.object,
                lane=row.row.lane.name.lower(),
                reason=row.reason,
                see="crm-sms parked list",
            )
        else:
            report.retried += 1
            report.unclear += one.verdict is Verdict.MAYBE


def _pause(
    delivery: Delivery, turn: Turn, pace: Pace, rows: Sequence[OutboxRow], wait_s: float
) -> datetime:
    """Nothing was written: give the rows back and leave the CRM alone for a while."""
    until = delivery.clock() + timedelta(seconds=wait_s)
    with delivery.ledger.write("deliver.pause") as connection:
        release(connection, turn.holder, [row.id for row in rows])
        put_pace(delivery, connection, pace, until)
        connection.execute(
            update(requests)
            .where(requests.c.id == int(turn.holder))
            .values(ended_at=delivery.clock(), calls=0)
        )
    return until
