"""Records of a text wait for its body, and no longer than they were told to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crm_sms.delivery.settling import Settlement
from crm_sms.ledger import Ledger, claims, leased, outbox
from crm_sms.ledger.claims import Turn
from crm_sms.ledger.outbox import OutboxRow
from crm_sms.records import DesiredField, DesiredRecord, Lane, State, WriteRule

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
WINDOWS = dict.fromkeys(Lane, 15 * SECOND)
HOLD = NOW + 120 * SECOND


class Box:
    """The outbox with the records of one text."""

    def __init__(self, ledger: Ledger, message_id: int) -> None:
        self.ledger, self.id = ledger, message_id

    def put(
        self, lane: Lane = Lane.TIMELINE, at: datetime = NOW, until: datetime | None = None
    ) -> None:
        """A record of the text is wanted."""
        fields = {"Body": DesiredField("x", WriteRule.ALWAYS)}
        record = DesiredRecord(
            crm="sales", object="Text", key="k", lane=lane, partition="p", fields=fields
        )
        holds: Mapping[int, datetime] = {self.id: until} if until else {}
        with self.ledger.write("process") as connection:
            outbox.put(self.ledger, connection, [(record, self.id)], at, WINDOWS, holds)

    def claim(self, at: datetime) -> list[OutboxRow]:
        """What a request that began then could carry; it is leased."""
        turn = Turn(
            crm="sales",
            holder="1",
            now=at,
            lease_until=at + SECOND,
            late_commit=SECOND,
            lanes=tuple(Lane),
            waits=dict.fromkeys(Lane, 0 * SECOND),
            horizon=at + timedelta(days=1),
            size=10,
        )
        with self.ledger.write("deliver.claim") as connection:
            rows = claims.candidates(connection, turn)
            claims.claim(connection, turn, rows)
        return rows

    def failed(self, row: OutboxRow, again: datetime) -> None:
        """A request did not do it."""
        settlement = Settlement(State.WAITING, again, tries=1)
        with self.ledger.write("deliver.settle") as connection:
            leased.settle(connection, "1", [(row, settlement)])

    def due(self) -> datetime | None:
        """When the next row's turn comes."""
        with self.ledger.read() as connection:
            return outbox.next_due(connection, "sales")


@pytest.fixture
def box(ledger: Ledger, store: Callable[..., int], message: Callable[..., Any]) -> Box:
    """The outbox, on both databases."""
    return Box(ledger, store(message("k")))


def test_a_held_record_travels_with_no_request(box: Box) -> None:
    """Not even with one that leaves for others; then its turn comes by itself."""
    box.put(until=HOLD)
    assert box.claim(HOLD - SECOND) == []
    assert box.due() == HOLD
    assert len(box.claim(HOLD)) == 1


@pytest.mark.parametrize("lane", [Lane.OPT_OUT, Lane.TASK, Lane.ROLL_UP])
def test_only_records_and_entries_of_the_text_are_held(box: Box, lane: Lane) -> None:
    """No task and no opt-out waits for a body."""
    box.put(lane, until=HOLD)
    assert len(box.claim(NOW)) == 1


def test_the_body_lets_it_go(box: Box) -> None:
    """A record that is wanted without a hold goes when its window ends."""
    box.put(until=HOLD)
    box.put(at=NOW + 40 * SECOND)
    assert box.due() == NOW + 40 * SECOND
    assert len(box.claim(NOW + 40 * SECOND)) == 1


def test_more_callbacks_hold_it_no_longer(box: Box) -> None:
    """Nor does one that comes after others let it go."""
    box.put(until=HOLD)
    box.put(at=NOW + 90 * SECOND, until=HOLD)
    assert box.due() == HOLD
    box.put(at=NOW + 100 * SECOND, until=HOLD + 60 * SECOND)
    assert box.due() == HOLD


def test_a_hold_that_is_over_is_none(box: Box) -> None:
    """What is planned late goes at once."""
    box.put(at=HOLD + SECOND, until=HOLD)
    assert len(box.claim(HOLD + SECOND)) == 1


def test_a_body_does_not_cut_a_back_off_short(box: Box) -> None:
    """A row that a request failed to write waits as long as that asked for."""
    box.put()
    [row] = box.claim(NOW)
    box.failed(row, NOW + 600 * SECOND)
    box.put(at=NOW + 60 * SECOND)
    assert box.claim(NOW + 599 * SECOND) == []
