"""One request: rows of one sort decided, looked up where a rule needs it, written and settled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import structlog

from crm_sms.delivery.response import Response, response
from crm_sms.delivery.settling import Attempt, settlement
from crm_sms.delivery.throttle import Throttle
from crm_sms.ledger.claims import Turn
from crm_sms.ledger.outbox import OutboxRow
from crm_sms.logs import where
from crm_sms.records import Outcome, Reason, Verdict
from crm_sms.use_cases.deliver.deciding import Work, decide
from crm_sms.use_cases.deliver.finishing import Ended, Settled, finish
from crm_sms.use_cases.deliver.looking import look
from crm_sms.use_cases.deliver.preparing import Prepared
from crm_sms.use_cases.deliver.words import Delivery, DeliveryReport
from crm_sms.use_cases.deliver.writing import Answer, write

log = structlog.get_logger(__name__)


def request(
    delivery: Delivery,
    report: DeliveryReport,
    turn: Turn,
    throttle: Throttle,
    part: Sequence[Prepared],
    others: Sequence[OutboxRow],
) -> tuple[Throttle, Sequence[OutboxRow]]:
    """Write these rows; what the CRM taught, and the others of the turn if it goes on."""
    found = look(delivery, part)
    work = decide(delivery, part, found)
    answer = Answer(throttle, Response(throttle.pace))
    if work.parcels:
        answer = write(delivery, turn, throttle, part, work, read=bool(found))
    rows = [one.claimed for one in part]
    settled = _settled(delivery, turn, answer.response, rows, work)
    left = [row for row in rows if row.id not in work.outcomes]
    if answer.response.pause_s or _is_long(delivery, turn):
        left, others = [*left, *others], ()
    ended = Ended(settled, left, work, answer.calls, answer.usage, answer.crm_at)
    finish(delivery, turn, answer.throttle, ended)
    _count(report, settled, work)
    report.paused_until = answer.throttle.until if answer.response.pause_s else None
    if report.paused_until:
        log.warning("the crm does not answer", crm=delivery.name, until=str(report.paused_until))
    return answer.throttle, others


def _is_long(delivery: Delivery, turn: Turn) -> bool:
    """Whether another request might outlast the lease of its rows."""
    took = delivery.clock() - turn.now
    return took.total_seconds() >= delivery.crm.limits.write_timeout_s


def set_aside(
    delivery: Delivery,
    report: DeliveryReport,
    turn: Turn,
    throttle: Throttle,
    rows: Sequence[OutboxRow],
    refused: Mapping[int, Exception],
) -> None:
    """Settle rows whose object the CRM would not describe, as tries of their own."""
    outcomes = {
        id: Outcome(Verdict.RETRY, reason=Reason.UNAVAILABLE, detail=str(error))
        for id, error in refused.items()
    }
    work = Work(outcomes=outcomes)
    settled = _settled(delivery, turn, Response(throttle.pace), rows, work)
    finish(delivery, turn, throttle, Ended(settled, (), work))
    _count(report, settled, work)


def break_off(
    delivery: Delivery,
    turn: Turn,
    throttle: Throttle,
    rows: Sequence[OutboxRow],
    others: Sequence[OutboxRow],
    error: Exception,
) -> None:
    """Settle rows after a mistake of ours or the adapter's: whether they left is not known.

    It is not the CRM's silence, but may be one row's doing: the next requests are smaller, until
    that row is alone, and parks in the end.
    """
    outcome = Outcome(Verdict.MAYBE, detail=where(error))
    work = Work(outcomes=dict.fromkeys((row.id for row in rows), outcome))
    each = [outcome] * len({row.place for row in rows})
    pace = replace(throttle.pace, failures=0)
    heard = response(pace, delivery.crm.limits, each, elapsed_s=0.0, read=True)
    throttle = replace(throttle, pace=heard.pace)
    throttle = throttle.resting(delivery.clock(), heard.pause_s, outcome.detail)
    settled = _settled(delivery, turn, heard, rows, work)
    finish(delivery, turn, throttle, Ended(settled, others, work))


def _settled(
    delivery: Delivery, turn: Turn, heard: Response, rows: Sequence[OutboxRow], work: Work
) -> Settled:
    attempt = Attempt(turn.now, delivery.clock(), turn.late_commit, delivery.jitter, heard)
    return [
        (row, settlement(row, work.outcomes[row.id], attempt))
        for row in rows
        if row.id in work.outcomes
    ]


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
