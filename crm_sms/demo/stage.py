"""Where the demo plays: an installation of its own against a sandbox, with a real web service."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import structlog
import uvicorn

from crm_sms import logs, web
from crm_sms.bootstrap import App, installation
from crm_sms.demo.org import Ids, fill
from crm_sms.demo.words import Script
from crm_sms.engine.wake import wake_of
from crm_sms.errors import BadSettings, StoreUnavailable, reason
from crm_sms.ledger import schema
from crm_sms.sandbox.clock import FileClock
from crm_sms.sandbox.server import LOOPBACK, Sandbox, listen, running
from crm_sms.settings import FILE, SECRETS_FILE
from crm_sms.testing.world import World, install

CLOCK_FILE = "now"
LOG_FILE = "crm-sms.log"
_START_S = 20.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ports:
    """Where sandbox and web service listen; 0 takes a free port."""

    sandbox: int = 0
    web: int = 0


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that the demo needs to be played; `web_url` is our web service, `ids` are the
    CRM's of what the script names."""

    folder: Path
    world: World
    start: datetime
    web_url: str
    ids: Ids

    @property
    def app(self) -> App:
        """The installation."""
        return self.world.app

    @property
    def box(self) -> Sandbox:
        """The sandbox."""
        return self.world.box


@contextmanager
def standing(
    folder: Path,
    script: Script,
    start: datetime,
    ports: Ports,
) -> Iterator[Stage]:
    """A stage in a folder of its own, its clock at `start`; what an earlier one left there is gone.

    Raises BadSettings if a port is taken. What our program logs goes to a file in the folder.
    """
    with ExitStack() as stack:
        # The port first: if another demo is running, its files must stay.
        listening = _taken(stack, ports.web, lambda port: listen(LOOPBACK, port))
        _clear(folder)
        clock = FileClock(folder / CLOCK_FILE)
        clock.set(start)
        stack.enter_context(_logging_to(folder / LOG_FILE))
        box = _taken(stack, ports.sandbox, lambda port: running(clock, port=port))
        ids = fill(box.salesforce, script, start)
        web_url = f"http://{LOOPBACK}:{listening.getsockname()[1]}"
        app = _installed(folder, box, web_url, ids[script.manager])
        stack.callback(app.close)
        stack.enter_context(_serving(app, listening))
        yield Stage(folder, World(app, box, next(iter(box.twilio.accounts))), start, web_url, ids)


def _taken(stack: ExitStack, port: int, take: Callable[[int], AbstractContextManager[T]]) -> T:
    try:
        return stack.enter_context(take(port))
    except OSError as error:
        raise BadSettings(
            f"port {port} cannot be taken ({reason(error)}): stop what listens there"
        ) from error


def _clear(folder: Path) -> None:
    """Only what a demo makes: others may keep something beside it."""
    folder.mkdir(exist_ok=True)
    left = [folder / name for name in (FILE, SECRETS_FILE, CLOCK_FILE, LOG_FILE)]
    for path in (*left, *folder.glob("crm-sms.db*")):
        path.unlink(missing_ok=True)


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    before = structlog.get_config()
    with path.open("a") as file:
        logs.configure(file)
        try:
            yield
        finally:
            structlog.configure(**before)


def _installed(folder: Path, box: Sandbox, web_url: str, fallback_owner: str) -> App:
    with urllib.request.urlopen(f"{box.url}/_sandbox/salesforce", timeout=10) as answer:
        credentials = json.load(answer)["credentials"]
    accounts = {account.sid: account.auth_token for account in box.twilio.accounts.values()}
    further = f"web.port = {urlsplit(web_url).port}\ntasks.fallback_owner = "
    install(
        folder,
        box.url,
        credentials,
        accounts,
        public_url=web_url,
        clock=Path(CLOCK_FILE),
        further=further + json.dumps(fallback_owner),
    )
    # Nothing of the caller's environment: the demo must not reach anything of theirs.
    app = installation(folder, {})
    schema.upgrade(app.ledger)
    return app


@contextmanager
def _serving(app: App, listening: socket.socket) -> Iterator[None]:
    wake = wake_of(app.ledger)
    config = uvicorn.Config(web.build(app, wake.notify), log_level="warning", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), name="web")
    thread.start()
    try:
        _await(server)
        yield
    finally:
        server.should_exit = True
        thread.join()
        wake.close()


def _await(server: uvicorn.Server) -> None:
    deadline = time.monotonic() + _START_S
    while not server.started:
        if time.monotonic() > deadline:
            raise StoreUnavailable("the web service of the demo did not start")
        time.sleep(0.01)
