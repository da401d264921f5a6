"""`crm-sms db`: the ledger's schema."""

from __future__ import annotations

import typer

from crm_sms.cli.installation import installation
from crm_sms.cli.screen import PARKED, AsJson, answer
from crm_sms.errors import WrongSchema

db = typer.Typer(help="Look after the ledger's schema.", no_args_is_help=True)


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
