"""The installation that a command works on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from crm_sms.bootstrap import App


@contextmanager
def installation(ctx: typer.Context, *, any_schema: bool = False) -> Iterator[App]:
    """The one in the folder, open; its ledger must have this program's schema unless `any_schema`.

    Raises BadSettings or WrongSchema.
    """
    from crm_sms import bootstrap, logs
    from crm_sms.ledger import schema

    logs.configure()
    app = bootstrap.installation(ctx.obj, os.environ)
    try:
        if not any_schema:
            schema.require(app.ledger)
        yield app
    finally:
        app.close()


@contextmanager
def needs(extra: str, what: str) -> Iterator[None]:
    """Around imports of libraries that only an extra brings; MissingExtra names it."""
    try:
        yield
    except ImportError as error:
        from crm_sms.errors import MissingExtra

        raise MissingExtra(extra, what) from error


def wake(app: App) -> None:
    """Tell a worker that there is something to do."""
    from crm_sms.engine.wake import wake_of

    waker = wake_of(app.ledger)
    waker.notify()
    waker.close()
