"""Numbers that nobody is known to hold, and when a CRM was asked for them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.ledger import Ledger
from crm_sms.ledger.lookups import AGAIN_AFTER, due, looks_alike, put_asked
from crm_sms.ledger.matched import store_matches
from crm_sms.ledger.slices import MOST
from crm_sms.ledger.tables import lookups, metadata, phones
from crm_sms.matching import Match

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ADA, BOB, EVE = "+12025550123", "+12025550188", "+12025550199"


@pytest.fixture
def unknown(
    ledger: Ledger, message: Callable[..., Any], store: Callable[..., int]
) -> Callable[..., None]:
    """Texts of these numbers that concern nobody in one CRM, by this rule."""

    def put(*numbers: str, crm: str = "sales", rule: str = "unknown") -> None:
        ids = [store(message(f"{rule}{crm}{n}", n, occurred_at=NOW)) for n in numbers]
        with ledger.write("process") as connection:
            store_matches(ledger, connection, [Match(id, crm, rule, "none") for id in ids])

    return put


def asked(ledger: Ledger, at: datetime, *numbers: str, crm: str = "sales") -> None:
    """A CRM was asked, and nobody was found."""
    with ledger.write("sync.lookup") as connection:
        put_asked(ledger, connection, crm, dict.fromkeys(numbers, ()), at)


def now_due(ledger: Ledger, now: datetime = NOW, crm: str = "sales") -> list[str]:
    """What is to be asked."""
    with ledger.read() as connection:
        return due(ledger, connection, crm, now)


def test_each_unknown_number_is_due_once(ledger: Ledger, unknown: Callable[..., None]) -> None:
    """However many texts it has; one CRM's, and only where nobody is known to hold it."""
    unknown(ADA, BOB)
    unknown(ADA, crm="service")
    unknown(EVE, rule="shared")
    assert now_due(ledger) == [ADA, BOB]
    with ledger.write("sync.page") as connection:
        connection.execute(phones.insert().values(crm="sales", person_id="a", e164=ADA))
    assert now_due(ledger) == [BOB]
    assert now_due(ledger, crm="service") == [ADA]


def test_what_was_asked_is_due_a_day_later(ledger: Ledger, unknown: Callable[..., None]) -> None:
    """To the second, and for one CRM alone."""
    unknown(ADA)
    unknown(ADA, crm="service")
    asked(ledger, NOW, ADA)
    assert now_due(ledger, NOW + AGAIN_AFTER - timedelta(seconds=1)) == []
    assert now_due(ledger, NOW + AGAIN_AFTER) == [ADA]
    assert now_due(ledger, NOW - AGAIN_AFTER) == [ADA]
    assert now_due(ledger, crm="service") == [ADA]


def test_many_numbers_are_compared_in_pieces(ledger: Ledger, unknown: Callable[..., None]) -> None:
    """More than one statement has parameters."""
    numbers = [f"+1202555{line:04}" for line in range(MOST + 2)]
    unknown(*numbers)
    asked(ledger, NOW, *numbers[1:-1])
    assert now_due(ledger) == [numbers[0], numbers[-1]]


def test_who_looks_alike_is_kept_as_it_was_last_found(ledger: Ledger) -> None:
    """By number, in a fixed order; nothing for a number without anybody."""
    with ledger.write("sync.lookup") as connection:
        put_asked(ledger, connection, "sales", {ADA: {"p2", "p1"}, BOB: ()}, NOW)
        assert looks_alike(ledger, connection, "sales", [ADA, BOB, EVE]) == {ADA: ["p1", "p2"]}
        assert looks_alike(ledger, connection, "service", [ADA]) == {}
        put_asked(ledger, connection, "sales", {ADA: ["p3"]}, NOW)
        assert looks_alike(ledger, connection, "sales", [ADA]) == {ADA: ["p3"]}
        assert looks_alike(ledger, connection, "sales", []) == {}


def test_rows_of_before_the_day_before_go(ledger: Ledger) -> None:
    """With the next number that is asked for; those of another CRM stay."""
    asked(ledger, NOW, ADA)
    asked(ledger, NOW, ADA, crm="service")
    asked(ledger, NOW + 2 * AGAIN_AFTER, BOB)
    asked(ledger, NOW + 2 * AGAIN_AFTER + timedelta(seconds=1), EVE)
    with ledger.read() as connection:
        left = {(row.crm, row.number_digest) for row in connection.execute(lookups.select())}
    kept = {("sales", BOB), ("sales", EVE), ("service", ADA)}
    assert left == {(crm, ledger.digest(number)) for crm, number in kept}


@given(st.lists(st.tuples(st.integers(0, 72), st.booleans()), max_size=12))
def test_no_number_is_asked_for_twice_within_a_day(steps: list[tuple[int, bool]]) -> None:
    """Whenever somebody looks, and whether or not another number is asked for meanwhile."""
    ledger = Ledger("sqlite://", b"k" * 32)
    metadata.create_all(ledger.engine)
    at, last = NOW, None
    for hours, other in steps:
        at += timedelta(hours=hours)
        with ledger.write("sync.lookup") as connection:
            if other:
                put_asked(ledger, connection, "sales", {BOB: ()}, at)
            row = connection.execute(
                lookups.select().where(lookups.c.number_digest == ledger.digest(ADA))
            ).first()
            lately = row is not None and at - row.at < AGAIN_AFTER
            if not lately:
                assert last is None or at - last >= AGAIN_AFTER
                put_asked(ledger, connection, "sales", {ADA: ()}, at)
                last = at
    ledger.close()
