"""Rows that could not be written since somebody or something is gone: cleared after each pull."""

from __future__ import annotations

from dataclasses import replace

import structlog

from crm_sms.ledger import inbox, mirror
from crm_sms.ledger.gone import (
    naming_the_gone,
    not_found,
    rows_of_the_gone,
    try_again,
    withdraw_gone,
)
from crm_sms.ledger.parked import retry
from crm_sms.use_cases.sync_people.people import store_people_page
from crm_sms.use_cases.sync_people.words import Syncing, SyncReport

log = structlog.get_logger(__name__)

_ROWS = 500
"""Rows a commit, so that webhooks need not wait."""


def clear_gone(syncing: Syncing, report: SyncReport) -> None:
    """Have nothing wait for people who are gone; what only names somebody or something gone is
    planned again, without it or with whoever took its place. Safe to repeat and to cut off.

    Raises what `Crm.read` raises, which is asked only about people whom the CRM did not find.
    """
    _find(syncing, report)
    _withdraw(syncing)
    _plan_again(syncing)


def _find(syncing: Syncing, report: SyncReport) -> None:
    """Of people whom a write did not find, those who are there are written to again; whom not even
    the recycle bin holds is gone for good, and no pull would ever say so."""
    ledger, crm, now = syncing.ledger, syncing.planner.crm, syncing.clock()
    with ledger.read() as connection:
        missed = not_found(connection, crm, syncing.crm.limits.keys_per_read)
    for object_name, rows in missed.items():
        found = syncing.crm.read(object_name, None, list(rows), (), deleted=True)
        with ledger.write("sync.gone", give_way=True) as connection:
            lost = mirror.people_by_id(connection, crm, rows.keys() - found.keys())
            gone = [replace(one, deleted=True, phones=()) for one in lost.values()]
            store_people_page(syncing, report, connection, gone, now)
            back = [rows[id] for id, one in found.items() if not one.deleted]
            retry(ledger, connection, [row for ids in back for row in ids], now)


def _withdraw(syncing: Syncing) -> None:
    ledger, crm, count = syncing.ledger, syncing.planner.crm, 0
    with ledger.read() as connection:
        ids = rows_of_the_gone(connection, crm)
    for start in range(0, len(ids), _ROWS):
        with ledger.write("sync.gone", give_way=True) as connection:
            count += withdraw_gone(connection, ids[start : start + _ROWS])
    if count:
        log.info("rows for people who are gone are withdrawn", crm=crm, rows=count)


def _plan_again(syncing: Syncing) -> None:
    ledger, crm = syncing.ledger, syncing.planner.crm
    with ledger.read() as connection:
        rows = naming_the_gone(connection, crm)
    for start in range(0, len(rows), _ROWS):
        with ledger.write("sync.gone", give_way=True) as connection:
            # Excludes processors: one that plans such a text now would take its inbox row out.
            ledger.lock(connection, ["mirror"])
            some = dict(rows[start : start + _ROWS])
            try_again(connection, some.keys(), syncing.clock())
            messages = {id for id in some.values() if id is not None}
            inbox.put_back(ledger, connection, messages, syncing.clock())
