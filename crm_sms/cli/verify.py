"""`crm-sms verify`: does the CRM hold what the ledger says?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import typer

from crm_sms.cli.installation import installation
from crm_sms.cli.screen import FAILED, PARKED, AsJson, answer, bars, complain, many, table

if TYPE_CHECKING:
    from crm_sms.bootstrap import App
    from crm_sms.cli.screen import Bars
    from crm_sms.use_cases.verify import VerifyReport


def add_to(app: typer.Typer) -> None:
    """Adds this group's commands."""
    app.command()(verify)


def verify(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Compare every record of the CRMs that is ours with the ledger, field by field. Writes
    nothing.

    Ends with 3 if they differ.
    """
    reports: dict[str, VerifyReport] = {}
    failures: dict[str, str] = {}
    with installation(ctx) as app, bars() as tell:
        for name in app.settings.crms:
            _verify(app, name, tell, reports, failures)
    if not reports and not failures:
        complain("no CRM is configured: add a table [crms.NAME] to crm-sms.toml")
    document = {name: _document(report) for name, report in reports.items()}
    document |= {name: {"failure": failure} for name, failure in failures.items()}
    answer(document, as_json, lambda: _shown(reports))
    for name, failure in failures.items():
        complain(f"{name}: {failure}")
    if failures:
        raise typer.Exit(FAILED)
    if not all(report.agrees for report in reports.values()):
        raise typer.Exit(PARKED)


def _verify(
    app: App, name: str, tell: Bars, reports: dict[str, VerifyReport], failures: dict[str, str]
) -> None:
    """One CRM that cannot be asked holds up no other."""
    from crm_sms.bootstrap import verifying
    from crm_sms.errors import CrmSmsError
    from crm_sms.use_cases.verify import calls_needed
    from crm_sms.use_cases.verify import verify as compare

    try:
        prepared = verifying(app, name)
        complain(f"{name}: this takes about {many(calls_needed(prepared), 'call', 'calls')}")
        reports[name] = compare(
            prepared, progress=lambda what, done, total: tell(f"{name} {what}", done, total)
        )
    except CrmSmsError as error:
        failures[name] = str(error)


def _document(report: VerifyReport) -> dict[str, Any]:
    return {
        "agrees": report.agrees,
        "calls": report.calls,
        "compared": dict(report.compared),
        "counts": {kind.value: count for kind, count in report.counts.items()},
        "findings": report.examples,
        "failure": "",
    }


def _shown(reports: dict[str, VerifyReport]) -> Iterator[object]:
    for name, report in reports.items():
        compared = ", ".join(f"{count} {what}" for what, count in sorted(report.compared.items()))
        verdict = "agrees with the ledger" if report.agrees else "differs from the ledger"
        calls = many(report.calls, "call", "calls")
        yield f"{name} {verdict}: {compared or 'no records'} compared in {calls}"
        yield from _counts(report)


def _counts(report: VerifyReport) -> Iterator[object]:
    """Every kind with its count, differences first, and with its first records."""
    from crm_sms.use_cases.verify import DIFFERENCES, Kind

    for kind in Kind:
        if count := report.counts[kind]:
            said = "" if kind in DIFFERENCES else " (no difference)"
            yield f"\n{kind.value}: {count}{said}"
            yield table(
                "record",
                "field",
                "why",
                "id",
                rows=[
                    (f"{one.object} {one.key}", one.field, one.why, one.crm_id)
                    for one in report.examples
                    if one.kind is kind
                ],
            )
