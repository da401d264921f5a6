"""`crm-sms sync provider`: the texts that a provider lists itself."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from crm_sms.cli.installation import installation, wake
from crm_sms.cli.running import report, sync
from crm_sms.cli.screen import AsJson, bars

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from crm_sms.bootstrap import App

_UNITS = {"d": "days", "h": "hours", "min": "minutes"}


def _back(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,4})(d|h|min)", text, re.ASCII)
    if found is None:
        raise typer.BadParameter(f"{text} is no time: use 30d, 36h or 90min")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def add_to(app: typer.Typer) -> None:
    """Adds this group's command to those of `sync`."""
    sync.command()(provider)


def provider(
    ctx: typer.Context,
    since: Annotated[
        timedelta | None,
        typer.Option(
            parser=_back,
            metavar="TIME",
            help="How far back: 30d, 36h, 90min. Without it, from where the last listing ended.",
        ),
    ] = None,
    account: Annotated[
        list[str] | None,
        typer.Option(metavar="ACCOUNT", help="Only this account; may be given several times."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the texts that the providers know: what callbacks missed, and bodies, prices and times.

    Ends with 3 if callbacks were missed.
    """
    from crm_sms.engine.jobs import listing, run_once

    with installation(ctx) as app, bars() as tell:
        wanted = _wanted(app, account or ())
        done = [
            run_once("sync provider", name, partial(listing, app, name, accounts, since), tell)
            for name, accounts in wanted.items()
        ]
        wake(app)
    report(done, as_json, "providers")


def _wanted(app: App, accounts: Collection[str]) -> Mapping[str, Collection[str]]:
    """By provider, the accounts to list; none for all of them."""
    if not accounts:
        return dict.fromkeys(app.providers, ())
    there = {name: app.providers[name].accounts for name in app.providers}
    known = {one for found in there.values() for one in found}
    if unknown := sorted(set(accounts) - known):
        names = ", ".join(sorted(known)) or "none"
        raise typer.BadParameter(f"{', '.join(unknown)} is not configured; there are: {names}")
    chosen = {name: [one for one in found if one in accounts] for name, found in there.items()}
    return {name: found for name, found in chosen.items() if found}
