"""`crm-sms init`: a new installation."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from crm_sms.cli.screen import AsJson, answer

if TYPE_CHECKING:
    from crm_sms.use_cases.init import Made


def add_to(app: typer.Typer) -> None:
    """Adds this group's commands."""
    app.command()(init)


def init(
    ctx: typer.Context,
    mapping: Annotated[
        bool, typer.Option("--mapping", help="Copy the mapping file too, to edit it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write crm-sms.toml and .env, make the ledger, and say what to fill in. Overwrites nothing."""
    from crm_sms.bootstrap import installation
    from crm_sms.ledger import schema
    from crm_sms.use_cases import digest_key
    from crm_sms.use_cases.init import copy_mappings, write_files

    folder = ctx.obj.absolute()
    made = write_files(folder)
    app = installation(folder, os.environ)
    try:
        revision = schema.upgrade(app.ledger)
        digest_key.keep(app.ledger)
        digest_key.require(app.ledger)
        if mapping:
            crms = app.settings.crms.values()
            made += copy_mappings(folder, {crm.mapping or crm.adapter for crm in crms})
    finally:
        app.close()
    document = {
        "files": [{"file": str(one.file), "new": one.new} for one in made],
        "revision": revision,
        "next": NEXT,
    }
    answer(document, as_json, lambda: _shown(made, revision))


NEXT = (
    "fill in what has no default in crm-sms.toml, and the secrets in .env",
    "crm-sms doctor",
    "crm-sms sync people",
    "crm-sms serve --with-worker",
)
"""What an admin does after this command, one after the other."""


def _shown(made: list[Made], revision: str) -> Iterator[object]:
    for one in made:
        yield f"{'written' if one.new else 'left as it was'}: {one.file}"
    yield f"the ledger is at schema {revision}"
    yield "\nnext:"
    for number, step in enumerate(NEXT, 1):
        yield f"{number}. {step}"
