"""Until when a ledger can have written to a CRM, and what it says once it was restored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from crm_sms.ledger import Ledger, outbox
from crm_sms.ledger.arrivals import doubt, doubt_waiting
from crm_sms.ledger.crm_records import CrmRecord, remember
from crm_sms.ledger.requests import close_request, last_request, open_request
from crm_sms.ledger.restored import (
    Behind,
    behind,
    forget_behind,
    last_delivery,
    put_behind,
    put_restored,
    restored_at,
)
from crm_sms.ledger.tables import metadata
from crm_sms.ledger.tables import outbox as rows
from crm_sms.messages import Message
from crm_sms.records import DesiredField, DesiredRecord, Lane, Verdict

CRM = "sales"
LEASE = timedelta(minutes=10)
HOUR = timedelta(hours=1)


def turn(ledger: Ledger, began: datetime, ended: datetime | None, at: datetime | None) -> None:
    """A turn at writing; `at` is what the CRM's clock said at its end."""
    with ledger.write("meta") as connection:
        holder = open_request(connection, CRM, "w1", 1, began)
        if ended:
            close_request(connection, holder, 1, [Verdict.DONE], ended, at)


def last(ledger: Ledger, crm: str = CRM) -> datetime | None:
    """What the ledger knows of."""
    with ledger.read() as connection:
        return last_delivery(connection, crm, LEASE)


def test_a_ledger_that_never_wrote_knows_of_nothing(ledger: Ledger) -> None:
    """Whatever a CRM holds of ours, it is not of this ledger."""
    assert last(ledger) is None


def test_the_crms_own_clock_counts(ledger: Ledger, now: datetime) -> None:
    """Ours is an hour slow; a turn that was never answered is moved by as much."""
    turn(ledger, now, now + timedelta(seconds=2), now + HOUR)
    assert last(ledger) == now + HOUR
    turn(ledger, now + HOUR, now + HOUR, None)
    assert last(ledger) == now + 2 * HOUR - timedelta(seconds=2)


def test_a_turn_without_an_end_counts_with_its_lease(ledger: Ledger, now: datetime) -> None:
    """Its worker may have been killed after the request left."""
    turn(ledger, now, None, None)
    assert last(ledger) == now + LEASE


def test_a_turn_of_another_crm_counts_for_a_new_name_only(ledger: Ledger, now: datetime) -> None:
    """A CRM that was renamed is no restore."""
    turn(ledger, now, now, now)
    assert last(ledger, "new") == now
    turn(ledger, now + HOUR, now + HOUR, now + HOUR)
    with ledger.write("meta") as connection:
        holder = open_request(connection, "new", "w1", 1, now)
        close_request(connection, holder, 1, [], now, now)
    assert last(ledger, "new") == now


INSTANTS = st.integers(0, 3600)


@given(turns=st.lists(st.tuples(INSTANTS, INSTANTS, st.booleans()), min_size=1, max_size=9))
def test_no_turn_is_ever_later_than_what_is_known(turns: list[tuple[int, int, bool]]) -> None:
    """In any order, as two workers begin and end, with a clock that is right."""
    start = datetime.fromisoformat("2026-11-20T15:00:00+00:00")
    ledger = Ledger("sqlite://", b"k" * 32)
    metadata.create_all(ledger.engine)
    for began, took, answered in turns:
        end = start + timedelta(seconds=began + took)
        turn(ledger, start + timedelta(seconds=began), end, end if answered else None)
    known = last(ledger)
    assert known == max(start + timedelta(seconds=began + took) for began, took, _ in turns)
    ledger.close()


@pytest.mark.parametrize("known", [None, HOUR], ids=str)
def test_what_was_found_is_kept_until_the_word(
    ledger: Ledger, now: datetime, known: timedelta | None
) -> None:
    """For every process and command."""
    found = Behind(now, known and now - known)
    with ledger.write("meta") as connection:
        assert behind(connection, CRM) is None
        put_behind(ledger, connection, CRM, found)
        assert behind(connection, CRM) == found
        put_restored(ledger, connection, CRM, now)
        forget_behind(connection, CRM)
        assert (behind(connection, CRM), restored_at(connection, CRM)) == (None, now)
    assert last(ledger) == now


def _put(ledger: Ledger, key: str, message_id: int | None, now: datetime) -> None:
    fields = {"Body": DesiredField("x")}
    record = DesiredRecord(CRM, "Text", key, Lane.TIMELINE, fields, key_field="Key")
    with ledger.write("process") as connection:
        outbox.put(
            ledger, connection, [(record, message_id)], now, dict.fromkeys(Lane, timedelta(0))
        )


def _doubted(ledger: Ledger) -> set[str]:
    with ledger.read() as connection:
        return set(connection.execute(select(rows.c.key).where(rows.c.maybe)).scalars())


def test_texts_from_before_the_word_are_doubted_whenever_they_come(
    ledger: Ledger, now: datetime, message: Callable[..., Message], store: Callable[..., int]
) -> None:
    """Also those that the ledger only hears of later; younger ones are new."""
    ids = {}
    for key, at in (("old", now - HOUR), ("young", now + HOUR)):
        ids[key] = store(message(key, occurred_at=at))
        _put(ledger, key, ids[key], now)
    with ledger.write("restored") as connection:
        doubt(connection, CRM, list(ids.values()))
    assert _doubted(ledger) == set()
    with ledger.write("restored") as connection:
        put_restored(ledger, connection, CRM, now)
        doubt(connection, CRM, list(ids.values()))
    assert _doubted(ledger) == {"old"}


def test_what_waits_is_doubted_slice_by_slice(ledger: Ledger, now: datetime) -> None:
    """But for records that the CRM has told of; to the end, and then no more."""
    for number in range(5):
        _put(ledger, f"k{number}", None, now)
    with ledger.write("restored") as connection:
        remember(ledger, connection, CRM, {("Text", "k0"): CrmRecord("a0", {})})
        assert [doubt_waiting(connection, CRM, 3) for _ in range(3)] == [3, 1, 0]
        assert doubt_waiting(connection, "other", 3) == 0
    assert _doubted(ledger) == {"k1", "k2", "k3", "k4"}


def test_few_turns_are_looked_at(ledger: Ledger, now: datetime) -> None:
    """However long the account of them is."""
    for number in range(150):
        at = now + timedelta(seconds=number)
        turn(ledger, at, at, at)
    assert last(ledger) == now + timedelta(seconds=149)


@pytest.mark.parametrize("look", [last_delivery, lambda found, crm, _: last_request(found, crm)])
def test_a_long_account_of_turns_is_not_read_through(
    sqlite_ledger: Ledger,
    now: datetime,
    statements: Callable[[Ledger], list[tuple[str, Any]]],
    look: Any,
) -> None:
    """There is one for each turn of years: the newest are found by an index, also of a CRM that has
    few."""
    turn(sqlite_ledger, now, now, now)
    seen = statements(sqlite_ledger)
    with sqlite_ledger.read() as connection:
        look(connection, CRM, LEASE)
    asked = [one for one in seen if "FROM requests" in one[0]]
    with sqlite_ledger.engine.connect() as connection:
        plans = [
            step[3]
            for text, values in asked
            for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)
        ]
    assert plans
    assert all("ix_requests_crm_id (crm=?)" in step for step in plans), plans
