"""The run itself: one short transaction after the other until the inbox is empty."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from crm_sms.ledger import inbox, outbox
from crm_sms.ledger import texts as ledger_texts
from crm_sms.ledger.arrivals import doubt
from crm_sms.ledger.parked import park
from crm_sms.ledger.planned import withdraw_unwanted
from crm_sms.ledger.portion import Portion
from crm_sms.messages.bodies import body_awaited_until
from crm_sms.use_cases.process.planning import plan_batch
from crm_sms.use_cases.process.replanning import is_current, replan
from crm_sms.use_cases.process.texts import load
from crm_sms.use_cases.process.threads import link
from crm_sms.use_cases.process.words import LoadedText, Processing, ProcessReport


def process(
    processing: Processing,
    *,
    most_batches: int | None = None,
    progress: Callable[[int], None] = lambda events: None,
) -> ProcessReport:
    """Plan everything that waits in the inbox; `progress` hears of each batch's events. Without a
    CRM nothing is planned, and everything goes on waiting.

    Safe to run at any moment, twice at once, or after a kill: a batch is one commit, and planning a
    text again from the same facts wants the same records. Ends early where another run has gone on
    to a newer mapping.
    """
    report = ProcessReport(failed="\n".join(processing.problems.values()))
    if not processing.planners:
        return report
    replan(processing)
    portion, batches = Portion(), 0
    while most_batches is None or batches < most_batches:
        done = _one_batch(processing, portion, report)
        if done == 0:
            break
        batches += 1
        progress(done)
    return report


def _one_batch(processing: Processing, portion: Portion, report: ProcessReport) -> int:
    ledger, now = processing.ledger, processing.clock()
    with ledger.read() as connection:
        if inbox.is_empty(connection):  # no need to hold anybody up
            return 0
    with ledger.write("process", give_way=True) as connection:
        started = time.perf_counter()
        waiting = inbox.claim(connection, portion.size)
        if not waiting:
            return 0
        # A pull that learns a number looks for texts that wait for it. Shared with other
        # processors, excluded by a pull: otherwise this batch could miss the new person while the
        # pull misses this batch's text, and nobody would ever look again.
        ledger.lock(connection, ["mirror"], shared=True)
        if not is_current(processing, connection):
            return 0
        texts = load(processing, connection, waiting)
        # Only of texts whose lock we hold. What `link` adds may be in another worker's hands, who
        # read its facts before the newest came: that fact must stay until somebody has them all.
        seen = {number for text in texts for number in text.facts}
        places = link(processing, connection, texts)
        _store(processing, connection, texts)
        holds = _holds(processing, texts)
        for planner in processing.planners:
            planned = plan_batch(processing, planner, connection, texts, places, now)
            ids = [text.id for text in texts]
            stored = [text.id for text in texts if text.stored]
            withdraw_unwanted(connection, planner.crm, stored, planned.places)
            report.records += outbox.put(
                ledger, connection, planned.wanted, now, planner.windows, holds
            )
            doubt(connection, planner.crm, ids)
            park(ledger, connection, planner.crm, planned.refused, now)
            report.unmatched += planned.unmatched
            report.refused += len(planned.refused)
        done = inbox.done(connection, seen | {row.event_id for row in waiting})
    portion.took(time.perf_counter() - started, whole=len(waiting) == portion.size)
    report.events += done
    report.messages += len(texts)
    return done


def _holds(processing: Processing, texts: Sequence[LoadedText]) -> dict[int, datetime]:
    wait = processing.body_wait
    until = {text.id: body_awaited_until(text.message, text.facts.values(), wait) for text in texts}
    return {id: at for id, at in until.items() if at}


def _store(processing: Processing, connection: Connection, texts: Sequence[LoadedText]) -> None:
    ids = ledger_texts.store(
        processing.ledger,
        connection,
        [(text.id or None, text.thread, text.message) for text in texts],
    )
    for text in texts:
        text.id = ids[text.message.key]
    names = {alias: text.id for text in texts for alias in text.aliases}
    ledger_texts.name(processing.ledger, connection, names)
