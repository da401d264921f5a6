"""The run itself: one turn after the other until nothing is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import structlog

from crm_sms.delivery.throttle import Throttle
from crm_sms.errors import AccessRefused, CrmSmsError, LedgerBehind, StoreUnavailable, TryLater
from crm_sms.ledger.claims import Turn
from crm_sms.ledger.outbox import OutboxRow
from crm_sms.use_cases.deliver.claiming import claim_rows, take_turn, throttle_of
from crm_sms.use_cases.deliver.comparing import compare
from crm_sms.use_cases.deliver.describing import describe
from crm_sms.use_cases.deliver.finishing import give_back
from crm_sms.use_cases.deliver.preparing import alike, prepare
from crm_sms.use_cases.deliver.requesting import break_off, request, set_aside
from crm_sms.use_cases.deliver.words import Delivery, DeliveryReport

log = structlog.get_logger(__name__)

_REFUSED_S = 60.0
"""How long to wait after the CRM refused our credentials: somebody has to act first."""


def deliver(delivery: Delivery, *, most_requests: int | None = None) -> DeliveryReport:
    """Write until nothing is due, the CRM does not answer, or `most_requests` were made; the turn
    under way then is brought to its end.

    Safe to run at any moment, twice at once, or after a kill: rows are leased, and a lease that
    was lost counts as an unclear outcome.
    """
    report = DeliveryReport()
    while most_requests is None or report.requests < most_requests:
        before = delivery.crm.calls
        goes_on = _one_turn(delivery, report)
        report.calls += delivery.crm.calls - before
        if not goes_on:
            break
    return report


def _one_turn(delivery: Delivery, report: DeliveryReport) -> bool:
    """Whether there may be more to do now."""
    throttle, now = throttle_of(delivery), delivery.clock()
    report.paused_until = throttle.pause_at(now)
    if report.paused_until:
        return False
    turn, rows = take_turn(delivery, throttle, now), list[OutboxRow]()
    try:
        compare(delivery, turn)
        turn, rows = claim_rows(delivery, turn)
        return bool(rows) and _requests(delivery, report, turn, throttle, rows)
    except LedgerBehind as error:
        report.failed = str(error)
        return False
    except AccessRefused as error:
        report.failed = str(error)
        log.error("access refused", crm=delivery.name, remedy=str(error))
        throttle = throttle.resting(delivery.clock(), _REFUSED_S, report.failed)
    except StoreUnavailable:
        # Not the CRM's word that nothing happened: the request may have been written, so the rows
        # keep their lease until it is lost, and count as unclear then.
        raise
    except TryLater as error:
        log.warning("the crm does not answer", crm=delivery.name, error=str(error))
        pace = replace(throttle.pace, failures=throttle.pace.failures + 1)
        wait = max(pace.pause_s, error.wait_s)
        throttle = replace(throttle, pace=pace).resting(delivery.clock(), wait, str(error))
    give_back(delivery, turn, throttle, rows)
    report.paused_until = throttle.until
    return False


def _requests(
    delivery: Delivery,
    report: DeliveryReport,
    turn: Turn,
    throttle: Throttle,
    rows: Sequence[OutboxRow],
) -> bool:
    """A request for each sort of rows, so that none waits for the next turn behind a backlog."""
    objects, failed = describe(delivery, {row.object for row in rows}, turn.now)
    refused = {row.id: failed[row.object] for row in rows if row.object in failed}
    if refused:
        set_aside(delivery, report, turn, throttle, rows, refused)
    rows = [row for row in rows if row.id not in refused]
    while rows:
        report.requests += 1
        part, others = list(rows), list[OutboxRow]()
        try:
            chosen = alike(prepare(delivery, turn, rows, objects))
            part = [one.claimed for one in chosen]
            ids = {row.id for row in part}
            others = [row for row in rows if row.id not in ids]
            throttle, rows = request(delivery, report, turn, throttle, chosen, others)
        except CrmSmsError:
            raise
        except Exception as error:
            break_off(delivery, turn, throttle, part, others, error)
            raise
    return report.paused_until is None
