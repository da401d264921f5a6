"""`crm-sms plan`: what a CRM needs before texts can be put on its records."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crm_sms.cli.installation import chosen, installation
from crm_sms.cli.plan_calls import plan_calls
from crm_sms.cli.screen import PARKED, AsJson, answer, table

if TYPE_CHECKING:
    from crm_sms.bootstrap import App
    from crm_sms.ports import Finding
    from crm_sms.use_cases.install_plan import Written


def add_to(app: typer.Typer) -> None:
    """Adds this group's commands."""
    app.command()(plan)


def plan(
    ctx: typer.Context,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write what an admin deploys to this folder."),
    ] = None,
    calls: Annotated[
        bool, typer.Option("--calls", help="Say what a day of texts will cost, with --volume.")
    ] = False,
    volume: Annotated[
        str | None, typer.Option("--volume", metavar="N/day", help="How many texts are sent.")
    ] = None,
    crm: Annotated[
        str | None, typer.Option("--crm", metavar="NAME", help="Which CRM, if there are several.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite files that crm-sms did not write.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Before texts go to a CRM: write the project that brings it our fields, or count its calls.

    Ends with 3 if the mapping names a field that the project has to leave out, or if the calls do
    not fit the CRM's quota.
    """
    if (out is None) is not calls:
        raise typer.BadParameter("name a folder with --out, or ask for --calls")
    texts_a_day = _texts_a_day(volume) if calls else None
    with installation(ctx, any_schema=True) as app:
        name = chosen(app, crm)
        if out is not None:
            left = _project(app, name, out, force, as_json)
        else:
            left = plan_calls(app, name, texts_a_day or 0.0, as_json)
    if left:
        raise typer.Exit(PARKED)


def _project(app: App, name: str, out: Path, force: bool, as_json: bool) -> bool:
    """Whether something was left out."""
    from crm_sms.bootstrap import project
    from crm_sms.use_cases.install_plan import write_project

    done = write_project(project(app, name), out.absolute(), force=force)
    answer(_document(name, done), as_json, lambda: _shown(done))
    return bool(done.left_out)


def _texts_a_day(volume: str | None) -> float:
    """`20000/day`; commas and underscores may part thousands."""
    found = re.fullmatch(r"(\d[\d,_]*)/day", volume or "")
    if found is None:
        raise typer.BadParameter("say how many texts, as in 20000/day", param_hint="--volume")
    return float(re.sub("[,_]", "", found[1]))


def _document(name: str, done: Written) -> dict[str, Any]:
    return {
        "crm": name,
        "folder": str(done.folder),
        "written": done.written,
        "unchanged": done.unchanged,
        "removed": done.removed,
        "findings": [_finding(one) for one in done.findings],
    }


_VERDICTS = {None: "derived", False: "left out"}


def _finding(finding: Finding) -> dict[str, str]:
    return {
        "field": finding.subject,
        "verdict": _VERDICTS.get(finding.ok, ""),
        "text": finding.text,
        "remedy": finding.remedy,
    }


def _shown(done: Written) -> Iterator[object]:
    files = len(done.written) + len(done.unchanged)
    yield (
        f"{done.folder}: {files} files, {len(done.written)} of them written, "
        f"{len(done.removed)} removed that are not wanted any more"
    )
    if done.findings:
        yield table("", "field", "what", rows=map(_row, done.findings))
    yield f"next: read {done.folder / 'README.md'}, it has the commands to deploy it"


def _row(finding: Finding) -> tuple[str, str, str]:
    verdict = _VERDICTS.get(finding.ok, "")
    return verdict, finding.subject, f"{finding.text}\n→ {finding.remedy}"
