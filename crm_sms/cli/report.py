"""`crm-sms report`: how things go, from what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crm_sms.cli.installation import chosen, installation
from crm_sms.cli.screen import AsJson, answer, many, table

if TYPE_CHECKING:
    from crm_sms.use_cases.matching_report import Group, MatchingReport

report = typer.Typer(help="How things go, from what is stored.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Adds this group's commands."""
    app.add_typer(report, name="report")


@report.command()
def matching(
    ctx: typer.Context,
    crm: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this CRM.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show how many texts found their person, by which rule; how many did not, and what to do."""
    from crm_sms.use_cases.matching_report import matching_report

    with installation(ctx) as app:
        names = [chosen(app, crm)] if crm else list(app.settings.crms)
        found = [matching_report(app.ledger, name) for name in names]
    document = {"crms": {one.crm: _document(one) for one in found}}
    answer(document, as_json, lambda: [line for one in found for line in _shown(one)])


def _document(one: MatchingReport) -> dict[str, Any]:
    return {
        "texts": one.texts,
        "matched": one.matched,
        "shared": one.shared,
        "nobody": one.nobody,
        "unparsed": one.unparsed,
        "unparsed_remedy": one.unparsed_remedy,
    }


def _shown(one: MatchingReport) -> Iterator[object]:
    yield f"{one.crm}: {many(one.texts, 'text', 'texts')}"
    if one.texts:
        shared = [one.shared] if one.shared.texts else []
        kinds = (("matched", one.matched), ("of these", shared), ("nobody", one.nobody))
        rows = [(kind, *_cells(group)) for kind, groups in kinds for group in groups]
        yield table("", "rule", "texts", "numbers", "for example", rows=rows)
        for group in (*shared, *one.nobody):
            if group.remedy:
                yield f"→ {group.rule}: {group.remedy}"
    if one.unparsed:
        yield ""
        yield table(
            "phones that are no number",
            "",
            "for example",
            rows=[
                (
                    f"{place.object}.{place.field}",
                    place.phones,
                    "\n".join(f"{e.shown}  ({e.person_id})" for e in place.examples),
                )
                for place in one.unparsed
            ],
        )
        yield f"→ {one.unparsed_remedy}"


def _cells(group: Group) -> tuple[object, ...]:
    alike = f"{group.look_alike} look like somebody's" if group.look_alike else ""
    shown = [*group.examples, alike]
    return group.rule, group.texts, group.numbers, ", ".join(filter(None, shown))
