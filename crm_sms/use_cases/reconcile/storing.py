"""Rows of a listing into the ledger, and what they tell that callbacks did not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from crm_sms.ledger.facts import text_alias
from crm_sms.ledger.history import told_of
from crm_sms.ledger.storable import storable
from crm_sms.messages.missed import is_missed
from crm_sms.ports import ExportRow
from crm_sms.use_cases.news import News, news_of, opt_outs
from crm_sms.use_cases.receive import receive
from crm_sms.use_cases.reconcile.words import Account, ReconcileReport

ON_TIME = timedelta(minutes=5)
"""A callback that has not come so long after the provider had news is missed."""


def store(here: Account, rows: Sequence[ExportRow], heard_at: datetime | None) -> int:
    """Store some rows in one commit; how many of their texts callbacks kept silent about.

    `heard_at` is when the account's first callback came.
    """
    ledger, provider = here.reconciling.ledger, here.reconciling.provider
    now = here.reconciling.clock()
    read = [(storable(row.event), row.changed_at) for row in rows if row.event]
    events = [event for event, _ in read]
    with ledger.read() as connection:
        told = told_of(connection, {text_alias(event) for event in events})
    rules = {provider.name: provider.opt_out_rules}
    fresh = receive(ledger, rules, events, now, commit="reconcile", give_way=True)
    news = list(news_of(events, fresh, set(told)))
    _count(here.report, len(rows), news)
    new = (event for event, said in zip(events, news, strict=True) if said is not News.NOTHING)
    here.report.opt_outs += opt_outs(new, provider.opt_out_rules)
    here.progress(here.report.listed)
    return sum(
        is_missed(event, told.get(text_alias(event), ()))
        and is_overdue(event.occurred_at, changed_at, heard_at, now)
        for event, changed_at in read
    )


def _count(report: ReconcileReport, rows: int, news: Sequence[News]) -> None:
    count = Counter(news)
    report.listed += len(news)
    report.known += count[News.NOTHING]
    report.completed += count[News.MORE]
    report.found += count[News.TEXT]
    report.unreadable += rows - len(news)


def is_overdue(
    at: datetime | None, changed_at: datetime | None, heard_at: datetime | None, now: datetime
) -> bool:
    """Whether there was time for the callbacks of a text of that time, of which the provider had
    news last at `changed_at`.

    Before the first callback of all nobody had asked for any; if none has ever come, they are
    missed from the beginning.
    """
    news_at = changed_at or at
    if news_at is None or now - news_at < ON_TIME:
        return False
    return heard_at is None or (at or news_at) >= heard_at - ON_TIME
