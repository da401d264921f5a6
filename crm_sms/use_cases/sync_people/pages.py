"""A page of a pull into the mirror, a slice at a time, each with its watermark in one commit."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import Connection

from crm_sms.ledger import conversations, inbox
from crm_sms.ledger.mirror_pages import put_watermark, store_others
from crm_sms.ledger.portion import Portion
from crm_sms.ledger.throttles import put_usage
from crm_sms.records import MirrorPart, MirrorRow, OwnTask, Page, Person, Pull
from crm_sms.use_cases.sync_people.people import store_people_page
from crm_sms.use_cases.sync_people.words import Syncing, SyncReport


def slices(page: Page, portion: Portion) -> Iterator[Sequence[MirrorRow]]:
    """The rows of a page, as many at a time as a write transaction should have."""
    start = 0
    while start < len(page.rows):
        rows = page.rows[start : start + portion.size]
        start += len(rows)
        yield rows


def store_page(
    syncing: Syncing,
    report: SyncReport,
    name: str,
    pull: Pull,
    rows: Sequence[MirrorRow],
    portion: Portion,
) -> int:
    """How many of the rows are new or not as they were."""
    ledger, crm, now = syncing.ledger, syncing.planner.crm, syncing.clock()
    with ledger.write("sync.page", give_way=True) as connection:
        started = time.perf_counter()
        if pull.part is MirrorPart.PEOPLE:
            people = [row for row in rows if isinstance(row, Person)]
            changed = store_people_page(syncing, report, connection, people, now)
        elif pull.part is MirrorPart.TASKS:
            tasks = [row for row in rows if isinstance(row, OwnTask)]
            changed = _close(syncing, connection, tasks, now)
        else:
            others = [row for row in rows if not isinstance(row, Person | OwnTask)]
            changed = store_others(ledger, connection, crm, others)
        last = max(row.modified_at for row in rows)
        put_watermark(ledger, connection, crm, name, last, now)
        keep_usage(syncing, connection)
    portion.took(time.perf_counter() - started, whole=len(rows) == portion.size)
    return changed


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
