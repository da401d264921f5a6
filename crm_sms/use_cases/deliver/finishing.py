"""The end of a request: outcomes, what the CRM confirmed, and the pace, in one commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, update

from crm_sms.ledger import Ledger
from crm_sms.ledger.claims import Turn, held, release, settle
from crm_sms.ledger.crm_records import Known, remember
from crm_sms.ledger.outbox import OutboxRow
from crm_sms.ledger.tables import requests
from crm_sms.records import Verdict
from crm_sms.use_cases.deliver.pausing import Throttle, put_throttle
from crm_sms.use_cases.deliver.preparing import Work
from crm_sms.use_cases.deliver.settling import Settled
from crm_sms.use_cases.deliver.words import Delivery


def finish(
    delivery: Delivery,
    turn: Turn,
    throttle: Throttle,
    settled: Sequence[Settled],
    left: Sequence[OutboxRow],
    work: Work,
    known: Mapping[tuple[str, str], Known],
    calls: int,
) -> datetime | None:
    """Settle a request's rows and give back those that found no room; until when to pause."""
    ledger, now = delivery.ledger, delivery.clock()
    until, why = None, ""
    if throttle.pace.failures:
        wait = max(throttle.pace.pause_s, *(one.crm_wait_s for one in settled), 0.0)
        until = now + timedelta(seconds=wait)
        why = ", ".join(sorted({one.settlement.reason or "no answer" for one in settled}))
    with ledger.write("deliver.settle", give_way=True) as connection:
        # Whoever took a row over after its lease was lost knows better what the CRM holds.
        mine = held(connection, turn.holder, [one.settlement.row.id for one in settled])
        settled = [one for one in settled if one.settlement.row.id in mine]
        settle(connection, turn.holder, [one.settlement for one in settled])
        release(connection, turn.holder, [row.id for row in left])
        remember(ledger, connection, delivery.name, _confirmed(ledger, settled, work, known))
        put_throttle(delivery, connection, replace(throttle, until=until, why=why))
        _close(connection, turn, now, calls, [one.verdict for one in settled])
    return until


def give_back(
    delivery: Delivery, turn: Turn, throttle: Throttle, rows: Sequence[OutboxRow], wait_s: float
) -> datetime:
    """Nothing was written: give the rows back and leave the CRM alone for a while."""
    now = delivery.clock()
    until = now + timedelta(seconds=wait_s)
    with delivery.ledger.write("deliver.pause") as connection:
        release(connection, turn.holder, [row.id for row in rows])
        put_throttle(delivery, connection, replace(throttle, until=until))
        _close(connection, turn, now, 0, [])
    return until


def _close(
    connection: Connection, turn: Turn, now: datetime, calls: int, verdicts: Sequence[Verdict]
) -> None:
    connection.execute(
        update(requests)
        .where(requests.c.id == int(turn.holder))
        .values(
            ended_at=now,
            calls=calls,
            done=verdicts.count(Verdict.DONE),
            unclear=verdicts.count(Verdict.MAYBE),
            parked=verdicts.count(Verdict.PARK),
        )
    )


def _confirmed(
    ledger: Ledger, settled: Sequence[Settled], work: Work, known: Mapping[tuple[str, str], Known]
) -> dict[tuple[str, str], Known]:
    """What is known of each record after this, by its place."""
    confirmed: dict[tuple[str, str], Known] = {}
    for one in settled:
        row = one.settlement.row
        crm_id = one.crm_id or (row.key if row.key_field is None else None)
        if one.verdict is not Verdict.DONE or crm_id is None:
            continue
        before = confirmed.get(row.place) or known.get(row.place)
        sent = {} if row.create_only else work.fields.get(row.id, {})
        new = {name: ledger.fingerprint(value) for name, value in sent.items()}
        confirmed[row.place] = Known(crm_id, {**(before.written if before else {}), **new})
    return confirmed
