"""`crm-sms db`: the ledger's schema, and a ledger that was restored."""

from __future__ import annotations

import typer

from crm_sms.cli.installation import installation, wake
from crm_sms.cli.screen import PARKED, AsJson, answer, many
from crm_sms.errors import WrongSchema

db = typer.Typer(help="Look after the ledger.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Adds this group's commands."""
    app.add_typer(db, name="db")


@db.command()
def upgrade(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Bring the ledger to the schema of this program. Safe to repeat."""
    from crm_sms.ledger import schema
    from crm_sms.use_cases import digest_key

    with installation(ctx, any_schema=True) as app:
        before = schema.current(app.ledger)
        after = schema.upgrade(app.ledger)
        digest_key.keep(app.ledger)
    line = f"the ledger is at schema {after}" + ("" if before == after else f", was {before}")
    if before is None:
        line = f"the ledger is new, at schema {after}"
    answer({"before": before, "revision": after}, as_json, lambda: [line])


@db.command()
def restored(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Say that the ledger was restored from a backup and has what it lacked: write to CRMs again.

    First bring it what it lacks, with crm-sms sync provider --since and crm-sms sync people.
    """
    from crm_sms.use_cases.restored import restored as say

    with installation(ctx) as app:
        found = say(app.ledger, tuple(app.settings.crms), app.clock())
        wake(app)
    looked_up = {crm: {"looked_up": rows} for crm, rows in found.items()}
    answer(looked_up, as_json, lambda: [_again(crm, rows) for crm, rows in found.items()])


def _again(crm: str, rows: int) -> str:
    waiting = many(rows, "record that waits is", "records that wait are")
    return f"{crm} is written to again; {waiting} looked up before"


@db.command()
def current(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Say which schema the ledger has, and which one this program needs.

    Ends with 3 if they differ.
    """
    from crm_sms.ledger import schema

    with installation(ctx, any_schema=True) as app:
        found, needed = schema.current(app.ledger), schema.head()
        line = f"the ledger is at schema {found}, this program needs {needed}"
        try:
            schema.require(app.ledger)
        except WrongSchema as error:
            line = str(error)
    document = {"revision": found, "needed": needed, "current": found == needed}
    answer(document, as_json, lambda: [line])
    if found != needed:
        raise typer.Exit(PARKED)
