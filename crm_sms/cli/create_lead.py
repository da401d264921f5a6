"""`crm-sms unmatched create-lead`: a lead for a number that nobody holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crm_sms.cli.installation import chosen, installation, wake
from crm_sms.cli.screen import FAILED, AsJson, answer, complain, many

if TYPE_CHECKING:
    from crm_sms.use_cases.new_lead import LeadMade, LeadPlan


def create_lead(
    ctx: typer.Context,
    number: Annotated[str, typer.Argument(help="The number, as +12025550123.")],
    crm: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which CRM, if there are several.")
    ] = None,
    last_name: Annotated[
        str | None, typer.Option(help="By default `SMS` and the number.", show_default=False)
    ] = None,
    company: Annotated[
        str | None, typer.Option(help="By default `[not provided]`.", show_default=False)
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be made, and make nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before it is made.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a lead with a number that nobody holds, and have the number's texts go there.

    If somebody in the CRM holds it by now, none is made and the texts go to them. Can be repeated.
    """
    from crm_sms.bootstrap import syncing
    from crm_sms.use_cases.new_lead import create_lead as make
    from crm_sms.use_cases.new_lead import plan_lead

    with installation(ctx) as app:
        used = syncing(app, chosen(app, crm))
        plan = plan_lead(used, number, last_name, company)
        if not as_json or dry_run:
            answer(_document(plan, None), as_json, lambda: _planned(plan))
        if dry_run:
            return
        if not yes and plan.person is None and not typer.confirm("make this lead?", err=True):
            complain("nothing was made")
            raise typer.Exit(FAILED)
        made = make(used, plan)
        wake(app)
    if as_json:
        answer(_document(plan, made), as_json, lambda: ())
    else:
        answer(None, as_json, lambda: _done(plan, made))


def _document(plan: LeadPlan, made: LeadMade | None) -> dict[str, Any]:
    return {
        "crm": plan.crm,
        "object": plan.object,
        "fields": plan.fields,
        "dry_run": made is None,
        "made": made is not None and made.made,
        "id": made.id if made else None,
        "person": made.person if made else plan.person,
        "texts": made.texts if made else plan.texts,
        "left_out": made is not None and made.left_out,
    }


def _planned(plan: LeadPlan) -> Iterator[str]:
    texts = many(plan.texts, "text goes", "texts go")
    if plan.person:
        held = f"{plan.person.kind} {plan.person.name} {plan.person.id} holds the number by now"
        yield f"{held} in {plan.crm}: no lead is made, {texts} there"
        return
    yield f"a new {plan.object} in {plan.crm}, to which {texts}:"
    for name, value in plan.fields.items():
        yield f"  {name} = {value}"


def _done(plan: LeadPlan, made: LeadMade) -> Iterator[str]:
    if made.made:
        yield f"made: {plan.object} {made.id} in {plan.crm}"
    if made.left_out:
        yield "the mapping leaves them out (people.*.where): the texts still concern nobody"
    elif made.person:
        person = f"{made.person.kind} {made.person.name} {made.person.id}"
        yield f"{many(made.texts, 'text goes', 'texts go')} to {person}"
    else:
        yield f"{plan.crm} does not show it yet: the texts go there after the next sync"
