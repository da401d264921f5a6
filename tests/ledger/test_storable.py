"""Events that a database would refuse, made to fit."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.events import Click, ClickClass, Direction, Event, EventKind, Metadata, Raw
from crm_sms.ledger import Ledger
from crm_sms.ledger.facts import append, of_texts, text_alias
from crm_sms.ledger.storable import LARGEST_NUMBER, LONGEST_NAME, storable, storable_row
from crm_sms.phone import Address, AddressKind, parse_address
from crm_sms.records import Person, PersonKind, Phone

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PLAIN = Event(
    provider="acme",
    account="main",
    key="k1",
    kind=EventKind.REPLY,
    direction=Direction.INBOUND,
    received_at=NOW,
    provider_message_id="m1",
    sender=parse_address("+12025550123"),
    body="Größe 😀 passt",
    segments=1,
    price=-0.0075,
    raw=Raw(b"\xff\x00", "text/plain"),
)
UNFIT = st.text(st.characters(codec=None, categories=["L", "N", "Cs", "Cc"]), max_size=300)
"""Anything that a str can hold, lone surrogates and NUL among it."""


def stored(ledger: Ledger, event: Event) -> Event:
    """The event as it comes back from the ledger."""
    with ledger.write("receive") as connection:
        assert append(ledger, connection, [event], NOW) == [True]
    with ledger.read() as connection:
        ((_, found),) = of_texts(connection, [text_alias(event)])[text_alias(event)]
    return found


def test_what_fits_is_left_alone() -> None:
    """The common event is not even copied."""
    assert storable(PLAIN) is PLAIN


@pytest.mark.parametrize(
    "change",
    [
        {"body": "a\0b"},
        {"body": "a\ud800b"},
        {"key": "\0"},
        {"account": "\udfff"},
        {"provider_status": "\0"},
        {"media": ("https://a/\0",)},
        {"metadata": Metadata(offer="\0", person_id="\ud800")},
        {"sender": Address("\0", AddressKind.UNPARSABLE)},
        {"kind": EventKind.CLICK, "click": Click("\0", "\ud800", NOW, ClickClass.BOT)},
        {"raw": Raw(b"\0", "\0", "a=\ud800")},
        {"key": "k" * 20_000},
        {"provider_message_id": "é" * 5_000, "account": "é" * 5_000, "key": "é" * 5_000},
        {"segments": 2**31, "media_count": -(2**70)},
        {"price": float("nan")},
        {"price": float("inf")},
    ],
)
def test_what_a_database_refuses_is_stored_on_both(
    ledger: Ledger, change: dict[str, object]
) -> None:
    """NUL, surrogates, long names and large numbers: the event is kept, whichever the ledger."""
    event = storable(replace(PLAIN, **change))  # type: ignore[arg-type]
    assert stored(ledger, event) == replace(event, raw=None)


def test_what_is_changed_can_be_seen() -> None:
    """A replacement character stands for each that was refused; all else stays."""
    event = storable(replace(PLAIN, body="a\0b\ud83dc 😀", metadata=Metadata(offer="x\0")))
    assert event == replace(PLAIN, body="a\ufffdb\ufffdc 😀", metadata=Metadata(offer="x\ufffd"))


def test_the_bytes_received_are_never_changed() -> None:
    """Whoever wants the original finds it in the raw body."""
    raw = Raw(b"\0\xff\xed\xa0\x80", "a\0", "")
    changed = storable(replace(PLAIN, raw=raw)).raw
    assert changed is not None
    assert (changed.body, changed.content_type) == (raw.body, "a\ufffd")


def test_long_names_that_differ_stay_different() -> None:
    """They share a start, but the digest tells them apart; the same name gives the same."""
    long = "k" * 1_000
    first, second = (storable(replace(PLAIN, key=long + end)).key for end in "ab")
    assert first != second
    assert len(first) == len(second) == LONGEST_NAME
    assert storable(replace(PLAIN, key=long + "a")).key == first


@given(
    UNFIT.filter(bool),
    UNFIT,
    st.integers(),
    st.floats(),
    st.lists(UNFIT, max_size=2).map(tuple),
)
def test_any_event_is_made_to_fit(
    name: str, body: str, number: int, price: float, media: tuple[str, ...]
) -> None:
    """Whatever an adapter parses, the result can be written, and making it fit again is nothing."""
    event = storable(replace(PLAIN, key=name, body=body, segments=number, price=price, media=media))
    assert storable(event) is event
    assert "\0" not in event.key + (event.body or "")
    (event.key + (event.body or "") + "".join(event.media)).encode()
    assert len(event.key) <= LONGEST_NAME
    assert abs(event.segments or 0) <= LARGEST_NUMBER


ODD = st.text(st.sampled_from("a\\x0ud8\0\ud800\udfff\n\t'\"🙂\ufffd"), max_size=12)


@given(name=ODD, number=ODD, value=ODD)
def test_a_row_of_a_crm_is_changed_only_where_a_database_would_refuse_it(
    name: str, number: str, value: str
) -> None:
    """In its name, its phones and its columns alike; one that fits is the same object."""
    row = Person(
        "Contact",
        "003",
        PersonKind.CONTACT,
        NOW,
        name=name,
        phones=(Phone("MobilePhone", number),),
        fields={"Title": value},
    )
    stored = storable_row(row)
    given_texts = (name, number, value)
    fitting = tuple(re.sub("[\0\ud800-\udfff]", "\ufffd", text) for text in given_texts)
    assert (stored.name, stored.phones[0].raw, stored.fields["Title"]) == fitting
    if not any("\\" in text for text in given_texts):  # which may read like an escape
        assert (stored is row) == (fitting == given_texts)
