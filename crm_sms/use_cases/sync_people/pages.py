"""A page of a pull into the mirror, a slice at a time, each in one commit with how far it came."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from crm_sms.ledger import conversations, inbox
from crm_sms.ledger.mirror_pages import of_turned_deals, put_watermark, store_others
from crm_sms.ledger.portion import Portion
from crm_sms.ledger.resuming import put_resume
from crm_sms.ledger.throttles import put_usage
from crm_sms.records import MirrorPart, MirrorRow, Opportunity, OwnTask, Page, Person, Pull
from crm_sms.use_cases.sync_people.people import store_people_page
from crm_sms.use_cases.sync_people.returning import write_deals_anew
from crm_sms.use_cases.sync_people.words import Syncing, SyncReport


@dataclass(frozen=True, slots=True)
class Slice:
    """Some rows of a page; `last` if no more of it follow."""

    rows: Sequence[MirrorRow]
    page: Page
    last: bool


def slices(page: Page, portion: Portion) -> Iterator[Slice]:
    """The rows of a page, as many at a time as a write transaction should have; of an empty page
    that says how far the pull came, that alone."""
    start = 0
    while start < len(page.rows):
        rows = page.rows[start : start + portion.size]
        start += len(rows)
        yield Slice(rows, page, start == len(page.rows))
    if not page.rows and not page.in_order:
        yield Slice((), page, last=True)


def store_page(
    syncing: Syncing, report: SyncReport, name: str, pull: Pull, some: Slice, portion: Portion
) -> int:
    """How many of the rows are new or not as they were."""
    with syncing.ledger.write("sync.page", give_way=True) as connection:
        started = time.perf_counter()
        changed = _store(syncing, report, connection, pull, some.rows) if some.rows else 0
        _keep_place(syncing, connection, name, some)
        keep_usage(syncing, connection)
    portion.took(time.perf_counter() - started, whole=len(some.rows) == portion.size)
    return changed


def _store(
    syncing: Syncing,
    report: SyncReport,
    connection: Connection,
    pull: Pull,
    rows: Sequence[MirrorRow],
) -> int:
    now = syncing.clock()
    if pull.part is MirrorPart.PEOPLE:
        people = [row for row in rows if isinstance(row, Person)]
        return store_people_page(syncing, report, connection, people, now)
    if pull.part is MirrorPart.TASKS:
        tasks = [row for row in rows if isinstance(row, OwnTask)]
        return _close(syncing, connection, tasks, now)
    others = [row for row in rows if not isinstance(row, Person | OwnTask)]
    deals = [row for row in others if isinstance(row, Opportunity)]
    again = of_turned_deals(connection, syncing.planner.crm, deals) if deals else set()
    inbox.put_back(syncing.ledger, connection, again, now)
    write_deals_anew(syncing, connection, deals, now)
    return store_others(syncing.ledger, connection, syncing.planner.crm, others)


def _keep_place(syncing: Syncing, connection: Connection, name: str, some: Slice) -> None:
    """The watermark moves only as far as everything has been seen; of rows in no order it moves
    with the last page, and until then the place behind the last whole page is kept."""
    ledger, crm, page = syncing.ledger, syncing.planner.crm, some.page
    if page.in_order:
        seen_to = max(row.modified_at for row in some.rows)
        put_watermark(ledger, connection, crm, name, seen_to, syncing.clock())
    elif page.until and some.last:
        put_watermark(ledger, connection, crm, name, page.until, syncing.clock())
    if some.last:
        put_resume(ledger, connection, crm, name, page.resume)


def _close(
    syncing: Syncing, connection: Connection, tasks: Sequence[OwnTask], now: datetime
) -> int:
    closed = [(task.key, task.modified_at) for task in tasks if task.closed]
    changed, late = conversations.close(connection, syncing.planner.crm, closed)
    # They came when the task was done already: they open a conversation of their own.
    inbox.put_back(syncing.ledger, connection, late, now)
    return changed


def keep_usage(syncing: Syncing, connection: Connection) -> None:
    """Keep what the CRM has just said, for whoever calls it next."""
    ledger, crm, usage = syncing.ledger, syncing.planner.crm, syncing.crm.usage
    put_usage(ledger, connection, crm, usage, syncing.clock())
