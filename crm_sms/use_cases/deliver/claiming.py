"""Which rows one request carries: leased to this worker, what others refer to first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from crm_sms.delivery.pace import Pace
from crm_sms.delivery.rules import references
from crm_sms.delivery.throttle import Throttle
from crm_sms.delivery.windows import extra_wait, open_lanes
from crm_sms.ledger.claims import Turn, among, candidates, claim, is_due
from crm_sms.ledger.crm_records import known_records
from crm_sms.ledger.outbox import OutboxRow
from crm_sms.ledger.requests import open_request
from crm_sms.ledger.throttles import last_throttle
from crm_sms.records import Lane
from crm_sms.use_cases.deliver.words import Delivery

_READS = 3
"""Time-outs of reads that a lease allows for before the write."""

_PAGE = 200
"""Rows that are looked through at once, however small the requests are."""


def throttle_of(delivery: Delivery) -> Throttle:
    """What is known of this CRM; at the beginning, full pace."""
    with delivery.ledger.read() as connection:
        found = last_throttle(connection, delivery.name)
    return found or Throttle(Pace.start(delivery.crm.limits))


def take_turn(delivery: Delivery, throttle: Throttle, now: datetime) -> Turn:
    limits = delivery.crm.limits
    usage = throttle.usage_now(now)
    # The lease must outlast the looks and the write: a row whose lease ended while its request
    # is under way would be written by a second worker at the same time.
    lease = timedelta(seconds=(_READS + 1) * limits.write_timeout_s)
    return Turn(
        crm=delivery.name,
        holder="",
        now=now,
        lease_until=now + lease,
        late_commit=timedelta(seconds=limits.late_commit_s),
        lanes=open_lanes(delivery.windows, usage),
        waits=extra_wait(delivery.windows, usage),
        size=throttle.pace.rows,
    )


def claim_rows(delivery: Delivery, turn: Turn) -> tuple[Turn, list[OutboxRow]]:
    """Lease the rows of one request, if any window has ended; then shorter-waiting rows join.

    The turn comes back with its holder, which no other request ever has.
    """
    ledger = delivery.ledger
    with ledger.read() as connection:
        if not is_due(connection, turn):
            return turn, []
    with ledger.write("deliver.claim", give_way=True) as connection:
        # Two workers must not choose rows at once: each would see the other's as free.
        ledger.lock(connection, [f"claim:{turn.crm}"])
        rows = _ready(connection, turn)
        if rows:
            holder = open_request(connection, turn.crm, delivery.worker, len(rows), turn.now)
            turn = replace(turn, holder=holder)
            claim(connection, turn, rows)
    return turn, rows


def _ready(connection: Connection, turn: Turn) -> list[OutboxRow]:
    """The rows of one request. Those that wait for a row whose turn it is not are passed over, so
    that they hold nobody up; opt-outs come first."""
    found: dict[int, OutboxRow] = {}
    page, passed = replace(turn, size=max(turn.size, _PAGE)), 0
    while len(found) < turn.size:
        rows = candidates(connection, page, passed)
        found |= {row.id: row for row in _referenced_first(connection, page, rows)}
        passed += len(rows)
        if len(rows) < page.size:
            break
    return sorted(found.values(), key=lambda row: row.lane is not Lane.OPT_OUT)[: turn.size]


def _referenced_first(
    connection: Connection, turn: Turn, rows: Sequence[OutboxRow]
) -> list[OutboxRow]:
    """Rows whose references still wait give their place to the rows they refer to."""
    ready: dict[int, OutboxRow] = {}
    seen: set[int] = set()
    while rows:
        seen |= {row.id for row in rows}
        wanted = {row.id: places_of(row) for row in rows}
        places = set().union(*wanted.values())
        missing = places - known_records(connection, turn.crm, places).keys()
        first, waiting = among(connection, turn, missing)
        ready = {row.id: row for row in rows if not wanted[row.id] & waiting} | ready
        rows = [row for row in first if row.id not in seen]
    return list(ready.values())


def places_of(row: OutboxRow) -> set[tuple[str, str]]:
    return {(reference.object, reference.key) for reference in references(row.fields)}
