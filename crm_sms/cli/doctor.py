"""`crm-sms doctor`: what is well, what is not, and the remedy."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crm_sms.cli.installation import must_be_one
from crm_sms.cli.screen import FAILED, PARKED, AsJson, answer, table
from crm_sms.errors import CrmSmsError

if TYPE_CHECKING:
    from crm_sms.ports import Finding
    from crm_sms.use_cases.doctor import Diagnosis


def add_to(app: typer.Typer) -> None:
    """Adds this group's commands."""
    app.command()(doctor)


_TestCallback = Annotated[
    bool, typer.Option("--callback", help="Also post a signed test callback to public_url.")
]


def doctor(ctx: typer.Context, callback: _TestCallback = False, as_json: AsJson = False) -> None:
    """Check settings, credentials, mapping, schema and queues, each finding with its remedy.

    Ends with 1 if anything failed, 3 if records are parked or belong to a CRM that is not in the
    settings, or if callbacks were missed.
    """
    diagnosis = _diagnosis(ctx, callback)
    answer(_document(diagnosis), as_json, lambda: _shown(diagnosis))
    if diagnosis.failed:
        raise typer.Exit(FAILED)
    if diagnosis.parked or diagnosis.missed:
        raise typer.Exit(PARKED)


def _diagnosis(ctx: typer.Context, callback: bool) -> Diagnosis:
    from functools import partial

    from crm_sms import logs
    from crm_sms.bootstrap import full_id, installation, planner
    from crm_sms.use_cases.doctor import Patient, unreadable
    from crm_sms.use_cases.doctor import doctor as look

    logs.configure()
    try:
        must_be_one(ctx.obj)
        app = installation(ctx.obj, os.environ)
        app.clock()  # may be a file that holds no time
    except CrmSmsError as error:
        return unreadable(error)
    try:
        return look(
            Patient(
                settings=app.settings,
                ledger=app.ledger,
                clock=app.clock,
                providers=app.providers,
                crms=app.crms,
                planner=partial(planner, app),
                full_id=partial(full_id, app),
            ),
            test_callbacks=callback,
        )
    finally:
        app.close()


_VERDICTS: Mapping[bool | None, str] = {True: "ok", None: "warning", False: "failed"}


def _document(diagnosis: Diagnosis) -> dict[str, Any]:
    verdicts = [_VERDICTS[finding.ok] for finding in diagnosis.findings]
    return {
        **{word: verdicts.count(word) for word in _VERDICTS.values()},
        "parked": diagnosis.parked,
        "missed": diagnosis.missed,
        "findings": [
            {
                "subject": finding.subject,
                "verdict": _VERDICTS[finding.ok],
                "text": finding.text,
                "remedy": finding.remedy,
            }
            for finding in diagnosis.findings
        ],
    }


def _shown(diagnosis: Diagnosis) -> Iterator[object]:
    """What failed comes last, where the eye is when the command ends."""
    order = list(_VERDICTS)
    rows = sorted(diagnosis.findings, key=lambda finding: order.index(finding.ok))
    yield table("", "what", "finding", rows=map(_row, rows))


def _row(finding: Finding) -> tuple[str, str, str]:
    remedy = f"\n→ {finding.remedy}" if finding.remedy else ""
    return _VERDICTS[finding.ok], finding.subject, finding.text + remedy
