"""Salesforce and Twilio on one loopback server: for the command line, for tests, as a child."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crm_sms.sandbox import clock as clocks
from crm_sms.sandbox import first_page
from crm_sms.sandbox import twilio as twilios
from crm_sms.sandbox.clock import FileClock
from crm_sms.sandbox.salesforce import Salesforce
from crm_sms.sandbox.twilio import Twilio

LOOPBACK = "127.0.0.1"
#: On real time, how often the sandbox looks for callbacks that have come due.
TICK_S = 0.05


class NotLoopback(ValueError):
    """The sandbox knows no real secret and checks little: it must not be reachable from outside."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox: its address, and its parts to look into and to give orders to."""

    url: str
    salesforce: Salesforce
    twilio: Twilio
    clock: FileClock


@dataclass(frozen=True, slots=True)
class Spawned:
    """A sandbox in a process of its own: speak to it over HTTP, and set its clock."""

    url: str
    clock: FileClock
    pid: int


def build(clock: FileClock, *, bare: bool = False) -> Starlette:
    """The server's application; its parts are `app.state.salesforce` and `app.state.twilio`.

    `bare` leaves the fields of the default mapping out of the Salesforce org.
    """
    salesforce, twilio = Salesforce(clock.now, bare=bare), Twilio(clock.now)

    async def stats(_request: Request) -> Response:
        return JSONResponse({"salesforce": salesforce.stats(), "twilio": twilio.stats()})

    routes = [
        *first_page.routes(clock, salesforce, twilio),
        Route("/_sandbox/stats", stats),
        *clocks.routes(clock),
        *twilios.routes(twilio),
        *salesforce.routes(),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(_Dated, clock=clock)],
        lifespan=lambda _app: _delivering(clock, twilio),
    )
    app.state.salesforce, app.state.twilio = salesforce, twilio
    return app


class _Dated:
    """Answers with the Date of the sandbox's clock, as vendors do with theirs."""

    def __init__(self, app: ASGIApp, clock: FileClock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                with contextlib.suppress(ValueError):  # a clock file without an instant in it
                    date = format_datetime(self._clock.now(), usegmt=True)
                    MutableHeaders(scope=message)["Date"] = date
            await send(message)

        await self._app(scope, receive, dated)


@contextlib.asynccontextmanager
async def _delivering(clock: FileClock, twilio: Twilio) -> AsyncIterator[None]:
    """While time is real, callbacks go out by themselves."""

    async def deliver() -> None:
        while True:
            if clock.is_real:
                await asyncio.to_thread(twilio.deliver)
            await asyncio.sleep(TICK_S)

    task = asyncio.create_task(deliver())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    twilio.close()


def serve(
    host: str = LOOPBACK,
    port: int = 0,
    *,
    clock: Path | None = None,
    bare: bool = False,
    announce: Callable[[str], None] = lambda url: None,
) -> None:
    """Serves until it is interrupted; `announce` gets the URL once connections are queued.

    Port 0 takes a free one. Raises NotLoopback for a host that others could reach, OSError if the
    port is taken.
    """
    with listen(host, port) as listener:
        app = build(FileClock(clock), bare=bare)
        announce(_url_of(listener))
        with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C is how it is meant to end
            uvicorn.Server(_config(app)).run(sockets=[listener])


@contextlib.contextmanager
def running(
    clock: FileClock | None = None, *, port: int = 0, bare: bool = False
) -> Iterator[Sandbox]:
    """A sandbox in a thread of this process, on a free port unless one is named.

    Without a clock, time stands at the full second in which it was started, and is set by hand.
    """
    with _own_clock(clock) as its_clock, listen(LOOPBACK, port) as listener:
        app = build(its_clock, bare=bare)
        server = _InThread(_config(_cut_off_quietly(app)))
        thread = threading.Thread(target=server.run, args=([listener],), name="sandbox")
        url = _url_of(listener)
        thread.start()
        try:
            yield Sandbox(url, app.state.salesforce, app.state.twilio, its_clock)
        finally:
            server.stop()
            thread.join()


@contextlib.contextmanager
def spawned(clock: FileClock | None = None, *, bare: bool = False) -> Iterator[Spawned]:
    """A sandbox in a child process, for tests that need one to outlive or to be killed."""
    with _own_clock(clock) as its_clock:
        command = [sys.executable, "-m", "crm_sms.sandbox", "--port", "0"]
        command += ["--clock", str(its_clock.path)] if its_clock.path else []
        command += ["--bare"] if bare else []
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            try:
                assert child.stdout is not None
                line = child.stdout.readline()
                if not line:
                    raise RuntimeError("the sandbox ended before it served; its error is above")
                yield Spawned(json.loads(line)["url"], its_clock, child.pid)
            finally:
                child.terminate()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket on a loopback address; NotLoopback for any other host."""
    address = LOOPBACK if host == "localhost" else host
    try:
        is_loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise NotLoopback(f"the sandbox listens on this machine only: use {LOOPBACK}, not {host!r}")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family, backlog=2048)


@contextlib.contextmanager
def _own_clock(clock: FileClock | None) -> Iterator[FileClock]:
    if clock is not None:
        yield clock
        return
    with tempfile.TemporaryDirectory(prefix="crm-sms-clock-") as folder:
        frozen = FileClock(Path(folder) / "now")
        frozen.set(datetime.now(UTC).replace(microsecond=0))
        yield frozen


def _url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app, log_level="warning", access_log=False, lifespan="on", ws="none", date_header=False
    )


class _InThread(uvicorn.Server):
    """A server that stops at once when told from another thread, not at the next tick."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        # Orders startup of the thread and a stop that comes before it has a loop.
        self._lock = threading.Lock()

    def stop(self) -> None:
        """Ends the server; requests under way are cut off."""
        with self._lock:
            self._told.set()
            if self._loop is not None and self._stopping is not None:
                self._loop.call_soon_threadsafe(self._stopping.set)

    async def main_loop(self) -> None:
        """Waits for `stop`."""
        with self._lock:
            self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
            if self._told.is_set():
                self._stopping.set()
        await self._stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Closes everything without the pauses that a public server needs."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)  # lets the connections learn that they are lost
        for task in self.server_state.tasks:
            task.cancel()
        await asyncio.gather(*self.server_state.tasks)
        await self.lifespan.shutdown()


def _cut_off_quietly(app: ASGIApp) -> ASGIApp:
    """A request that is cancelled because the sandbox stops is no error to report."""

    async def quiet(scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await app(scope, receive, send)

    return quiet
