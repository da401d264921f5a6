"""The end of a request: outcomes, what the CRM confirmed, and the pace, in one commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from crm_sms.delivery.settling import Settlement
from crm_sms.delivery.throttle import Throttle
from crm_sms.ledger import Ledger
from crm_sms.ledger.claims import Turn, held, release, settle
from crm_sms.ledger.crm_records import Known, remember
from crm_sms.ledger.left_out import note_left_out
from crm_sms.ledger.outbox import OutboxRow
from crm_sms.ledger.requests import close_request
from crm_sms.ledger.throttles import put_throttle
from crm_sms.records import FieldDescription, Verdict
from crm_sms.use_cases.deliver.preparing import Work
from crm_sms.use_cases.deliver.words import Delivery

Settled = Sequence[tuple[OutboxRow, Settlement]]
"""Rows and what becomes of each."""


def finish(
    delivery: Delivery,
    turn: Turn,
    throttle: Throttle,
    settled: Settled,
    left: Sequence[OutboxRow],
    work: Work,
    known: Mapping[tuple[str, str], Known],
    calls: int,
) -> datetime | None:
    """Settle a request's rows and give back those that found no room; until when to pause."""
    ledger, now = delivery.ledger, delivery.clock()
    until, why = None, ""
    if throttle.pace.failures:
        wait = max(throttle.pace.pause_s, *(one.crm_wait_s for _, one in settled), 0.0)
        until = now + timedelta(seconds=wait)
        why = ", ".join(sorted({one.reason or "no answer" for _, one in settled}))
    with ledger.write("deliver.settle", give_way=True) as connection:
        # Whoever took a row over after its lease was lost knows better what the CRM holds.
        mine = held(connection, turn.holder, [row.id for row, _ in settled])
        settled = [(row, one) for row, one in settled if row.id in mine]
        settle(connection, turn.holder, settled)
        release(connection, turn.holder, [row.id for row in left])
        remember(ledger, connection, delivery.name, _confirmed(ledger, settled, work, known))
        note_left_out(ledger, connection, delivery.name, _left_out(settled, work))
        throttle = replace(throttle, until=until, why=why)
        put_throttle(ledger, connection, delivery.name, throttle)
        close_request(connection, turn.holder, calls, [one.verdict for _, one in settled], now)
    return until


def give_back(
    delivery: Delivery, turn: Turn, throttle: Throttle, rows: Sequence[OutboxRow], wait_s: float
) -> datetime:
    """Nothing was written: give the rows back and leave the CRM alone for a while."""
    ledger, now = delivery.ledger, delivery.clock()
    until = now + timedelta(seconds=wait_s)
    with ledger.write("deliver.pause") as connection:
        release(connection, turn.holder, [row.id for row in rows])
        put_throttle(ledger, connection, delivery.name, replace(throttle, until=until))
        close_request(connection, turn.holder, 0, [], now)
    return until


def _confirmed(
    ledger: Ledger, settled: Settled, work: Work, known: Mapping[tuple[str, str], Known]
) -> dict[tuple[str, str], Known]:
    """What is known of each record after this, by its place."""
    confirmed: dict[tuple[str, str], Known] = {}
    for row, one in settled:
        crm_id = one.crm_id or (row.key if row.key_field is None else None)
        if one.verdict is not Verdict.DONE or crm_id is None:
            continue
        before = confirmed.get(row.place) or known.get(row.place)
        sent = {} if row.create_only else work.fields.get(row.id, {})
        new = {name: ledger.fingerprint(value) for name, value in sent.items()}
        left_out = frozenset() if row.create_only else _lacks(row, work, before)
        confirmed[row.place] = Known(
            crm_id, {**(before.written if before else {}), **new}, left_out
        )
    return confirmed


def _lacks(row: OutboxRow, work: Work, before: Known | None) -> frozenset[str]:
    """The fields that the record goes without after this row; other lanes have their own."""
    others = before.left_out - row.fields.keys() if before else frozenset()
    return others | work.left_out.get(row.id, {}).keys()


def _left_out(settled: Settled, work: Work) -> dict[str, dict[str, FieldDescription | None]]:
    """By object, the fields that rows went without which are done, as the CRM describes them."""
    found: dict[str, dict[str, FieldDescription | None]] = {}
    for row, one in settled:
        if one.verdict is Verdict.DONE and not row.create_only:
            found.setdefault(row.object, {}).update(work.left_out.get(row.id, {}))
    return found
