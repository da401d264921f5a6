"""The run itself: each account from where its last listing ended, page after page."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from crm_sms.errors import AccessRefused, StoreUnavailable, TryLater
from crm_sms.ledger.history import (
    History,
    Reading,
    first_callback,
    history_of,
    put_history,
)
from crm_sms.ledger.slices import slices
from crm_sms.use_cases.reconcile.storing import store
from crm_sms.use_cases.reconcile.words import Account, Progress, ReconcileReport, Reconciling

log = structlog.get_logger(__name__)

STEP = timedelta(minutes=15)
"""How far each listing goes back behind the last one. Longer than callbacks take, so that a text is
still listed when its callbacks are overdue."""

_LOOK_BACK_EVERY = timedelta(hours=6)
"""How often a listing covers the whole overlap, for statuses and prices that come hours later."""


def reconcile(
    reconciling: Reconciling,
    *,
    accounts: Collection[str] = (),
    back: timedelta | None = None,
    progress: Progress = lambda texts: None,
) -> ReconcileReport:
    """List these accounts (all, if none is named) since the last time, or so far `back`.

    Safe to run at any moment, twice at once, or after a kill: a row that comes again changes
    nothing, and what was cut off goes on behind the last page that was kept. An account that cannot
    be listed stops no other.
    """
    report, failures = ReconcileReport(), []
    for id in accounts or reconciling.provider.accounts:
        try:
            _list(Account(reconciling, id, back is not None, report, progress), back)
        except StoreUnavailable:
            raise
        except (AccessRefused, TryLater) as error:
            failures.append(f"{id}: {error}")
    report.failed = "; ".join(failures)
    return report


def _list(here: Account, back: timedelta | None) -> None:
    """First what was cut off, if it is part of what is wanted; then the rest."""
    history, now = _known(here), here.reconciling.clock()
    since = None if back is None else now - back
    cut = history.reading
    if cut and (since is None or cut.since <= since):
        history = _read(here, history, cut)
        since = since and max(since, cut.begun_at - STEP)
    done = _read(here, history, Reading(since, now) if since else _next(here, history, now))
    if history.missed < done.missed:
        log.warning("callbacks were missed", account=here.name, texts=done.missed)


def _known(here: Account) -> History:
    """With the first callback it is clear since when callbacks come: all is counted anew."""
    ledger, provider = here.reconciling.ledger, here.reconciling.provider
    with ledger.read() as connection:
        history = history_of(connection, here.name, asked=here.asked)
        if history.heard_at:
            return history
        heard_at = first_callback(connection, provider.name, here.id)
    return replace(history, heard_at=heard_at, looked_back_at=None) if heard_at else history


def _next(here: Account, history: History, now: datetime) -> Reading:
    last = history.looked_back_at
    looks_back = last is None or now - last >= _LOOK_BACK_EVERY
    overlap = max(here.reconciling.overlap, STEP) if looks_back else STEP
    return Reading((history.at or now) - overlap, now, looks_back)


def _read(here: Account, history: History, reading: Reading) -> History:
    """List to the end; every page is noted when its rows are stored, so that a run that is cut off
    goes on there."""
    provider, missed = here.reconciling.provider, here.report.missed
    for page in provider.history(here.id, reading.since, reading.after):
        silent = sum(store(here, rows, history.heard_at) for rows in slices(page.rows))
        reading = replace(reading, after=page.after, missed=reading.missed + silent)
        if page.after:
            _keep(here, replace(history, reading=reading))
    if reading.missed:
        missed[here.id] = missed.get(here.id, 0) + reading.missed
    done = _done(history, reading)
    _keep(here, done)
    return done


def _keep(here: Account, history: History) -> None:
    ledger = here.reconciling.ledger
    with ledger.write("reconcile.mark", give_way=True) as connection:
        put_history(ledger, connection, here.name, history, asked=here.asked)


def _done(history: History, reading: Reading) -> History:
    """Between two looks back, the most that one listing missed stands for all of them: the same
    text is listed again and again."""
    if reading.looks_back:
        history = replace(history, looked_back_at=reading.begun_at, missed=0)
    missed = max(history.missed, reading.missed)
    return replace(history, at=reading.begun_at, missed=missed, reading=None)
