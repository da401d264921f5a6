"""Rows to put into a ledger, and a second way to look at the same database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy.event import listen

from crm_sms.events import Direction, Event, EventKind, Status
from crm_sms.ledger import Ledger, texts
from crm_sms.ledger.tables import metadata
from crm_sms.messages import Message
from crm_sms.phone import parse_address

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    """The instant at which these tests play."""
    return NOW


@pytest.fixture
def other(ledger_url: str, ledger: Ledger) -> Iterator[Ledger]:
    """The same database as another process sees it."""
    second = Ledger(ledger_url, b"a key for tests only, 32 bytes..")
    yield second
    second.close()


@pytest.fixture
def sqlite_ledger() -> Iterator[Ledger]:
    """A ledger on SQLite, for how it plans: PostgreSQL plans by what it knows of a table's size."""
    ledger = Ledger("sqlite://", b"a key for tests only, 32 bytes..")
    metadata.create_all(ledger.engine)
    yield ledger
    ledger.close()


@pytest.fixture
def postgres_ledger(postgres_url: str) -> Iterator[Ledger]:
    """A ledger on PostgreSQL, for what only several writers at once can show."""
    ledger = Ledger(postgres_url, b"a key for tests only, 32 bytes..")
    yield ledger
    ledger.close()


@pytest.fixture
def statements() -> Callable[[Ledger], list[tuple[str, Any]]]:
    """Watches a ledger: its statements since, each with its values."""

    def watch(ledger: Ledger) -> list[tuple[str, Any]]:
        seen: list[tuple[str, Any]] = []

        def note(*told: Any) -> None:
            seen.append((told[2], told[3]))

        listen(ledger.engine, "before_cursor_execute", note)
        return seen

    return watch


@pytest.fixture
def event() -> Callable[..., Event]:
    """Makes a status callback about a text; any attribute can be given."""

    def make(key: str, **given: Any) -> Event:
        plain: dict[str, Any] = {
            "provider": "acme",
            "account": "main",
            "kind": EventKind.STATUS,
            "received_at": NOW,
            "provider_message_id": "m1",
            "status": Status.SENT,
        }
        return Event(key=key, **plain | given)

    return make


@pytest.fixture
def message() -> Callable[..., Message]:
    """Makes an outbound text to a number; any attribute can be given."""

    def make(key: str, number: str = "+12025550123", **given: Any) -> Message:
        plain: dict[str, Any] = {
            "provider": "acme",
            "account": "main",
            "direction": Direction.OUTBOUND,
            "status": Status.DELIVERED,
            "occurred_at": NOW,
            "received_at": NOW,
            "sent_at": NOW,
        }
        made = plain | given
        inbound = made["direction"] is Direction.INBOUND
        theirs, ours = parse_address(number), parse_address("+15005550006")
        made |= {"sender": theirs, "recipient": ours} if inbound else {}
        made = {"sender": ours, "recipient": theirs} | made
        return Message(key=key, **made)

    return make


@pytest.fixture
def store(ledger: Ledger) -> Callable[..., int]:
    """Stores a message, named by its key too, and answers its number."""

    def put(message: Message, thread: str | None = None) -> int:
        with ledger.write("process") as connection:
            ids = texts.store(ledger, connection, [(None, thread, message)])
            texts.name(ledger, connection, ids)
        return ids[message.key]

    return put
