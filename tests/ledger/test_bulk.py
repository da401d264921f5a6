"""Many rows by the driver's own insert: the same rows as SQLAlchemy's, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from crm_sms.ledger import Ledger
from crm_sms.ledger.bulk import insert_many, next_ids
from crm_sms.ledger.tables import events, inbox, meta, watermarks
from crm_sms.ledger.types import microseconds

NOW = datetime(2026, 11, 20, 12, 30, 15, 123456, tzinfo=UTC)


def event_row(number: int, key: str) -> dict[str, str | int | float | bool | None]:
    """The columns of an event that must be set."""
    return {
        "verified": True,  # not in the table's order
        "id": number,
        "provider": "acme",
        "account": "main",
        "key": key,
        "text": "%s ? :x %",
        "kind": "status",
        "direction": "outbound",
        "price": 0.1,
        "metadata": '{"offer": "é"}',
        "received_at": microseconds(NOW),
    }


def test_values_arrive_in_their_columns(ledger: Ledger) -> None:
    """Whatever the order of the keys; JSON and instants read back as they were meant."""
    with ledger.write("receive") as connection:
        assert insert_many(ledger, connection, events, [event_row(7, "a"), event_row(9, "b")]) == 2
    with ledger.read() as connection:
        rows = connection.execute(select(events).order_by(events.c.id)).all()
    assert [(row.id, row.key, row.text) for row in rows] == [
        (7, "a", "%s ? :x %"),
        (9, "b", "%s ? :x %"),
    ]
    assert rows[0].received_at == NOW
    assert (rows[0].metadata, rows[0].price, rows[0].verified) == ({"offer": "é"}, 0.1, True)
    assert rows[0].status is None


def test_rows_whose_place_is_taken_are_left_out(ledger: Ledger) -> None:
    """The count is that of the rows inserted, in one call and over calls."""
    place = ("provider", "account", "key")
    with ledger.write("receive") as connection:
        first = [event_row(1, "a"), event_row(2, "b"), event_row(3, "a")]
        assert insert_many(ledger, connection, events, first, unless=place) == 2
        assert insert_many(ledger, connection, events, [event_row(4, "b")], unless=place) == 0
        assert insert_many(ledger, connection, events, [], unless=place) == 0
    with ledger.read() as connection:
        assert connection.execute(select(events.c.id)).scalars().all() == [1, 2]


def test_tables_do_not_share_a_statement(ledger: Ledger) -> None:
    """The text is kept per table and set of columns."""
    with ledger.write("meta") as connection:
        insert_many(ledger, connection, meta, [{"name": "a", "value": "1"}])
        row = {"crm": "c", "part": "p", "at": 1, "pulled_at": 2}
        insert_many(ledger, connection, watermarks, [row])
    with ledger.read() as connection:
        assert connection.execute(select(meta)).one() == ("a", 1)
        assert connection.execute(select(watermarks)).one()[:2] == ("c", "p")


def test_numbers_are_new_and_ascending(ledger: Ledger) -> None:
    """They follow what is there, also when it was numbered by the same means before."""
    with ledger.write("receive") as connection:
        first = next_ids(ledger, connection, events, 3)
        insert_many(ledger, connection, events, [event_row(n, f"a{n}") for n in first])
        second = next_ids(ledger, connection, events, 2)
    assert first == sorted(set(first))
    assert second == sorted(set(second))
    assert first[-1] < second[0]


def test_a_reference_to_nothing_is_refused(ledger: Ledger) -> None:
    """The shorter way leaves out conversions, not constraints."""
    from sqlalchemy.exc import IntegrityError

    with pytest.raises(IntegrityError), ledger.write("receive") as connection:
        insert_many(ledger, connection, inbox, [{"event_id": 99, "since": 1}])
