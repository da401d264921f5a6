"""`crm-sms parked`: what could not be written, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crm_sms.cli.installation import installation, wake
from crm_sms.cli.screen import PARKED, AsJson, answer, cell, complain, many, table
from crm_sms.cli.status import left_behind_lines

if TYPE_CHECKING:
    from crm_sms.bootstrap import App
    from crm_sms.ledger.parked import Parked
    from crm_sms.records import Reason
    from crm_sms.use_cases.causes import Cause
    from crm_sms.use_cases.parked import Picked

parked = typer.Typer(help="Records that could not be written, and why.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Adds this group's commands."""
    app.add_typer(parked, name="parked")


Ids = Annotated[list[int] | None, typer.Argument(help="Numbers from `parked list`.")]
ByReason = Annotated[str | None, typer.Option("--reason", help="Only rows with this reason.")]
ByCause = Annotated[
    str | None, typer.Option("--cause", help="Only rows with this cause, from `parked list`.")
]


@parked.command(name="list")
def list_parked(
    ctx: typer.Context,
    reason: ByReason = None,
    cause: ByCause = None,
    each: Annotated[bool, typer.Option("--rows", help="Show every row, not only causes.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what parked records by cause, each cause with its remedy and what a retry would free.

    Names CRMs that are not in the settings, with all that is left of theirs.
    """
    from crm_sms.use_cases.causes import cause_of, causes
    from crm_sms.use_cases.parked import parked as find
    from crm_sms.use_cases.status import left_behind

    with installation(ctx) as app:
        rows = find(app.ledger, _reason(reason))
        with app.ledger.read() as connection:
            others = left_behind(connection, app.settings.crms)
    rows = [row for row in rows if cause in (None, cause_of(row))]
    found = causes(rows)
    document = {
        "causes": found,
        "rows": [_document(row) for row in rows],
        "left_behind": others,
    }
    shown = [*_causes(found), *(_rows(rows) if each else ()), *left_behind_lines(others)]
    answer(document, as_json, lambda: shown)


def _document(row: Parked) -> dict[str, Any]:
    from crm_sms.use_cases.causes import cause_of

    names = ("id", "crm", "object", "key", "reason", "detail", "since", "tries")
    named = {name: getattr(row, name) for name in names}
    return named | {"lane": row.lane.name.lower(), "cause": cause_of(row)}


def _causes(found: Sequence[Cause]) -> Iterator[object]:
    if not found:
        yield "nothing is parked"
    for one in found:
        records = many(one.rows, "record", "records")
        yield f"{one.reason.value}: {records} of {one.object} in {one.crm}, cause {one.id}"
        yield f"  {one.detail or 'the CRM said nothing more'}"
        yield f"  since {cell(one.since)}, lanes: {', '.join(one.lanes)}"
        yield f"  for example row {one.row}: {one.example}"
        yield f"  Remedy: {one.remedy}"
        again = f"has {many(one.rows, 'record', 'records')} written again"
        yield f"  crm-sms parked retry --cause {one.id} {again}\n"


def _rows(rows: Sequence[Parked]) -> Iterator[object]:
    if rows:
        yield table(
            "id",
            "crm",
            "lane",
            "record",
            "since",
            "reason",
            "detail",
            rows=[
                (
                    row.id,
                    row.crm,
                    row.lane.name.lower(),
                    f"{row.object} {row.key}",
                    row.since,
                    row.reason.value,
                    row.detail,
                )
                for row in rows
            ],
        )


@parked.command()
def retry(
    ctx: typer.Context,
    ids: Ids = None,
    reason: ByReason = None,
    cause: ByCause = None,
    every: Annotated[bool, typer.Option("--all", help="All parked rows.")] = False,
    as_json: AsJson = False,
) -> None:
    """Have records written again, once their remedy is applied.

    Ends with 3 if an id or cause is not parked.
    """
    from crm_sms.use_cases.parked import retry as again

    with installation(ctx) as app:
        done = again(app.ledger, _picked(app, ids, reason, cause, every), app.clock())
        wake(app)
    _report(done, "to be written again", as_json)


@parked.command()
def drop(
    ctx: typer.Context,
    ids: Ids = None,
    reason: ByReason = None,
    cause: ByCause = None,
    crm: Annotated[
        str | None, typer.Option(help="All rows of a CRM that is not in the settings.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Give records up for good; their texts stay in the ledger. Opt-outs only go by their id, or
    with their CRM.

    Ends with 3 if an id or cause is not parked.
    """
    from crm_sms.use_cases.parked import drop as give_up
    from crm_sms.use_cases.parked import drop_all_of
    from crm_sms.use_cases.parked import parked as find

    with installation(ctx) as app:
        if crm is not None:
            _must_be_left_behind(app, crm, alone=not ids and not reason and not cause)
            _report(drop_all_of(app.ledger, crm), "dropped", as_json)
            return
        picked = _picked(app, ids, reason, cause, False)
        if not ids:
            picked = _without_opt_outs(picked, find(app.ledger))
        done = give_up(app.ledger, picked)
    _report(done, "dropped", as_json)


def _must_be_left_behind(app: App, crm: str, *, alone: bool) -> None:
    if not alone:
        raise typer.BadParameter("say which rows: ids, a cause, a reason, or one CRM")
    if crm in app.settings.crms:
        known = f"{crm} is in the settings: its rows go by their ids or reason"
        raise typer.BadParameter(known, param_hint="--crm")


def _without_opt_outs(picked: list[int], rows: list[Parked]) -> list[int]:
    from crm_sms.records import Lane

    nos = {row.id for row in rows if row.lane is Lane.OPT_OUT}
    kept = [str(id) for id in picked if id in nos]
    if kept:
        complain(f"opt-outs stay; to give them up too: crm-sms parked drop {' '.join(kept)}")
    return [id for id in picked if id not in nos]


def _reason(given: str | None) -> Reason | None:
    from crm_sms.records import Reason

    if given is not None and given not in list(Reason):
        raise typer.BadParameter(f"use one of {', '.join(Reason)}", param_hint="--reason")
    return Reason(given) if given else None


def _picked(
    app: App, ids: list[int] | None, reason: str | None, cause: str | None, every: bool
) -> list[int]:
    """What was asked for, in exactly one of the ways."""
    from crm_sms.use_cases.causes import cause_of
    from crm_sms.use_cases.parked import parked as find

    if [bool(ids), reason is not None, cause is not None, every].count(True) != 1:
        raise typer.BadParameter("say which rows: their ids, all of one cause, or of one reason")
    if ids:
        return ids
    rows = find(app.ledger, _reason(reason))
    found = [row.id for row in rows if cause in (None, cause_of(row))]
    if cause and not found:
        complain(f"no row is parked with the cause {cause}; see crm-sms parked list")
        raise typer.Exit(PARKED)
    return found


def _report(done: Picked, what: str, as_json: bool) -> None:
    answer(done, as_json, lambda: [f"{done.rows} {what}"])
    if done.missing:
        complain(f"not parked: {', '.join(map(str, done.missing))}; see crm-sms parked list")
        raise typer.Exit(PARKED)
