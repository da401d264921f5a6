"""An installation on real time, against a sandbox in this process."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog

from crm_sms.bootstrap import installation
from crm_sms.ledger import schema
from crm_sms.sandbox.clock import FileClock
from crm_sms.sandbox.server import running
from crm_sms.testing.world import World, install

NEVER = "[worker]\nsync_s = 86400\npoll_s = 86400\n"
"""A schedule on which nothing comes by itself after the start."""


@pytest.fixture
def live(tmp_path: Path) -> Iterator[World]:
    """Time passes by itself; nothing runs unless it is woken; the org is empty."""
    with installed(tmp_path) as world:
        yield world


@pytest.fixture
def live_on_postgres(tmp_path: Path, postgres_url: str) -> Iterator[World]:
    """The same with a ledger in PostgreSQL."""
    with installed(tmp_path, postgres_url) as world:
        yield world


@contextmanager
def installed(folder: Path, database: str | None = None) -> Iterator[World]:
    """An installation in a folder, with a sandbox for as long as it is used."""
    with running(FileClock()) as box:
        with urllib.request.urlopen(f"{box.url}/_sandbox/salesforce") as answer:
            credentials = json.load(answer)["credentials"]
        accounts = {account.sid: account.auth_token for account in box.twilio.accounts.values()}
        install(folder, box.url, credentials, accounts, database=database, further=NEVER)
        app = installation(folder, {})
        schema.upgrade(app.ledger)
        yield World(app, box, next(iter(accounts)))
        app.close()


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A command sets up logging for the whole process."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    """Waits until something holds, and fails when that takes unreasonably long."""

    def wait(holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + 30
        while not holds():
            assert time.monotonic() < deadline, "it never came"
            time.sleep(0.02)

    return wait
