"""Which rows one request carries: leased to this worker, what others refer to first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from crm_sms.delivery.pace import Pace
from crm_sms.delivery.rules import references
from crm_sms.delivery.throttle import LONGEST_PAUSE, Throttle
from crm_sms.delivery.windows import extra_wait, open_lanes
from crm_sms.ledger.claims import (
    Turn,
    among,
    candidates,
    claim,
    has_doubtful_leases,
    is_due,
    postpone,
    shorten_leases,
)
from crm_sms.ledger.crm_records import known_records
from crm_sms.ledger.outbox import OutboxRow
from crm_sms.ledger.requests import open_request
from crm_sms.ledger.throttles import last_throttle, usage_at
from crm_sms.records import Lane
from crm_sms.use_cases.deliver.words import Delivery

log = structlog.get_logger(__name__)

_READS = 3
"""Time-outs of reads that a lease allows for before the write."""

_PAGE = 200
"""Rows that are looked through at once, however small the requests are."""

_PAGES = 2
"""Pages that one transaction looks through before others may write."""


def throttle_of(delivery: Delivery) -> Throttle:
    """What is known of this CRM; at the beginning, full pace."""
    with delivery.ledger.read() as connection:
        found = last_throttle(connection, delivery.name)
    return found or Throttle(Pace.start(delivery.crm.limits))


def take_turn(delivery: Delivery, throttle: Throttle, now: datetime) -> Turn:
    limits = delivery.crm.limits
    with delivery.ledger.read() as connection:
        usage = usage_at(connection, delivery.name, now)
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
        size=throttle.pace.size,
        horizon=now + max(LONGEST_PAUSE, delivery.windows.longest),
    )


def claim_rows(delivery: Delivery, turn: Turn) -> tuple[Turn, list[OutboxRow]]:
    """Lease the rows of one request, if any window has ended; then shorter-waiting rows join.

    The turn comes back with its holder, which no other request ever has.
    """
    ledger = delivery.ledger
    with ledger.read() as connection:
        doubtful, due = has_doubtful_leases(connection, turn), is_due(connection, turn)
    if doubtful:
        _doubt_leases(delivery, turn)
    if not due:
        return turn, []
    rows: list[OutboxRow] = []
    passed: int | None = 0
    while passed is not None and not rows:
        with ledger.write("deliver.claim", give_way=True) as connection:
            # Two workers must not choose rows at once: each would see the other's as free.
            ledger.lock(connection, [f"claim:{turn.crm}"])
            rows, passed = _ready(connection, turn, passed)
            if rows:
                holder = open_request(connection, turn.crm, delivery.worker, len(rows), turn.now)
                turn = replace(turn, holder=holder)
                claim(connection, turn, rows)
    return turn, rows


def _doubt_leases(delivery: Delivery, turn: Turn) -> None:
    log.warning("the clock has gone back; rows under way wait a whole lease more", crm=turn.crm)
    with delivery.ledger.write("deliver.claim") as connection:
        shorten_leases(connection, turn)


def _ready(connection: Connection, turn: Turn, passed: int) -> tuple[list[OutboxRow], int | None]:
    """The rows of one request, opt-outs first, and how many were passed over before the rest of the
    rows, None if there is no rest.

    Those that wait for a row whose turn it is not are passed over, so that they hold nobody up. Few
    at a time: on SQLite webhooks wait for the end of this transaction.
    """
    found: dict[int, OutboxRow] = {}
    page, rest = replace(turn, size=max(turn.size, _PAGE)), True
    for _ in range(_PAGES):
        rows = candidates(connection, page, passed)
        ready, later = _referenced_first(connection, page, rows)
        found |= {row.id: row for row in ready}
        postpone(connection, later)
        passed += sum(row.id not in later for row in rows)
        rest = len(rows) == page.size
        if not rest or len(found) >= turn.size:
            break
    chosen = sorted(found.values(), key=lambda row: row.lane is not Lane.OPT_OUT)[: turn.size]
    return chosen, passed if rest else None


def _referenced_first(
    connection: Connection, turn: Turn, rows: Sequence[OutboxRow]
) -> tuple[list[OutboxRow], dict[int, datetime]]:
    """Rows whose references still wait give their place to the rows they refer to; and until when
    rows must wait for others that back off."""
    ready: dict[int, OutboxRow] = {}
    later: dict[int, datetime] = {}
    seen: set[int] = set()
    while rows:
        seen |= {row.id for row in rows}
        wanted = {row.id: places_of(row) for row in rows}
        places = set().union(*wanted.values())
        missing = places - known_records(connection, turn.crm, places).keys()
        first, waiting = among(connection, turn, missing)
        ends = {
            id: [waiting[place] for place in places & waiting.keys()]
            for id, places in wanted.items()
        }
        ready = {row.id: row for row in rows if not ends[row.id]} | ready
        later |= {id: max(until) for id, until in ends.items() if until and max(until) > turn.now}
        rows = [row for row in first if row.id not in seen]
    return list(ready.values()), later


def places_of(row: OutboxRow) -> set[tuple[str, str]]:
    return {(reference.object, reference.key) for reference in references(row.fields)}
