"""Posts callbacks, retries as their URLs ask, and keeps what was answered."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from xml.etree import ElementTree

import urllib3

from crm_sms.sandbox.twilio.callbacks import Callback, Connection, Wire, connection_of, wire


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request; `outcome` is its HTTP status, or `connect`, `read` or `lost` if it has none."""

    callback: Callback
    at: datetime
    outcome: str
    retry: int = 0
    would_text: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether it was answered 2xx."""
        return self.outcome.startswith("2")


class Postman:
    """Holds what waits to be posted, and every attempt. Safe to use from several threads."""

    def __init__(self, secret_of: Callable[[str], str]) -> None:
        self.waiting: list[Callback] = []
        self.attempts: list[Attempt] = []
        self._secret_of = secret_of
        # Taken for bookkeeping only, never while a request is under way: the customer's server
        # may call the sandbox before it answers.
        self._lock = threading.Lock()
        self._pool = urllib3.PoolManager(num_pools=8, maxsize=64, retries=False)

    def add(self, callbacks: list[Callback]) -> None:
        """Puts callbacks in line."""
        with self._lock:
            self.waiting.extend(callbacks)

    def take_due(self, now: datetime, limit: int | None) -> list[Callback]:
        """Takes the callbacks that are due out of the line, in the order to post them."""
        with self._lock:
            due = [(c.due, index) for index, c in enumerate(self.waiting) if c.due <= now]
            taken = [index for _, index in sorted(due)[:limit]]
            callbacks = [self.waiting[index] for index in taken]
            gone = set(taken)
            self.waiting = [c for index, c in enumerate(self.waiting) if index not in gone]
        return callbacks

    def post(self, callbacks: list[Callback], parallel: int, now: datetime) -> list[Attempt]:
        """Posts each, with its retries; returns when the last is answered."""
        if parallel == 1 or len(callbacks) < 2:
            return [a for callback in callbacks for a in self._post_one(callback, now)]
        with ThreadPoolExecutor(parallel) as pool:
            posted = pool.map(lambda callback: self._post_one(callback, now), callbacks)
            return [attempt for attempts in posted for attempt in attempts]

    def close(self) -> None:
        """Lets go of the connections."""
        self._pool.clear()

    def _post_one(self, callback: Callback, now: datetime) -> list[Attempt]:
        wrong = "wrong_signature" in callback.spoilt
        secret = "not the token" if wrong else self._secret_of(callback.account)
        attempts = list(self._tries(callback, wire(callback, secret), now))
        with self._lock:
            self.attempts.extend(attempts)
        return attempts

    def _tries(self, callback: Callback, request: Wire, now: datetime) -> Iterator[Attempt]:
        if "lost" in callback.spoilt:
            yield Attempt(callback, now, "lost")
            return
        connection = connection_of(callback.url)
        for retry in range(connection.retries + 1):
            outcome, would_text = self._request(request, connection)
            said = would_text if callback.kind == "inbound" else ""
            yield Attempt(callback, now, outcome, retry, said)
            if not connection.retries_after(outcome):
                return

    def _request(self, request: Wire, connection: Connection) -> tuple[str, str]:
        timeout = urllib3.Timeout(connect=connection.connect_s, read=connection.read_s)
        try:
            answer = self._pool.request(
                "POST",
                request.url,
                body=request.body,
                headers=dict(request.headers),
                timeout=timeout,
                redirect=False,
            )
        except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError):
            return "connect", ""
        except (urllib3.exceptions.HTTPError, OSError):
            return "read", ""
        content_type = answer.headers.get("Content-Type", "")
        return str(answer.status), text_in_answer(content_type, answer.data)


def text_in_answer(content_type: str, body: bytes) -> str:
    """What Twilio would text to the person who wrote: a plain body, or TwiML's messages."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "text/plain":
        return body.decode(errors="replace").strip()
    if media_type in ("text/xml", "application/xml"):
        return _messages_of(body)
    return ""


def _messages_of(twiml: bytes) -> str:
    try:
        root = ElementTree.fromstring(twiml)
    except ElementTree.ParseError:
        return ""
    found = ("".join(message.itertext()).strip() for message in root.iter("Message"))
    return "\n".join(text for text in found if text)
