"""The command itself: its groups, its one global option, and what becomes of errors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from crm_sms.cli import (
    database,
    demo,
    doctor,
    imports,
    init,
    parked,
    plan,
    report,
    running,
    sandbox,
    serving,
    status,
    sync_provider,
    unmatched,
    verify,
)
from crm_sms.cli.screen import FAILED, complain, forgive
from crm_sms.errors import CrmSmsError


class Commands(TyperGroup):
    """Ends with one message and the remedy, not with a stack trace, for every error of our tree."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command that was named."""
        try:
            return super().invoke(ctx)
        except CrmSmsError as error:
            complain(str(error))
            raise typer.Exit(FAILED) from None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",  # sets paragraphs anew; "rich" breaks them where the source does
    pretty_exceptions_enable=False,
    help="Puts text messages on the records of your CRM.",
    epilog="Ends with 0 if all was done, 1 if something failed, 2 if it was called wrongly, 3 if "
    "it was done but something is parked or missing.",
)
for group in (
    init,
    doctor,
    plan,
    database,
    serving,
    running,
    sync_provider,
    imports,
    status,
    unmatched,
    verify,
    parked,
    report,
    sandbox,
    demo,
):
    group.add_to(app)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"crm-sms {version('crm-sms')}")
        raise typer.Exit


@app.callback()
def _everywhere(
    ctx: typer.Context,
    folder: Annotated[
        Path,
        typer.Option(
            help="Where crm-sms.toml and .env are; by default the current folder.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ] = Path(),
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    ctx.obj = folder


def main() -> None:
    """Runs the command line."""
    forgive()
    app(prog_name="crm-sms")
