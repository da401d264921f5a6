"""A provider's exported texts into the ledger, as if its callbacks had brought them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

from crm_sms.consent import verdict
from crm_sms.events import Event, OptOutType
from crm_sms.ledger import Ledger
from crm_sms.ledger.facts import known, place
from crm_sms.ledger.storable import storable
from crm_sms.ports import ExportRow, SmsProvider
from crm_sms.use_cases.receive import record

BATCH = 500
"""Rows of one commit: the most that architecture.md allows a write transaction."""

Sort = tuple[str, str, str]
"""An event's kind, direction and status (empty where it has none)."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an export held, and what of it was new; the same for a dry run as for the import.

    `opt_outs` counts the new events that suppress a number. `refused` are rows by their number in
    the file, with the reason each; they are in none of the other counts but `rows`.
    """

    rows: int
    sorts: Mapping[Sort, int]
    new: int
    duplicates: int
    opt_outs: int
    refused: tuple[ExportRow, ...]


@dataclass(slots=True)
class _Tally:
    rows: int = 0
    sorts: Counter[Sort] = field(default_factory=Counter)
    new: int = 0
    opt_outs: int = 0
    refused: list[ExportRow] = field(default_factory=list)

    def report(self) -> ImportReport:
        return ImportReport(
            rows=self.rows,
            sorts=dict(self.sorts),
            new=self.new,
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
    store = _look_up(ledger) if dry_run else _recorder(ledger, provider, now)
    rows = provider.read_export(path)
    while batch := list(islice(rows, BATCH)):
        _take(tally, provider, batch, store)
        progress(tally.rows)
    return tally.report()


def _take(
    tally: _Tally,
    provider: SmsProvider,
    batch: Sequence[ExportRow],
    store: Callable[[Sequence[Event]], list[bool]],
) -> None:
    events = [storable(row.event) for row in batch if row.event]
    fresh = [event for event, new in zip(events, store(events), strict=True) if new]
    tally.rows += len(batch)
    tally.refused += [row for row in batch if row.event is None]
    tally.sorts.update(map(_sort, events))
    tally.new += len(fresh)
    verdicts = (verdict(event, provider.opt_out_rules) for event in fresh)
    tally.opt_outs += sum(no is not None and no.type is OptOutType.STOP for no in verdicts)


def _sort(event: Event) -> Sort:
    return event.kind.value, event.direction.value, event.status.value if event.status else ""


def _recorder(
    ledger: Ledger, provider: SmsProvider, now: datetime
) -> Callable[[Sequence[Event]], list[bool]]:
    rules = {provider.name: provider.opt_out_rules}
    return lambda events: record(ledger, rules, events, now, commit="import", give_way=True)


def _look_up(ledger: Ledger) -> Callable[[Sequence[Event]], list[bool]]:
    """Answers as `record` would, from what is stored and what it was asked before."""
    seen: set[tuple[str, str, str]] = set()

    def answers(events: Sequence[Event]) -> Iterator[bool]:
        with ledger.read() as connection:
            seen.update(known(connection, events))
        for event in events:
            yield place(event) not in seen
            seen.add(place(event))

    return lambda events: list(answers(events))
