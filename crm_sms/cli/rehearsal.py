"""`crm-sms deliver --dry-run`: what would be written, and nothing written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import typer

from crm_sms.cli.screen import PARKED, answer, complain, many, table

if TYPE_CHECKING:
    from crm_sms.bootstrap import App
    from crm_sms.records import Scalar
    from crm_sms.use_cases.deliver.rehearsing import Rehearsed


@dataclass(slots=True)
class Group:
    """The rows of one object and lane: how many by what would become of them, how many would carry
    each field, or go without it, how many would park by why, and some of the records themselves."""

    object: str
    lane: str
    fates: Counter[str] = field(default_factory=Counter)
    fields: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    parks: Counter[str] = field(default_factory=Counter)
    records: list[Rehearsed] = field(default_factory=list)


def rehearsal(app: App, as_json: bool, records: int) -> None:
    """Show it for every CRM, with so many records of each object and lane; ends with 3 if any would
    park."""
    from crm_sms.bootstrap import delivering
    from crm_sms.ledger import inbox
    from crm_sms.use_cases.deliver.rehearsing import rehearse

    with app.ledger.read() as connection:
        events, _ = inbox.backlog(connection)
    crms = {name: _groups(rehearse(delivering(app, name)), records) for name in app.settings.crms}
    document = {"dry_run": True, "inbox": events, "crms": crms}
    answer(document, as_json, lambda: _shown(crms))
    if events:
        complain(f"{many(events, 'event waits', 'events wait')} to be planned: crm-sms process")
    if any(group.parks for groups in crms.values() for group in groups):
        raise typer.Exit(PARKED)


def _groups(rows: Iterable[Rehearsed], records: int) -> list[Group]:
    groups: dict[tuple[str, str], Group] = {}
    for row in rows:
        lane = row.lane.name.lower()
        group = groups.setdefault((row.object, lane), Group(row.object, lane))
        group.fates[row.fate] += 1
        group.fields.update(row.fields.keys())
        group.left_out.update(row.left_out)
        group.parks.update([row.why] if row.why else ())
        if len(group.records) < records:
            group.records.append(row)
    return list(groups.values())


def _shown(crms: dict[str, list[Group]]) -> Iterator[object]:
    yield "dry run: nothing is written"
    for name, groups in crms.items():
        yield f"\n{name}" if groups else f"\n{name}: nothing waits"
        if groups:
            yield _table(groups)
        for group in groups:
            yield from _group(group)


def _table(groups: list[Group]) -> object:
    fates = ("new", "changed", "unchanged", "parks")
    rows = [(one.object, one.lane, *(one.fates[fate] for fate in fates)) for one in groups]
    return table("object", "lane", *fates, rows=rows)


def _group(group: Group) -> Iterator[str]:
    yield f"{group.object} {group.lane} carries {', '.join(group.fields) or 'nothing'}"
    if group.left_out:
        yield f"  left out, crm-sms doctor says why: {', '.join(group.left_out)}"
    for why, rows in group.parks.items():
        yield f"  would park: {rows}: {why}"
    for record in group.records:
        yield f"  {record.fate} {record.key}"
        yield from (f"    {name} = {_value(value)}" for name, value in record.fields.items())


def _value(value: Scalar) -> str:
    """In one line."""
    return "(empty)" if value is None else " ".join(str(value).split())
