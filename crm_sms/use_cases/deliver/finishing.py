"""The end of a request: outcomes, what the CRM confirmed, and the pace, in one commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_random_exponential

from crm_sms.delivery.settling import Settlement
from crm_sms.delivery.throttle import Throttle
from crm_sms.errors import StoreUnavailable
from crm_sms.ledger import Ledger
from crm_sms.ledger.claims import Turn
from crm_sms.ledger.crm_records import CrmRecord, known_records, remember
from crm_sms.ledger.leased import held, release, settle
from crm_sms.ledger.left_out import note_left_out
from crm_sms.ledger.outbox import OutboxRow, lock_rows
from crm_sms.ledger.requests import close_request
from crm_sms.ledger.throttles import put_throttle, put_usage
from crm_sms.records import FieldDescription, Usage, Verdict
from crm_sms.use_cases.deliver.deciding import Work
from crm_sms.use_cases.deliver.words import Delivery

Settled = Sequence[tuple[OutboxRow, Settlement]]
"""Rows and what becomes of each."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a request came to: rows that are settled, rows to be given back, its calls, what the CRM
    said of its quota, and when it answered by its own clock."""

    settled: Settled
    left: Sequence[OutboxRow]
    work: Work
    calls: int = 0
    usage: Usage | None = None
    crm_at: datetime | None = None


def finish(delivery: Delivery, turn: Turn, throttle: Throttle, ended: Ended) -> None:
    """Settle a request's rows, and give back those that are left.

    Tried thrice: were the CRM's answer lost, all these rows would wait for the end of their lease
    and count as unclear.
    """
    for attempt in Retrying(
        stop=stop_after_attempt(3),
        wait=wait_random_exponential(multiplier=0.05, max=1),
        retry=retry_if_exception_type(StoreUnavailable),
        reraise=True,
    ):
        with attempt, delivery.ledger.write("deliver.settle", give_way=True) as connection:
            _settle(delivery, connection, turn, ended)
            put_throttle(delivery.ledger, connection, delivery.name, throttle)
            put_usage(delivery.ledger, connection, delivery.name, ended.usage, delivery.clock())


def _settle(delivery: Delivery, connection: Connection, turn: Turn, ended: Ended) -> None:
    ledger, left = delivery.ledger, [row.id for row in ended.left]
    rows = [row.id for row, _ in ended.settled]
    lock_rows(connection, [*rows, *left])
    # Whoever took a row over after its lease was lost knows better what the CRM holds.
    mine = held(connection, turn.holder, rows)
    settled = [(row, one) for row, one in ended.settled if row.id in mine]
    settle(connection, turn.holder, settled)
    release(connection, turn.holder, left)
    # Read here: a pull may have seen meanwhile that somebody undid what we wrote.
    places = {row.place for row, _ in settled}
    known = known_records(connection, delivery.name, places, hold=True)
    remember(ledger, connection, delivery.name, _confirmed(ledger, settled, ended.work, known))
    note_left_out(ledger, connection, delivery.name, _left_out(settled, ended.work))
    verdicts = [one.verdict for _, one in settled]
    now = delivery.clock()
    close_request(connection, turn.holder, ended.calls, verdicts, now, ended.crm_at)


def give_back(
    delivery: Delivery, turn: Turn, throttle: Throttle, rows: Sequence[OutboxRow]
) -> None:
    """Nothing was written: give the rows back, if any were claimed."""
    ledger = delivery.ledger
    with ledger.write("deliver.pause") as connection:
        release(connection, turn.holder, [row.id for row in rows])
        put_throttle(ledger, connection, delivery.name, throttle)
        if turn.holder:
            close_request(connection, turn.holder, 0, [], delivery.clock())


def _confirmed(
    ledger: Ledger, settled: Settled, work: Work, known: Mapping[tuple[str, str], CrmRecord]
) -> dict[tuple[str, str], CrmRecord]:
    """What is known of each record after this, by its place."""
    confirmed: dict[tuple[str, str], CrmRecord] = {}
    for row, one in settled:
        crm_id = one.crm_id or (row.key if row.key_field is None else None)
        if one.verdict is not Verdict.DONE or crm_id is None:
            continue
        before = confirmed.get(row.place) or known.get(row.place)
        holds = {} if row.create_only else {**work.held[row.id], **work.fields.get(row.id, {})}
        new = {name: ledger.fingerprint(value) for name, value in holds.items()}
        left_out = frozenset() if row.create_only else _lacks(row, work, before)
        confirmed[row.place] = CrmRecord(
            crm_id, {**(before.written if before else {}), **new}, left_out
        )
    return confirmed


def _lacks(row: OutboxRow, work: Work, before: CrmRecord | None) -> frozenset[str]:
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
