"""Events made durable: with their inbox rows and suppressions, once, in one commit."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from crm_sms.events import (
    Click,
    ClickClass,
    Direction,
    ErrorClass,
    Event,
    EventKind,
    Metadata,
    OptOutRules,
    OptOutType,
    Raw,
    Status,
)
from crm_sms.ledger import Ledger
from crm_sms.ledger.facts import append, known, of_texts, place, text_alias
from crm_sms.ledger.tables import event_data, events, inbox, suppressions
from crm_sms.phone import parse_address
from crm_sms.use_cases.receive import receive

NOW = datetime(2026, 11, 20, 12, 30, 15, 123456, tzinfo=UTC)
RULES = {"acme": OptOutRules({"STOP": OptOutType.STOP, "START": OptOutType.START})}
PERSON, OURS = parse_address("+12025550123"), parse_address("+12025550999")
SENT = Event(
    "acme",
    "main",
    "m1:sent",
    EventKind.STATUS,
    NOW,
    provider_message_id="m1",
    status=Status.SENT,
    sender=OURS,
    recipient=PERSON,
)
REPLY = Event(
    "acme",
    "main",
    "m2:in",
    EventKind.REPLY,
    NOW,
    provider_message_id="m2",
    direction=Direction.INBOUND,
    sender=PERSON,
    recipient=OURS,
    body="Stop",
)
FULL = Event(
    provider="acme",
    account="main",
    key="full",
    kind=EventKind.CLICK,
    received_at=NOW,
    provider_message_id="m3",
    message_key="ours-3",
    status=Status.FAILED,
    provider_status="failed",
    error_code="30003",
    error_class=ErrorClass.UNREACHABLE_TEMPORARY,
    sender=OURS,
    recipient=parse_address("whatsapp:+12025550123"),
    body="Zoë 😀",
    media=("https://a.example/1", "https://a.example/2"),
    media_count=2,
    segments=3,
    price=-0.0225,
    occurred_at=NOW - timedelta(days=400, microseconds=1),
    sent_at=NOW - timedelta(seconds=2),
    opt_out_type=OptOutType.HELP,
    click=Click("https://b.example/x", "Mozilla", NOW, ClickClass.PREVIEW),
    metadata=Metadata(campaign="spring", arm="b", person_id="003A"),
    verified=False,
    raw=Raw(b"\x00\xffbytes", "application/json", "a=1&a=2"),
)


def count(ledger: Ledger, table: Any) -> int:
    """Rows of a table."""
    with ledger.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def back(ledger: Ledger, event: Event) -> Event:
    """An event as the ledger gives it back."""
    with ledger.read() as connection:
        ((_, found),) = of_texts(connection, [text_alias(event)])[text_alias(event)]
    return found


def test_an_event_comes_back_as_it_went_in(ledger: Ledger) -> None:
    """Every field survives, to the microsecond; the raw bytes stay aside."""
    receive(ledger, RULES, [FULL], NOW)
    assert back(ledger, FULL) == replace(FULL, raw=None)
    with ledger.read() as connection:
        row = connection.execute(select(event_data)).one()
    assert (row.raw, row.raw_type, row.raw_query) == (
        b"\x00\xffbytes",
        "application/json",
        "a=1&a=2",
    )


def test_a_bare_event_comes_back_bare(ledger: Ledger) -> None:
    """What was not given is not made up."""
    bare = Event("acme", "main", "bare", EventKind.UNKNOWN, NOW)
    receive(ledger, RULES, [bare], NOW)
    assert back(ledger, bare) == bare


def test_an_event_has_its_inbox_row(ledger: Ledger) -> None:
    """Since when it waits is the time of the commit, not of the event."""
    later = NOW + timedelta(seconds=3)
    assert receive(ledger, RULES, [SENT, REPLY], later) == [True, True]
    with ledger.read() as connection:
        rows = connection.execute(select(inbox).order_by(inbox.c.event_id)).all()
        numbers = connection.execute(select(events.c.id).order_by(events.c.id)).scalars().all()
    assert [(row.event_id, row.since) for row in rows] == [(number, later) for number in numbers]


def test_nothing_is_nothing(ledger: Ledger) -> None:
    """A request without events leaves no trace."""
    assert receive(ledger, RULES, [], NOW) == []
    assert count(ledger, events) == 0


@pytest.mark.parametrize(
    ("change", "no"),
    [
        ({}, "keyword STOP"),
        ({"body": " stop\n"}, "keyword STOP"),
        ({"body": None, "opt_out_type": OptOutType.STOP}, "provider"),
        ({"body": "START"}, None),
        ({"body": "stop it"}, None),
        ({"sender": parse_address("55511")}, None),
    ],
)
def test_a_no_suppresses_the_number(
    ledger: Ledger, change: Mapping[str, Any], no: str | None
) -> None:
    """By its digest, with the source; START and a word in a sentence do not."""
    receive(ledger, RULES, [replace(REPLY, occurred_at=NOW - timedelta(hours=1), **change)], NOW)
    with ledger.read() as connection:
        rows = connection.execute(select(suppressions)).all()
    assert [row.source for row in rows] == ([no] if no else [])
    if rows:
        assert rows[0].number_digest == ledger.digest("+12025550123")
        assert rows[0].at == NOW - timedelta(hours=1)
        assert rows[0].sender == "+12025550999"
        assert rows[0].event_key == "m2:in"


def test_a_failure_for_lack_of_consent_suppresses_the_recipient(ledger: Ledger) -> None:
    """The provider has a no that we never saw."""
    refused = replace(
        SENT, status=Status.FAILED, error_class=ErrorClass.CONSENT, error_code="21610"
    )
    receive(ledger, RULES, [refused], NOW)
    with ledger.read() as connection:
        row = connection.execute(select(suppressions)).one()
    assert (row.number_digest, row.source) == (ledger.digest("+12025550123"), "error 21610")


def test_the_numbers_themselves_are_in_the_side_table_only(ledger: Ledger) -> None:
    """Emptying it leaves facts and suppressions without a number in them."""
    receive(ledger, RULES, [REPLY, SENT], NOW)
    with ledger.read() as connection:
        kept = [connection.execute(select(table)).all() for table in (events, inbox)]
        digests = connection.execute(select(suppressions.c.number_digest)).all()
    assert "2025550123" not in f"{kept}{digests}"


def test_the_same_event_is_stored_once(ledger: Ledger) -> None:
    """Across commits and within one, whatever else it says the second time."""
    assert receive(ledger, RULES, [REPLY, SENT, REPLY], NOW) == [True, True, False]
    again = [replace(REPLY, body="something else"), replace(SENT, key="m1:delivered")]
    assert receive(ledger, RULES, again, NOW) == [False, True]
    assert [count(ledger, table) for table in (events, event_data, inbox)] == [3, 3, 3]
    assert count(ledger, suppressions) == 1
    assert back(ledger, REPLY).body == "Stop"


def test_what_identifies_an_event_is_provider_account_and_key(ledger: Ledger) -> None:
    """Two accounts may use the same key."""
    assert receive(ledger, RULES, [SENT, replace(SENT, account="other")], NOW) == [True, True]


def test_a_processed_event_is_not_processed_again(ledger: Ledger) -> None:
    """A late duplicate brings no new inbox row."""
    receive(ledger, RULES, [SENT], NOW)
    with ledger.write("process") as connection:
        connection.execute(inbox.delete())
    assert receive(ledger, RULES, [SENT], NOW) == [False]
    assert count(ledger, inbox) == 0


def test_a_fault_keeps_nothing(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the suppression cannot be written, neither is the event."""
    monkeypatch.setattr("crm_sms.use_cases.receive.suppress", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        receive(ledger, RULES, [REPLY], NOW)
    assert [count(ledger, table) for table in (events, event_data, inbox)] == [0, 0, 0]
    monkeypatch.undo()
    assert receive(ledger, RULES, [REPLY], NOW) == [True]


def test_many_events_share_one_commit(ledger: Ledger) -> None:
    """Five hundred at once, a third of them known, each answered for itself."""
    many = [replace(SENT, key=f"k{number}") for number in range(500)]
    receive(ledger, RULES, many[::3], NOW)
    assert receive(ledger, RULES, many, NOW) == [bool(number % 3) for number in range(500)]
    assert count(ledger, inbox) == 500


def test_known_finds_exactly_what_is_stored(ledger: Ledger) -> None:
    """A key of another account does not count."""
    receive(ledger, RULES, [SENT, replace(REPLY, account="other")], NOW)
    with ledger.read() as connection:
        found = known(connection, [SENT, REPLY, replace(SENT, key="new")])
        assert known(connection, []) == set()
    assert found == {place(SENT)}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.lists(st.lists(st.integers(0, 8), max_size=6), max_size=6))
def test_any_repetition_ends_the_same(ledger: Ledger, requests: Sequence[Sequence[int]]) -> None:
    """In whatever order and grouping keys come, each is new exactly once."""
    with ledger.write("receive") as connection:
        for table in (inbox, event_data, events):
            connection.execute(table.delete())
    seen: set[int] = set()
    for request in requests:
        expected = []
        for number in request:
            expected.append(number not in seen)
            seen.add(number)
        group = [replace(SENT, key=f"k{number}") for number in request]
        assert receive(ledger, RULES, group, NOW) == expected
    assert count(ledger, events) == count(ledger, inbox) == len(seen)


def test_appending_is_part_of_its_callers_transaction(ledger: Ledger) -> None:
    """Nothing of it stands until the caller commits."""
    with ledger.engine.connect() as connection:
        transaction = connection.begin()
        append(ledger, connection, [SENT], NOW)
        transaction.rollback()
    assert count(ledger, events) == 0


def test_two_processes_may_store_the_same_callbacks_in_any_order(ledger_url: str) -> None:
    """Neither waits for the other in a circle, and each event is new to one of them only."""
    ledgers = [Ledger(ledger_url, b"k") for _ in range(2)]
    together = threading.Barrier(2)

    def store(turn: int) -> list[list[bool]]:
        order = 1 if turn == 0 else -1
        answers = []
        for start in range(0, 400, 40):
            group = [replace(SENT, key=f"k{number}") for number in range(start, start + 40)]
            together.wait(20)
            answers.append(receive(ledgers[turn], RULES, group[::order], NOW)[::order])
        return answers

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(store, range(2))
    for ours, theirs in zip(first, second, strict=True):
        assert all(a != b for a, b in zip(ours, theirs, strict=True))
    assert count(ledgers[0], inbox) == 400
    for ledger in ledgers:
        ledger.close()
