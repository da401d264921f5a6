"""A web service in this process, and one in a process of its own that can be killed."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from crm_sms.bootstrap import App, installation
from crm_sms.ledger import Ledger
from crm_sms.ledger.tables import events, inbox
from crm_sms.web import build

ACME = Path(__file__).parents[1] / "data" / "acme"
SECRET = "acme-s3cret"
KEY = "k" * 40
PATH = "/webhooks/acme"


@dataclass(frozen=True)
class Answer:
    """What a client sees."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Service:
    """An ASGI application without a server, under its lifespan."""

    asgi: Any
    reads: int = 0
    started: bool = field(default=False)

    async def request(
        self,
        method: str,
        path: str,
        chunks: tuple[bytes, ...] = (b"",),
        headers: Mapping[str, str] | None = None,
        *,
        leave: bool = False,
    ) -> Answer:
        """One request; the client goes away after its chunks if it is to `leave`."""
        left = [
            {"type": "http.request", "body": chunk, "more_body": leave or number < len(chunks)}
            for number, chunk in enumerate(chunks, 1)
        ]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            self.reads += 1
            return left.pop(0) if left else {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.asgi(_scope(method, path, headers or {}), receive, send)
        if not sent:
            return Answer(0, {}, b"")
        found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        body = b"".join(message.get("body", b"") for message in sent[1:])
        return Answer(sent[0]["status"], found, body)

    async def post(self, content: Any, path: str = PATH, **headers: str) -> Answer:
        """A callback as Acme signs it, unless the headers say otherwise."""
        body, signed = acme_request(content, path)
        return await self.request("POST", path, (body,), {**signed, **headers})

    async def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        text = (await self.request("GET", "/metrics")).body.decode()
        lines = [line for line in text.splitlines() if line.partition("{")[0].split()[0] == name]
        return sum(float(line.rpartition(" ")[2]) for line in lines)


def _scope(method: str, path: str, headers: Mapping[str, str]) -> dict[str, Any]:
    place, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": place,
        "raw_path": place.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }


def acme_request(content: Any, path: str = PATH) -> tuple[bytes, dict[str, str]]:
    """A body and its headers, signed with the right secret."""
    from acme_sms import signature  # type: ignore[import-not-found]

    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    signed = {
        "x-acme-signature": signature(SECRET, path.partition("?")[0], body),
        "content-type": "application/json",
        "content-length": str(len(body)),
    }
    return body, signed


@asynccontextmanager
async def _living(asgi: Any) -> AsyncIterator[None]:
    inbound: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    outbound: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    life = asyncio.create_task(asgi({"type": "lifespan"}, inbound.get, outbound.put))
    await inbound.put({"type": "lifespan.startup"})
    assert (await outbound.get())["type"] == "lifespan.startup.complete"
    try:
        yield
    finally:
        await inbound.put({"type": "lifespan.shutdown"})
        await life


@pytest.fixture(autouse=True)
def _installed_provider(acme: Any) -> None:
    """Every installation here uses it."""


@pytest.fixture
def folder(tmp_path: Path, sqlite_url: str) -> Path:
    """An installation with one provider, on SQLite."""
    return _installed(tmp_path, sqlite_url)


@pytest.fixture
def any_folder(tmp_path: Path, ledger_url: str) -> Path:
    """The same, once on SQLite and once on PostgreSQL."""
    return _installed(tmp_path, ledger_url)


@pytest.fixture
def postgres_folder(tmp_path: Path, postgres_url: str) -> Path:
    """The same on PostgreSQL."""
    return _installed(tmp_path, postgres_url)


def _installed(folder: Path, url: str) -> Path:
    (folder / "crm-sms.toml").write_text(f"database = '{url}'\n[providers.acme]\n")
    secrets = folder / ".env"
    secrets.touch(mode=0o600)
    secrets.write_text(f"CRM_SMS_DIGEST_KEY={KEY}\nCRM_SMS_PROVIDERS__ACME__SECRET={SECRET}\n")
    return folder


@pytest.fixture
def app(folder: Path) -> Iterator[App]:
    """The installation on SQLite, put together in this process."""
    app = installation(folder, {})
    yield app
    app.close()


@pytest.fixture
def any_app(any_folder: Path) -> Iterator[App]:
    """The installation on each kind of ledger."""
    app = installation(any_folder, {})
    yield app
    app.close()


Scenario = Callable[[Service], Awaitable[Any]]
Play = Callable[..., Any]


@pytest.fixture
def play() -> Play:
    """Runs a scenario against the service of an installation."""

    def run(app: App, scenario: Scenario, **options: Any) -> Any:
        async def main() -> Any:
            service = Service(build(app, **options))
            async with _living(service.asgi):
                return await scenario(service)

        return asyncio.run(main())

    return run


@pytest.fixture
def stored() -> Callable[[Ledger], dict[str, bool]]:
    """The keys of the events in a ledger, each with whether its inbox row is there."""

    def look(ledger: Ledger) -> dict[str, bool]:
        joined = select(events.c.key, inbox.c.event_id).outerjoin_from(events, inbox)
        with ledger.read() as connection:
            return {key: row is not None for key, row in connection.execute(joined)}

    return look


SERVER = """
import os, pathlib, sys
from crm_sms import logs
from crm_sms.bootstrap import installation
from crm_sms.web import serve
logs.configure(sys.stdout)
serve(installation(pathlib.Path(sys.argv[1]), os.environ))
"""


class Server:
    """`serve` on a real socket, in a process of its own."""

    def __init__(self, folder: Path, **environ: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-c", SERVER, str(folder)],
            env={**os.environ, "PYTHONPATH": str(ACME), "CRM_SMS_WEB__PORT": "0", **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        assert " port=" in first, first + self.process.stdout.read()
        self.port = int(first.rpartition("port=")[2])

    def post(self, content: Any) -> int | None:
        """The status of the answer; None if the server went away without one."""
        body, headers = acme_request(content)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("POST", PATH, body, headers)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def end(self) -> str:
        """Stop it if it still runs, and return what it logged."""
        self.process.terminate()
        log, _ = self.process.communicate(timeout=20)
        return log


@pytest.fixture
def start() -> Iterator[Callable[..., Server]]:
    """Starts servers of an installation; environment variables by keyword."""
    running: list[Server] = []

    def begin(folder: Path, **environ: str) -> Server:
        running.append(Server(folder, **environ))
        return running[-1]

    yield begin
    for server in running:
        if server.process.poll() is None:
            server.process.kill()
        server.process.communicate()
