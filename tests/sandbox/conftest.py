"""A sandbox per test, a customer's server that it calls back, and Twilio's own client."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

import pytest
import requests
from twilio.rest import Client

from crm_sms.sandbox.server import Sandbox
from crm_sms.sandbox.twilio import Twilio
from crm_sms.testing.sandbox import sandbox

__all__ = ["sandbox"]

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass
class Time:
    """A clock that a test moves."""

    instant: datetime = START

    def now(self) -> datetime:
        return self.instant

    def sleep(self, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)


@pytest.fixture
def time() -> Time:
    """Starts on 2 March 2026 at nine, UTC."""
    return Time()


@pytest.fixture
def twilio(time: Time) -> Iterator[Twilio]:
    """The state alone, without a server; the same ids in every run."""
    it = Twilio(time.now, random.Random(7))
    yield it
    it.close()


@dataclass(frozen=True)
class Hit:
    """A request that reached the customer."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass
class Customer:
    """A server for callbacks: keeps every hit, and answers what `answer` says."""

    url: str = ""
    hits: list[Hit] = field(default_factory=list)
    answer: Callable[[Hit], tuple[int, str, str]] = lambda _hit: (204, "", "")

    @property
    def statuses(self) -> list[str]:
        return [hit.form["MessageStatus"] for hit in self.hits]


@pytest.fixture
def customer() -> Iterator[Customer]:
    """Listens on a free port until the test ends."""
    it = Customer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hit = Hit(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            it.hits.append(hit)
            status, content_type, text = it.answer(hit)
            self.send_response(status)
            if content_type:
                self.send_header("Content-Type", content_type)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        it.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.005,))
        thread.start()
        yield it
        server.shutdown()
        thread.join()


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    """Twilio's client, with the default account's credentials."""
    account = sandbox.twilio.account
    it = Client(account.sid, account.auth_token)
    it.api.base_url = it.accounts.base_url = sandbox.url
    yield it
    it.http_client.session.close()


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[Callable[..., requests.Response]]:
    """`http(method, path, **)` against the sandbox, as its default Twilio account."""
    account = sandbox.twilio.account
    with requests.Session() as session:
        session.auth = (account.sid, account.auth_token)

        def call(method: str, path: str, **arguments: object) -> requests.Response:
            return session.request(method, sandbox.url + path, timeout=10, **arguments)

        yield call
