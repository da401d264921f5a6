"""`crm-sms import`: texts that a provider exported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crm_sms.cli.installation import installation, wake
from crm_sms.cli.screen import PARKED, AsJson, answer, bars, complain, many, table

if TYPE_CHECKING:
    from crm_sms.ports import ExportRow
    from crm_sms.use_cases.import_texts import ImportReport


def add_to(app: typer.Typer) -> None:
    """Adds this group's commands."""
    app.command(name="import")(import_)


def import_(
    ctx: typer.Context,
    provider: Annotated[str, typer.Argument(help="The provider's name in the settings.")],
    file: Annotated[
        Path, typer.Argument(help="What it exported.", exists=True, dir_okay=False, readable=True)
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count only; nothing is stored.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Store the texts of a provider's export, as if its callbacks had brought them.

    Ends with 3 if rows were refused.
    """
    from crm_sms.use_cases.import_texts import import_texts

    with installation(ctx) as app, bars() as tell:
        if provider not in app.providers:
            names = ", ".join(app.providers) or "none"
            raise typer.BadParameter(f"no provider is called {provider}; there are: {names}")
        report = import_texts(
            app.ledger,
            app.providers[provider],
            file,
            app.clock(),
            dry_run=dry_run,
            progress=lambda rows: tell("rows", rows, None),
        )
        if not dry_run:
            wake(app)
    answer(_document(report, dry_run), as_json, lambda: _shown(report, dry_run))
    if report.refused:
        refused = many(len(report.refused), "row was", "rows were")
        complain(f"{refused} refused; correct them and import again")
        raise typer.Exit(PARKED)


def _document(report: ImportReport, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "rows": report.rows,
        "new": report.new,
        "new_texts": report.new_texts,
        "duplicates": report.duplicates,
        "opt_outs": report.opt_outs,
        "kinds": [
            {"direction": direction, "status": status or None, "rows": rows}
            for (direction, status), rows in sorted(report.sorts.items())
        ],
        "refused": [{"place": row.place, "reason": row.refused} for row in report.refused],
    }


_MOST_SHOWN = 20
_SENT_OR_REPLY = {"outbound": "sent", "inbound": "reply"}


def _shown(report: ImportReport, dry_run: bool) -> Iterator[object]:
    if dry_run:
        yield "dry run: nothing is stored"
    counts = {
        "new texts": report.new_texts,
        "known texts that learn something": report.new - report.new_texts,
        "known already": report.duplicates,
        "refused": len(report.refused),
        "opt-outs among the new": report.opt_outs,
    }
    yield table("texts in the file", "", rows=counts.items())
    sorts = sorted(report.sorts.items())
    rows = [(_SENT_OR_REPLY[direction], status, rows) for (direction, status), rows in sorts]
    if rows:
        yield table("of these", "status", "", rows=rows)
    yield from _refused(report.refused)


def _refused(rows: Sequence[ExportRow]) -> Iterator[object]:
    if rows:
        shown = [(row.place, row.refused) for row in rows[:_MOST_SHOWN]]
        yield table("refused", "because", rows=shown)
    if len(rows) > _MOST_SHOWN:
        yield f"and {len(rows) - _MOST_SHOWN} more; all of them with --json"
