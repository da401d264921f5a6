"""`crm-sms status`: how things stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

from crm_sms.cli.installation import installation
from crm_sms.cli.screen import PARKED, AsJson, answer, cell, many, table

if TYPE_CHECKING:
    from crm_sms.ledger.requests import LastRequest
    from crm_sms.use_cases.status import CrmStatus, LeftBehind, Overview


def add_to(app: typer.Typer) -> None:
    """Adds this group's commands."""
    app.command()(status)


def status(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Show what waits, what is parked, and how old the mirrors and listings are.

    Ends with 3 if anything is parked, callbacks were missed, a mapping cannot be read, records wait
    for a CRM that is not in the settings, or a CRM has more of ours than the ledger.
    """
    from crm_sms.bootstrap import mapping_problems
    from crm_sms.use_cases.status import overview

    with installation(ctx) as app:
        problems = mapping_problems(app)
        found = overview(app.ledger, tuple(app.settings.crms), app.clock(), problems)
    answer(found, as_json, lambda: _shown(found))
    if not found.is_well:
        raise typer.Exit(PARKED)


def _shown(found: Overview) -> Iterator[object]:
    since = f", the oldest since {_ago(found.inbox_since, found.at)}" if found.inbox_since else ""
    yield f"inbox: {many(found.inbox, 'event waits', 'events wait')}{since}"
    yield f"suppressions: {many(found.suppressions, 'number', 'numbers')} said no"
    for account, listed in found.listed.items():
        when = _ago(listed.at, found.at) if listed.at else "not yet to the end"
        hint = " (crm-sms doctor)" if listed.missed else ""
        missed = many(listed.missed, "text", "texts")
        yield f"{account}: listed {when}, callbacks of {missed} never came{hint}"
    if found.unverified.last_at:
        kept = many(found.unverified.callbacks, "callback", "callbacks")
        last = _ago(found.unverified.last_at, found.at)
        yield f"unverified: {kept} of the last day, the last {last} (crm-sms doctor)"
    for name, crm in found.crms.items():
        yield f"\n{name}"
        yield from _crm(crm, found.at)
    yield from left_behind_lines(found.left_behind)


def left_behind_lines(found: Mapping[str, LeftBehind]) -> Iterator[str]:
    """What is left behind, each CRM with its remedy."""
    from crm_sms.use_cases.status import what_to_do

    for name, left in found.items():
        counts = f"{many(left.waiting, 'record waits', 'records wait')}, {left.parked} parked"
        yield f"\n{name} is not in the settings: {counts}. Remedy: {what_to_do(name)}"


def _crm(crm: CrmStatus, at: datetime) -> Iterator[object]:
    from crm_sms.matching import Rule

    yield table(
        "lane",
        "waiting",
        "due",
        "settling",
        "oldest",
        rows=[
            (q.lane, q.waiting, q.due, q.settling, _ago(q.oldest, at) if q.oldest else "")
            for q in crm.queues
        ],
    )
    yield f"parked: {_counts(crm.parked)}" + (" (crm-sms parked list)" if crm.parked else "")
    listed = crm.unmatched.keys() - {Rule.OUTSIDE}
    hint = " (crm-sms unmatched list)" if listed else ""
    yield f"texts without a person: {_counts(crm.unmatched)}{hint}"
    ages = ", ".join(f"{part} {_ago(when, at)}" for part, when in crm.mirror.items())
    yield f"mirror: {ages or 'never pulled (crm-sms sync people)'}"
    yield f"last request: {_request(crm.last_request, at)}"
    if crm.mapping:
        yield f"mapping: {crm.mapping}"
    if crm.behind:
        yield f"nothing is written: {crm.behind}"
    if crm.pause:
        yield f"left alone until {cell(crm.pause.until)}: {crm.pause.why}"


def _request(last: LastRequest | None, at: datetime) -> str:
    if last is None:
        return "none yet"
    when = f"{_ago(last.started_at, at)}, {many(last.rows, 'row', 'rows')}"
    if last.ended_at is None:
        return f"{when}, under way or cut off"
    return f"{when}: {last.done or 0} done, {last.unclear or 0} unclear, {last.parked or 0} parked"


def _counts(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"


def _ago(when: datetime, at: datetime) -> str:
    """In the largest unit that gives a whole number above one: `3 min ago`."""
    seconds = max(0, int((at - when).total_seconds()))
    for size, name in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {name} ago"
    return f"{seconds} s ago"
