"""`crm-sms sync`, `process` and `deliver`: each job once, as cron or an admin calls it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from crm_sms.cli.installation import installation, wake
from crm_sms.cli.rehearsal import rehearsal
from crm_sms.cli.screen import FAILED, PARKED, AsJson, answer, bars, complain, counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crm_sms.bootstrap import App
    from crm_sms.engine.jobs import Once

sync = typer.Typer(help="Pull from the CRMs and providers, once.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Adds this group's commands."""
    app.add_typer(sync, name="sync")
    app.command()(process)
    app.command()(deliver)


@sync.command()
def people(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Bring the mirror up to date: people, owners, opportunities, as far as they changed."""
    with installation(ctx) as app:
        done = _once(app, "sync people")
        wake(app)
    report(done, as_json)


@sync.command(name="all")
def sync_all(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Pull, list, process and deliver, once: what cron calls where no worker runs.

    Records do not wait for company here: cron has gathered them.
    """
    from crm_sms.engine.jobs import JOBS, without_windows

    with installation(ctx) as app:
        done = _once(without_windows(app), *(job.name for job in JOBS))
    report(done, as_json)


def process(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Plan what waits in the inbox: match texts to people, say what the CRMs should hold."""
    with installation(ctx) as app:
        done = _once(app, "process")
        wake(app)
    report(done, as_json)


def deliver(
    ctx: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what all that waits would write; write nothing.")
    ] = False,
    show_records: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            help="In a dry run, show N records of each object with their values.",
        ),
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Write what is due to the CRMs. Records whose window has not ended yet keep waiting."""
    if show_records and not dry_run:
        raise typer.BadParameter("--show-records goes with --dry-run")
    with installation(ctx) as app:
        if dry_run:
            rehearsal(app, as_json, show_records)
            return
        done = _once(app, "deliver")
    report(done, as_json)


def _once(app: App, *names: str) -> list[Once]:
    from crm_sms.engine.jobs import once

    with bars() as tell:
        return once(app, names, tell)


def report(done: list[Once], as_json: bool, table: str = "crms") -> None:
    """Print what became of some runs, and end as they did; `table` of the settings says for what
    there would have been runs."""
    answer(_document(done), as_json, lambda: _lines(done))
    if not done:
        complain(f"nothing is configured for this: add a table [{table}.NAME] to crm-sms.toml")
    if missed := sum(one.missed for one in done):
        complain(f"callbacks of {missed} texts never came; crm-sms doctor says what to look at")
    if any(one.failure for one in done):
        raise typer.Exit(FAILED)
    if any(one.parked or one.missed for one in done):
        raise typer.Exit(PARKED)


def _document(done: list[Once]) -> dict[str, Any]:
    """By job, then by CRM or provider where a job runs for each; `failure` is empty if all went
    well."""
    document: dict[str, Any] = {}
    for one in done:
        place = document.setdefault(one.job.replace(" ", "_"), {})
        place = place.setdefault(one.scope, {}) if one.scope else place
        place |= {"report": one.report, "failure": one.failure}
    return document


def _lines(done: list[Once]) -> Iterator[str]:
    for one in done:
        name = f"{one.job} {one.scope}".strip()
        yield f"{name}: {one.failure or counted(one.report)}"
