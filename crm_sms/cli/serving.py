"""`crm-sms serve` and `crm-sms worker`: the two programs that run for good."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from crm_sms.cli.installation import installation


def add_to(app: typer.Typer) -> None:
    """Adds this group's commands."""
    app.command()(serve)
    app.command()(worker)


def serve(
    ctx: typer.Context,
    with_worker: Annotated[
        bool, typer.Option("--with-worker", help="Run the worker's jobs in this process too.")
    ] = False,
) -> None:
    """Take webhooks until SIGTERM or Ctrl-C. Every one that is answered 2xx is in the ledger."""
    from crm_sms import web
    from crm_sms.engine import worker as engine

    with installation(ctx) as app:
        ended = engine.serve(app, web.serve, with_worker=with_worker)
    _leave(ended)


def worker(ctx: typer.Context) -> None:
    """Pull, process and deliver until SIGTERM or Ctrl-C, woken by new events at once."""
    from crm_sms.engine import worker as engine

    with installation(ctx) as app:
        ended = engine.work(app)
    _leave(ended)


def _leave(ended: bool) -> None:
    """Without waiting for a request that is still under way: its rows are written again."""
    if not ended:
        os._exit(0)
