"""A provider's exported texts into the ledger, as if its callbacks had brought them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

from crm_sms.events import Event
from crm_sms.ledger import Ledger
from crm_sms.ledger.facts import Place, heard_of, known, place, text_alias
from crm_sms.ledger.storable import storable
from crm_sms.ports import ExportRow, SmsProvider
from crm_sms.use_cases.news import News, news_of, opt_outs
from crm_sms.use_cases.receive import receive

BATCH = 500
"""Rows of one commit: the most that architecture.md allows a write transaction."""

Sort = tuple[str, str]
"""A text's direction and status (empty where it has none)."""


_Store = Callable[[Sequence[Event]], list[News]]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an export held, and what of it was new; the same for a dry run as for the import.

    `new` rows say something that was not known; those among them whose text nobody had spoken of
    are `new_texts`. `opt_outs` counts the new rows that suppress a number. `refused` are rows by
    their place in the file, with the reason each; they are in none of the other counts but `rows`.
    """

    rows: int
    sorts: Mapping[Sort, int]
    new: int
    new_texts: int
    duplicates: int
    opt_outs: int
    refused: tuple[ExportRow, ...]


@dataclass(slots=True)
class _Tally:
    rows: int = 0
    sorts: Counter[Sort] = field(default_factory=Counter)
    new: int = 0
    new_texts: int = 0
    opt_outs: int = 0
    refused: list[ExportRow] = field(default_factory=list)

    def report(self) -> ImportReport:
        return ImportReport(
            rows=self.rows,
            sorts=dict(self.sorts),
            new=self.new,
            new_texts=self.new_texts,
            duplicates=self.sorts.total() - self.new,
            opt_outs=self.opt_outs,
            refused=tuple(self.refused),
        )


def import_texts(
    ledger: Ledger,
    provider: SmsProvider,
    path: Path,
    now: datetime,
    *,
    dry_run: bool = False,
    progress: Callable[[int], object] = lambda rows: None,
) -> ImportReport:
    """Store every event of an export; may be repeated, also after a kill in the middle of it.

    `progress` is called with the rows read so far after each batch. A dry run stores nothing and
    holds the keys of the file in memory. Raises Unreadable if the file is no such export.
    """
    tally = _Tally()
    store = _looker(ledger) if dry_run else _recorder(ledger, provider, now)
    rows = provider.read_export(path)
    while batch := list(islice(rows, BATCH)):
        _take(tally, provider, batch, store)
        progress(tally.rows)
    return tally.report()


def _take(
    tally: _Tally,
    provider: SmsProvider,
    batch: Sequence[ExportRow],
    store: _Store,
) -> None:
    events = [storable(row.event) for row in batch if row.event]
    news = store(events)
    fresh = [event for event, said in zip(events, news, strict=True) if said is not News.NOTHING]
    tally.rows += len(batch)
    tally.refused += [row for row in batch if row.event is None]
    tally.sorts.update(map(_sort, events))
    tally.new += len(fresh)
    tally.new_texts += news.count(News.TEXT)
    tally.opt_outs += opt_outs(fresh, provider.opt_out_rules)


def _sort(event: Event) -> Sort:
    return event.direction.value, event.status.value if event.status else ""


def _recorder(ledger: Ledger, provider: SmsProvider, now: datetime) -> _Store:
    rules = {provider.name: provider.opt_out_rules}

    def store(events: Sequence[Event]) -> list[News]:
        with ledger.read() as connection:
            heard = heard_of(connection, [*map(text_alias, events)])
        fresh = receive(ledger, rules, events, now, commit="import", give_way=True)
        return list(news_of(events, fresh, heard))

    return store


def _looker(ledger: Ledger) -> _Store:
    """Answers as a recorder would, from what is stored and what it was asked before."""
    seen: set[Place] = set()
    heard: set[str] = set()

    def store(events: Sequence[Event]) -> list[News]:
        with ledger.read() as connection:
            seen.update(known(connection, events))
            heard.update(heard_of(connection, [*map(text_alias, events)]))
        return list(news_of(events, _unseen(events, seen), heard))

    return store


def _unseen(events: Sequence[Event], seen: set[Place]) -> Iterator[bool]:
    for event in events:
        yield place(event) not in seen
        seen.add(place(event))
