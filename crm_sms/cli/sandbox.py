"""`crm-sms sandbox`: vendors to try things against, on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crm_sms.cli.installation import needs
from crm_sms.cli.screen import complain


def add_to(app: typer.Typer) -> None:
    """Adds this group's commands."""
    app.command()(sandbox)


def sandbox(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where to listen; 0 takes a free port.")
    ] = 8010,
    bare: Annotated[
        bool, typer.Option("--bare", help="A CRM without the default mapping's fields.")
    ] = False,
    clock: Annotated[
        Path | None, typer.Option(help="A file that holds the time; others may set it.")
    ] = None,
) -> None:
    """Serve a CRM and a provider to try things against, on this machine only, until Ctrl-C."""
    from crm_sms.errors import BadSettings, reason

    with needs("sandbox", "crm-sms sandbox"):
        from crm_sms.sandbox.server import LOOPBACK, serve
    try:
        serve(LOOPBACK, port, clock=clock, bare=bare, announce=_announce)
    except OSError as error:
        raise BadSettings(
            f"port {port} cannot be taken ({reason(error)}); stop what listens there, or give "
            "another --port"
        ) from error


def _announce(url: str) -> None:
    print(url, flush=True)
    complain("open it: it shows the settings to paste; Ctrl-C ends it")
