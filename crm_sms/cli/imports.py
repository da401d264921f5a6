"""`crm-sms import`: texts that a provider exported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crm_sms.cli.installation import installation, wake
from crm_sms.cli.screen import PARKED, AsJson, answer, bars, complain, many, table

if TYPE_CHECKING:
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
        "duplicates": report.duplicates,
        "opt_outs": report.opt_outs,
        "kinds": [
            {"kind": kind, "direction": direction, "status": status or None, "rows": rows}
            for (kind, direction, status), rows in sorted(report.sorts.items())
        ],
        "refused": [{"row": row.number, "reason": row.refused} for row in report.refused],
    }


def _shown(report: ImportReport, dry_run: bool) -> Iterator[object]:
    would = "would be " if dry_run else ""
    yield f"{report.rows} rows: {report.new} {would}stored, {report.duplicates} known already"
    yield f"{report.opt_outs} opt-outs among the new ones"
    yield table(
        "kind",
        "direction",
        "status",
        "rows",
        rows=[(*sort, rows) for sort, rows in sorted(report.sorts.items())],
    )
    if report.refused:
        yield table("row", "refused because", rows=[(r.number, r.refused) for r in report.refused])
