"""A ledger that cannot be written: 503, nothing half kept, and recovery without a restart."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from crm_sms.bootstrap import installation
from crm_sms.ledger import store

Play = Callable[..., Any]

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
connection.execute("ROLLBACK")
"""


def callback(name: str) -> dict[str, str]:
    """A status callback that only its name tells apart."""
    return {"id": name, "status": "sent"}


def test_a_locked_file_is_503_until_it_is_free(
    folder: Path, sqlite_url: str, play: Play, stored: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process holds the write lock for longer than we are patient."""
    monkeypatch.setattr(store, "_PATIENCE_S", 0.1)
    app = installation(folder, {})
    command = [sys.executable, "-c", HOLD, sqlite_url.removeprefix("sqlite:///")]

    async def scenario(service: Any) -> list[int]:
        first = await service.post(callback("a"))
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            locked = await asyncio.gather(*(service.post(callback(name)) for name in "bcd"))
            assert (await service.request("GET", "/healthz")).status == 200
            assert (await service.request("GET", "/readyz")).status == 503
            holder.communicate()
        after = await service.post(callback("e"))
        return [answer.status for answer in (first, *locked, after)]

    assert play(app, scenario) == [204, 503, 503, 503, 204]
    assert stored(app.ledger) == {"a:sent": True, "e:sent": True}
    app.close()


def test_a_wait_within_our_patience_is_only_a_delay(
    folder: Path, sqlite_url: str, play: Play, stored: Any
) -> None:
    """A short lock of another process costs the callback time, not its place."""
    app = installation(folder, {})
    command = [sys.executable, "-c", HOLD, sqlite_url.removeprefix("sqlite:///")]

    async def scenario(service: Any) -> int:
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            waiting = asyncio.create_task(service.post(callback("a")))
            await asyncio.sleep(0.2)
            assert not waiting.done()
            await asyncio.to_thread(holder.communicate)
            return int((await waiting).status)

    assert play(app, scenario) == 204
    assert stored(app.ledger) == {"a:sent": True}
    app.close()


def test_a_closed_postgresql_is_503_until_it_is_back(
    postgres_folder: Path, postgres: Any, postgres_url: str, play: Play, stored: Any
) -> None:
    """The server drops us and lets nobody in; once it does, callbacks are stored again."""
    app = installation(postgres_folder, {})
    name = make_url(postgres_url).database
    end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"

    async def scenario(service: Any) -> list[int]:
        first = await service.post(callback("a"))
        postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false", end)
        closed = await asyncio.gather(*(service.post(callback(name)) for name in "bcd"))
        assert (await service.request("GET", "/readyz")).status == 503
        postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        after = await service.post(callback("e"))
        return [answer.status for answer in (first, *closed, after)]

    assert play(app, scenario) == [204, 503, 503, 503, 204]
    assert stored(app.ledger) == {"a:sent": True, "e:sent": True}
    app.close()
