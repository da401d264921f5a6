"""The installation that a command works on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from crm_sms.bootstrap import App


@contextmanager
def installation(ctx: typer.Context, *, any_schema: bool = False) -> Iterator[App]:
    """The one in the folder, open; its ledger must have this program's schema unless `any_schema`,
    and be used with the digest key that it always was.

    Raises BadSettings or WrongSchema.
    """
    from crm_sms import bootstrap, logs
    from crm_sms.ledger import schema
    from crm_sms.use_cases import digest_key

    logs.configure()
    must_be_one(ctx.obj)
    app = bootstrap.installation(ctx.obj, os.environ)
    try:
        if not any_schema:
            schema.require(app.ledger)
            digest_key.require(app.ledger)
        yield app
    finally:
        app.close()


def must_be_one(folder: Path) -> None:
    """Raise BadSettings where neither files nor variables make an installation."""
    from crm_sms.errors import BadSettings
    from crm_sms.settings import FILE, PREFIX, SECRETS_FILE

    is_set = any(name.startswith(PREFIX) for name in os.environ)
    if not is_set and not any((folder / name).exists() for name in (FILE, SECRETS_FILE)):
        raise BadSettings(
            f"there is no {FILE} in {folder.absolute()}: go to the folder of your installation, "
            "name it with --folder, or make a new one with crm-sms init"
        )


def chosen(app: App, crm: str | None) -> str:
    """The CRM of this name, or the only one."""
    names = list(app.settings.crms)
    if crm is None and len(names) == 1:
        return names[0]
    if crm not in names:
        known = ", ".join(names) or "none; add a table [crms.NAME] to crm-sms.toml"
        raise typer.BadParameter(f"configured are: {known}", param_hint="--crm")
    return crm


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
