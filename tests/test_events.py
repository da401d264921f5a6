"""The words for what happened to a text."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise

import pytest

from crm_sms import events
from crm_sms.events import RANK, Direction, Event, EventKind, Metadata, Status
from crm_sms.phone import parse_address

NOW = datetime(2026, 11, 20, tzinfo=UTC)
OURS, THEIRS = parse_address("+15005550006"), parse_address("+12025550123")


def event(direction: Direction) -> Event:
    """A fact with both ends."""
    sender, recipient = (OURS, THEIRS) if direction is Direction.OUTBOUND else (THEIRS, OURS)
    return Event(
        "twilio",
        "AC1",
        "k",
        EventKind.STATUS,
        NOW,
        direction=direction,
        sender=sender,
        recipient=recipient,
    )


def test_every_status_has_a_rank() -> None:
    """Or a new one would break the fold at its first callback."""
    assert set(RANK) == set(Status)


def test_a_text_s_way_goes_up_in_rank() -> None:
    """Each step of a text that arrives outranks the one before; nothing outranks being read."""
    way = [
        Status.UNKNOWN,
        Status.SCHEDULED,
        Status.ACCEPTED,
        Status.QUEUED,
        Status.SENDING,
        Status.SENT,
        Status.UNCONFIRMED,
        Status.DELIVERED,
        Status.READ,
    ]
    assert all(RANK[low] < RANK[high] for low, high in pairwise(way))
    assert max(RANK.values()) == RANK[Status.READ]


def test_all_ends_but_reading_are_equal() -> None:
    """Which of two ends stands is for the fold to say, not for their rank."""
    ends = (
        Status.DELIVERED,
        Status.UNDELIVERED,
        Status.FAILED,
        Status.EXPIRED,
        Status.CANCELED,
        Status.RECEIVED,
    )
    assert len({RANK[end] for end in ends}) == 1


@pytest.mark.parametrize("direction", Direction)
def test_the_person_stands_at_the_other_end(direction: Direction) -> None:
    """Sender of what comes in, recipient of what goes out."""
    assert event(direction).person_address == THEIRS
    assert event(direction).our_address == OURS


def test_an_event_is_never_changed() -> None:
    """Neither by accident nor through a new attribute."""
    one = event(Direction.INBOUND)
    with pytest.raises(FrozenInstanceError):
        one.key = "other"  # type: ignore[misc]
    assert not hasattr(one, "__dict__")
    assert hash(one.metadata) == hash(Metadata())


def test_words_are_stored_as_themselves() -> None:
    """The ledger keeps an enum's value: lower case, one per member."""
    for found in vars(events).values():
        if isinstance(found, type) and issubclass(found, StrEnum) and found is not StrEnum:
            values = [member.value for member in found]
            assert values == [member.name.lower() for member in found]


def test_metadata_says_nothing_unless_told() -> None:
    """Each part on its own is optional."""
    assert all(getattr(Metadata(), field.name) is None for field in fields(Metadata))
