"""`crm-sms serve` and `crm-sms worker`: the two programs that run for good."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from crm_sms.cli.installation import installation, needs


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
    from crm_sms.engine.serving import serve as take

    with needs("web", "crm-sms serve"):
        from crm_sms import web
    if with_worker:
        _needs_worker("crm-sms serve --with-worker")
    with installation(ctx) as app:
        ended = take(app, web.serve, with_worker=with_worker)
    _leave(ended)


def worker(ctx: typer.Context) -> None:
    """Pull, process and deliver until SIGTERM or Ctrl-C, woken by new events at once."""
    _needs_worker("crm-sms worker")
    from crm_sms.engine.worker import work

    with installation(ctx) as app:
        ended = work(app)
    _leave(ended)


def _needs_worker(command: str) -> None:
    with needs("worker", command):
        import crm_sms.engine.worker  # noqa: F401  # to see whether its libraries are there


def _leave(ended: bool) -> None:
    """Without waiting for a request that is still under way: its rows are written again."""
    if not ended:
        os._exit(0)
