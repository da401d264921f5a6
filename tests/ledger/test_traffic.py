"""What became of texts lately is counted where they are stored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from crm_sms.events import Direction
from crm_sms.ledger import Ledger
from crm_sms.ledger.tables import requests, suppressions
from crm_sms.ledger.traffic import Traffic, calls_since, traffic_since

DAY = timedelta(days=1)
Make = Callable[..., Any]


def test_an_empty_ledger_knows_of_nothing(ledger: Ledger, now: datetime) -> None:
    """Not even of calls."""
    with ledger.read() as connection:
        assert traffic_since(connection, now) == Traffic(0, 0, 0, 0)
        assert calls_since(connection, "sales", now) == 0


def test_texts_are_counted_by_what_became_of_them(
    ledger: Ledger, message: Make, store: Callable[..., int], now: datetime
) -> None:
    """Those of the time that is asked for; a number that said no twice is one."""
    store(message("old", occurred_at=now - 2 * DAY, click_count=1))
    store(message("plain"))
    store(message("clicked", click_count=3))
    store(message("reply", direction=Direction.INBOUND))
    with ledger.write("meta") as connection:
        connection.execute(
            suppressions.insert(),
            [
                {
                    "number_digest": number,
                    "provider": "acme",
                    "account": "main",
                    "sender": "",
                    "at": at,
                    "source": "stop",
                    "event_key": key,
                }
                for number, at, key in (
                    ("a", now, "1"),
                    ("a", now, "2"),
                    ("b", now, "3"),
                    ("c", now - 2 * DAY, "4"),
                )
            ],
        )
    with ledger.read() as connection:
        assert traffic_since(connection, now - DAY) == Traffic(2, 1, 1, 2)


def test_calls_are_those_of_one_crm(ledger: Ledger, now: datetime) -> None:
    """A request that has not ended has no number of calls yet."""
    rows = [("sales", now, 3), ("sales", now, None), ("sales", now - 2 * DAY, 5), ("east", now, 7)]
    with ledger.write("meta") as connection:
        connection.execute(
            requests.insert(),
            [
                {"crm": crm, "worker": "w", "started_at": at, "rows": 1, "calls": calls}
                for crm, at, calls in rows
            ],
        )
    with ledger.read() as connection:
        assert calls_since(connection, "sales", now - DAY) == 3
