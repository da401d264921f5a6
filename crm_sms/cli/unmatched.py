"""`crm-sms unmatched`: texts that concern nobody yet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crm_sms.cli.create_lead import create_lead
from crm_sms.cli.installation import installation, wake
from crm_sms.cli.screen import AsJson, answer, many, table
from crm_sms.phone import masked

if TYPE_CHECKING:
    from crm_sms.use_cases.unmatched import Candidate, Unmatched

unmatched = typer.Typer(help="Texts whose person is not known.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Adds this group's commands."""
    unmatched.command(name="create-lead")(create_lead)
    app.add_typer(unmatched, name="unmatched")


@unmatched.command(name="list")
def list_unmatched(
    ctx: typer.Context,
    show_numbers: Annotated[
        bool, typer.Option("--show-numbers", help="Show whole numbers, not masked ones.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List numbers whose texts concern nobody: why, since when, and who could be meant."""
    from crm_sms.use_cases.unmatched import unmatched as find

    with installation(ctx) as app:
        found = find(app.ledger, tuple(app.settings.crms))
    shown = [_document(one, show_numbers) for one in found]
    answer({"unmatched": shown}, as_json, lambda: _shown(shown, show_numbers))


def _document(one: Unmatched, show_numbers: bool) -> dict[str, Any]:
    """`assign` is a command for each candidate, `create_lead` one where nobody holds the number;
    they hold the number, so they are not always there."""
    number = one.number if show_numbers or one.number is None else masked(one.number)
    return {
        "crm": one.crm,
        "number": number,
        "texts": one.texts,
        "reason": one.rule,
        "last_at": one.last_at,
        "candidates": one.candidates,
        "assign": [
            f"crm-sms unmatched assign {number} {id} --crm {one.crm}"
            for id in [person.id for person in one.candidates] or ["PERSON_ID"]
            if show_numbers and number
        ],
        "create_lead": (
            f"crm-sms unmatched create-lead {number} --crm {one.crm}"
            if show_numbers and number and one.rule == "unknown"
            else None
        ),
    }


def _shown(found: list[dict[str, Any]], show_numbers: bool) -> Iterator[object]:
    if not found:
        yield "every text has its person"
        return
    columns = ("number", "crm", "texts", "reason", "last_at")
    yield table(
        *(name.replace("_at", " text") for name in columns),
        "candidates",
        rows=[
            [
                *(one[name] for name in columns),
                "\n".join(map(_candidate, one["candidates"])),
            ]
            for one in found
        ],
    )
    for one in found:
        yield from one["assign"]
        yield from filter(None, [one["create_lead"]])
    if not show_numbers:
        yield "for whole numbers and the commands to assign them: --show-numbers"


def _candidate(one: Candidate) -> str:
    from crm_sms.use_cases.unmatched import Likeness

    hints = {Likeness.OTHER_FORM: ": another form of it", Likeness.TYPED: ": typed like it"}
    return f"{one.kind} {one.name} {one.id}{hints.get(one.likeness, '')}"


@unmatched.command()
def assign(
    ctx: typer.Context,
    number: Annotated[str, typer.Argument(help="The number, as +12025550123.")],
    person_id: Annotated[str, typer.Argument(help="The CRM's id of the contact or lead.")],
    crm: Annotated[
        str | None, typer.Option(help="The CRM's name, if the id exists in several.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say whose number it is: its texts, past and future, go to that person."""
    import getpass

    from crm_sms.bootstrap import full_id
    from crm_sms.use_cases.unmatched import assign as store

    with installation(ctx) as app:
        if crm is not None and crm not in app.settings.crms:
            raise typer.BadParameter(f"use one of {', '.join(app.settings.crms)}")
        done = store(
            app.ledger,
            number,
            {name: full_id(app, name)(person_id) for name in ([crm] if crm else app.settings.crms)},
            region=app.settings.region_of(crm) if crm else app.settings.default_region,
            by=getpass.getuser(),
            now=app.clock(),
        )
        wake(app)
    person = f"{done.person.kind} {done.person.name} {done.person.id}"
    texts = many(done.texts, "text goes", "texts go")
    answer(done, as_json, lambda: [f"{texts} to {person} in {done.crm}"])
