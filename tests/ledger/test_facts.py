"""Events in and out: stored once, as they came, and given to one processor at a time."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from crm_sms.events import (
    Click,
    ClickClass,
    Direction,
    ErrorClass,
    Event,
    EventKind,
    Metadata,
    OptOutType,
    Raw,
    Status,
)
from crm_sms.ledger import Ledger, inbox
from crm_sms.ledger.facts import append, known, of_texts, place, suppress, text_alias
from crm_sms.ledger.matched import opt_outs
from crm_sms.ledger.slices import MOST
from crm_sms.ledger.storable import storable
from crm_sms.ledger.tables import event_data, events, suppressions
from crm_sms.phone import parse_address

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
Make = Callable[..., Event]


def add(ledger: Ledger, *new: Event) -> list[bool]:
    """Store events in a commit of their own; which of them were new."""
    with ledger.write("receive") as connection:
        return append(ledger, connection, new, NOW)


def take(ledger: Ledger, most: int = 100) -> list[int]:
    """Claim and finish what waits, as a processor would."""
    with ledger.write("process") as connection:
        ids = [waiting.event_id for waiting in inbox.claim(connection, most)]
        inbox.done(connection, ids)
    return ids


def keys(ledger: Ledger) -> list[str]:
    """The keys of all events, in the order they were stored."""
    with ledger.read() as connection:
        return list(connection.execute(select(events.c.key).order_by(events.c.id)).scalars())


def test_an_event_is_stored_once(ledger: Ledger, event: Make) -> None:
    """A repetition has no second effect, in the same batch or later."""
    assert add(ledger, event("a"), event("b"), event("a")) == [True, True, False]
    assert add(ledger, event("b"), event("c")) == [False, True]
    assert add(ledger) == []
    assert sorted(keys(ledger)) == ["a", "b", "c"]
    assert len(take(ledger)) == 3


def test_the_first_of_two_alike_is_the_one_that_stays(ledger: Ledger, event: Make) -> None:
    """Facts never change: neither a later one of the batch nor of the day replaces them."""
    add(ledger, event("a", body="first"), event("a", body="second"))
    add(ledger, event("a", body="third"))
    with ledger.read() as connection:
        ((_, stored),) = of_texts(connection, [text_alias(event("a"))])[text_alias(event("a"))]
    assert stored.body == "first"


def test_a_key_is_unique_within_its_account(ledger: Ledger, event: Make) -> None:
    """Providers number each account for itself."""
    alike = [event("a"), event("a", account="second"), event("a", provider="other")]
    assert add(ledger, *alike) == [True] * 3
    with ledger.read() as connection:
        assert known(connection, [*alike, event("b")]) == set(map(place, alike))
        assert known(connection, [event("a", provider="other", account="second")]) == set()
        assert known(connection, []) == set()


def test_a_large_batch_is_whole(ledger: Ledger, event: Make) -> None:
    """Half of it new, in any order; every number has its data and its inbox row."""
    old = [event(f"k{number}") for number in range(0, 1000, 2)]
    new = [event(f"k{number}", body=f"b{number}") for number in range(999, -1, -1)]
    assert all(add(ledger, *old))
    assert add(ledger, *new) == [bool(number % 2) for number in range(999, -1, -1)]
    with ledger.read() as connection:
        joined = select(events.c.key, event_data.c.body).join(event_data)
        bodies = {row.key: row.body for row in connection.execute(joined)}
        assert inbox.backlog(connection) == (1000, NOW)
    assert bodies == {f"k{n}": f"b{n}" if n % 2 else None for n in range(1000)}


WORDS = st.none() | st.text(max_size=12)
INSTANTS = st.none() | st.datetimes(
    min_value=datetime(1990, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    timezones=st.just(UTC),
)
ADDRESSES = st.none() | st.sampled_from(["+12025550123", "32665", "ACME", "nonsense", ""]).map(
    parse_address
)


def maybe(words: type) -> st.SearchStrategy[Any]:
    """One of these words or none."""
    return st.none() | st.sampled_from(list(words))  # type: ignore[call-overload]


EVENTS = st.builds(
    Event,
    provider=st.just("acme"),
    account=st.text(max_size=5),
    key=st.text(min_size=1, max_size=8),
    kind=st.sampled_from([kind for kind in EventKind if kind is not EventKind.CLICK]),
    received_at=INSTANTS.filter(bool),
    provider_message_id=st.none() | st.text(min_size=1, max_size=8),
    message_key=st.sampled_from([None, "ours"]),
    direction=st.sampled_from(Direction),
    status=maybe(Status),
    provider_status=WORDS,
    error_code=WORDS,
    error_class=maybe(ErrorClass),
    sender=ADDRESSES,
    recipient=ADDRESSES,
    body=WORDS,
    media=st.lists(st.text(max_size=5), max_size=2).map(tuple),
    media_count=st.none() | st.integers(-(2**40), 2**40),
    segments=st.none() | st.integers(0, 20),
    price=st.none() | st.floats(-10, 10),
    occurred_at=INSTANTS,
    sent_at=INSTANTS,
    opt_out_type=maybe(OptOutType),
    metadata=st.builds(Metadata, campaign=WORDS, person_id=WORDS, arm=WORDS),
    verified=st.booleans(),
    raw=st.none()
    | st.builds(Raw, st.binary(max_size=20), st.text(max_size=5), st.text(max_size=5)),
)
NUMBERS = itertools.count()
CLICKS = st.builds(Click, st.text(max_size=9), WORDS, INSTANTS, st.sampled_from(ClickClass))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EVENTS, st.none() | CLICKS)
def test_an_event_comes_back_as_it_came(ledger: Ledger, event: Event, click: Click | None) -> None:
    """Every attribute but the raw bytes, which are kept apart; whatever a provider sends."""
    if click:
        event = replace(event, kind=EventKind.CLICK, click=click)
    unique = next(NUMBERS)  # as all examples share a ledger
    ours = event.message_key and f"ours-{unique}"
    event = storable(replace(event, account=f"{event.account}{unique}", message_key=ours))
    assert add(ledger, event) == [True]
    with ledger.read() as connection:
        ((number, found),) = of_texts(connection, [text_alias(event)])[text_alias(event)]
        query = select(event_data.c.raw, event_data.c.raw_type, event_data.c.raw_query)
        raw = connection.execute(query.where(event_data.c.event_id == number)).one()
    assert found == replace(event, raw=None)
    came = event.raw
    assert tuple(raw) == ((came.body, came.content_type, came.query) if came else (None,) * 3)


def test_the_oldest_come_first(ledger: Ledger, event: Make) -> None:
    """A processor takes as many as it can carry, and leaves the rest for the next."""
    add(ledger, event("a"))
    add(ledger, event("b", message_key="ours"), event("c", provider_message_id=None))
    with ledger.write("process") as connection:
        waiting = inbox.claim(connection, 2)
        assert [row.message_key for row in waiting] == [None, "ours"]
        assert {row.text for row in waiting} == {"acme:main:m1"}
        inbox.done(connection, [waiting[0].event_id])
    assert len(take(ledger, 1)) == 1
    with ledger.read() as connection:
        assert inbox.backlog(connection) == (1, NOW)
    assert len(take(ledger)) == 1
    with ledger.read() as connection:
        assert inbox.backlog(connection) == (0, None)


def test_a_batch_that_fails_waits_on(ledger: Ledger, event: Make) -> None:
    """Rows leave the inbox in the commit that plans them, or not at all."""
    add(ledger, event("a"))

    def fail() -> None:
        with ledger.write("process") as connection:
            inbox.done(connection, [row.event_id for row in inbox.claim(connection, 9)])
            raise KeyError

    try:
        fail()
    except KeyError:
        assert len(take(ledger)) == 1


def test_a_lower_number_that_commits_later_is_not_lost(
    postgres_ledger: Ledger, event: Make
) -> None:
    """On PostgreSQL numbers commit in any order: what is waited for is a row, not a number."""
    with postgres_ledger.write("receive") as connection:
        append(postgres_ledger, connection, [event("low")], NOW)
        add(postgres_ledger, event("high"))
        assert len(take(postgres_ledger)) == 1
        assert take(postgres_ledger) == []
    assert len(take(postgres_ledger)) == 1
    assert keys(postgres_ledger) == ["low", "high"]


def test_two_processors_never_hold_the_same_row(postgres_ledger: Ledger, event: Make) -> None:
    """What one holds the other passes over, without waiting; an abandoned row comes again."""
    add(postgres_ledger, *(event(f"k{number}") for number in range(4)))
    with postgres_ledger.write("process") as connection:
        mine = {row.event_id for row in inbox.claim(connection, 2)}
        theirs = take(postgres_ledger)
        assert len(mine | set(theirs)) == 4
        inbox.done(connection, [*mine, *theirs])
        connection.rollback()
        connection.begin()
    assert set(take(postgres_ledger)) == mine


def test_what_another_holds_is_not_taken_out(postgres_ledger: Ledger, event: Make) -> None:
    """It plans the same text again, which does no harm; waiting for it could be a deadlock."""
    add(postgres_ledger, event("a"), event("b"))
    with postgres_ledger.write("process") as connection:
        held = [row.event_id for row in inbox.claim(connection, 1)]
        with postgres_ledger.write("process") as second:
            free = [row.event_id for row in inbox.claim(second, 9)]
            inbox.done(second, held + free)
    assert take(postgres_ledger) == held


def test_two_receivers_of_the_same_callbacks_store_each_once(
    ledger: Ledger, other: Ledger, event: Make
) -> None:
    """Retries reach two processes at once, in any order: each event is new to one of them."""
    batch = [event(f"k{number}", provider_message_id=f"m{number}") for number in range(60)]
    answers: dict[str, list[bool]] = {}

    def receive(name: str, where: Ledger, events: list[Event]) -> None:
        answers[name] = [
            one for start in range(0, 60, 20) for one in add(where, *events[start:][:20])
        ]

    threads = [
        threading.Thread(target=receive, args=("forth", ledger, batch)),
        threading.Thread(target=receive, args=("back", other, batch[::-1])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = zip(answers["forth"], answers["back"][::-1], strict=True)
    assert all(one is not two for one, two in told)
    assert len(take(ledger)) == len(keys(ledger)) == 60


def test_a_message_is_put_back_by_one_of_its_events(
    ledger: Ledger, event: Make, message: Callable[..., Any], store: Callable[..., int]
) -> None:
    """Each message once, however many events it has, and none that waits already twice."""
    ids = [store(message(f"acme:main:m{number}")) for number in (1, 2)]
    add(ledger, event("a"), event("b"), event("c", provider_message_id="m2"))
    take(ledger)
    later = NOW + timedelta(hours=1)
    for _ in range(2):
        with ledger.write("process") as connection:
            inbox.put_back(ledger, connection, ids, later)
            inbox.put_back(ledger, connection, [], later)
            assert inbox.backlog(connection) == (2, later)
    with ledger.write("process") as connection:
        assert {row.text for row in inbox.claim(connection, 9)} == {"acme:main:m1", "acme:main:m2"}


def test_messages_are_found_by_their_numbers(
    ledger: Ledger, message: Callable[..., Any], store: Callable[..., int]
) -> None:
    """The person's end of a text, in either direction."""
    ada, bob = "+12025550123", "+12025550188"
    texts = [store(message("out", ada)), store(message("in", ada, direction=Direction.INBOUND))]
    store(message("else", bob))
    with ledger.read() as connection:
        assert sorted(inbox.messages_with(connection, [ada])) == texts
        assert inbox.messages_with(connection, []) == []


def test_long_lists_go_in_pieces(
    ledger: Ledger,
    event: Make,
    message: Callable[..., Any],
    store: Callable[..., int],
    longest: Callable[[Ledger], Callable[[], int]],
) -> None:
    """A bulk assignment or pull concerns more texts than one statement has parameters."""
    ada = "+12025550123"
    id = store(message("acme:main:m1", ada))
    add(ledger, event("a"))
    most = longest(ledger)
    many = 2 * MOST + 1
    numbers = [ada, *(f"+1202{number:07}" for number in range(many)), ada]
    with ledger.write("process") as connection:
        assert inbox.messages_with(connection, numbers) == [id]
        events_waiting = [row.event_id for row in inbox.claim(connection, 9)]
        absent = range(10**6, 10**6 + many)
        assert inbox.done(connection, [*absent, *events_waiting]) == 1
        inbox.put_back(ledger, connection, [*absent, id], NOW)
        assert inbox.backlog(connection) == (1, NOW)
    assert MOST <= most() < 2 * MOST


def no(ledger: Ledger, number: str, key: str, at: datetime, source: str) -> dict[str, Any]:
    """A row of suppressions."""
    return {
        "number_digest": ledger.digest(number),
        "provider": "acme",
        "account": "main",
        "sender": "",
        "at": at,
        "source": source,
        "event_key": key,
    }


def test_the_first_no_of_a_number_counts(ledger: Ledger) -> None:
    """Once per event, in any order; a number that never said no is absent."""
    ada, bob, eve = "+12025550123", "+12025550188", "+12025550199"
    rows = [
        no(ledger, ada, "k2", NOW, "reply"),
        no(ledger, ada, "k1", NOW - timedelta(1), "carrier"),
        no(ledger, bob, "k3", NOW, "reply"),
    ]
    for _ in range(2):
        with ledger.write("receive") as connection:
            suppress(ledger, connection, rows)
            suppress(ledger, connection, [])
    with ledger.read() as connection:
        assert len(connection.execute(select(suppressions)).all()) == 3
        assert opt_outs(ledger, connection, [ada, eve]) == {ada: (NOW - timedelta(1), "carrier")}
        assert opt_outs(ledger, connection, []) == {}
