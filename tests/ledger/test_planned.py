"""What waits as it was planned once: paged, and withdrawn where it is not wanted now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from crm_sms.ledger import Ledger, outbox
from crm_sms.ledger.crm_records import CrmRecord, remember
from crm_sms.ledger.parked import Refused, park
from crm_sms.ledger.planned import (
    planned_after,
    withdraw,
    withdraw_unseen,
    withdraw_unwanted,
)
from crm_sms.ledger.tables import outbox as table
from crm_sms.records import DesiredField, DesiredRecord, Lane, Reason, State

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
NO_WAIT = dict.fromkeys(Lane, timedelta(0))
TRIED: dict[str, dict[str, Any]] = {
    "tried": {"tries": 1},
    "maybe": {"maybe": True},
    "leased": {"holder": "1"},
    "parked": {"state": State.PARKED, "reason": Reason.DATA},
}


def put(ledger: Ledger, *keys: str, due_to: int | None = None, **given: Any) -> None:
    """Have records with these keys wait."""
    plain = {"crm": "sales", "object": "Text", "lane": Lane.TIMELINE, "key_field": "Key"} | given
    fields = {"A": DesiredField(1)}
    records = [(DesiredRecord(key=key, fields=fields, **plain), due_to) for key in keys]
    with ledger.write("process") as connection:
        outbox.put(ledger, connection, records, NOW, NO_WAIT)


def waiting(ledger: Ledger) -> dict[str, int]:
    """The numbers of all rows by key."""
    with ledger.read() as connection:
        return {row.key: row.id for row in connection.execute(table.select())}


def change(ledger: Ledger, key: str, **values: Any) -> None:
    """What a deliverer did to a row."""
    with ledger.write("deliver.settle") as connection:
        connection.execute(table.update().where(table.c.key == key).values(**values))


def test_rows_are_paged_in_the_order_of_their_numbers(ledger: Ledger) -> None:
    """Every row of one CRM once, whatever its state."""
    put(ledger, *map(str, range(5)))
    put(ledger, "x", crm="other")
    change(ledger, "3", **TRIED["parked"])
    seen: list[str] = []
    last = 0
    with ledger.read() as connection:
        while page := planned_after(connection, "sales", last, 2):
            seen += [row.key for row in page]
            last = page[-1].id
    assert seen == [str(number) for number in range(5)]


def test_only_what_nobody_has_tried_is_withdrawn(ledger: Ledger) -> None:
    """The rest may be in the CRM already, and must be brought to an end."""
    put(ledger, *TRIED, "free")
    for key, values in TRIED.items():
        change(ledger, key, **values)
    with ledger.write("process") as connection:
        withdraw(connection, [])
        withdraw(connection, list(waiting(ledger).values()))
    assert waiting(ledger).keys() == TRIED.keys()


@pytest.mark.parametrize("why", ["free", *TRIED])
def test_a_record_that_a_text_does_not_ask_for_any_more_is_withdrawn(
    ledger: Ledger, message: Callable[..., Any], store: Callable[..., int], why: str
) -> None:
    """Unless a request may have carried it; what is still wanted, sums of people, other texts and
    other CRMs are left alone."""
    text, other = store(message("a")), store(message("b"))
    put(ledger, "a", "entry:a", due_to=text)
    put(ledger, "person", due_to=text, key_field=None, lane=Lane.ROLL_UP)
    put(ledger, "b", "entry:b", due_to=other)
    put(ledger, "elsewhere", due_to=text, crm="service")
    before = waiting(ledger).keys()
    if why in TRIED:
        change(ledger, "entry:a", **TRIED[why])
    wanted = {("Text", "a", Lane.TIMELINE), ("Text", "b", Lane.TIMELINE)}
    with ledger.write("process") as connection:
        withdraw_unwanted(connection, "sales", [], wanted)
        withdraw_unwanted(connection, "sales", [text], wanted)
    assert before - waiting(ledger).keys() == ({"entry:a"} if why == "free" else set())


def test_a_lane_of_its_own_is_a_row_of_its_own(
    ledger: Ledger, message: Callable[..., Any], store: Callable[..., int]
) -> None:
    """The same object and key may be wanted in one lane and not in another."""
    text = store(message("a"))
    put(ledger, "a", due_to=text)
    put(ledger, "a", due_to=text, lane=Lane.TASK)
    with ledger.write("process") as connection:
        withdraw_unwanted(connection, "sales", [text], {("Text", "a", Lane.TASK)})
        lanes = connection.execute(table.select()).all()
    assert [row.lane for row in lanes] == [Lane.TASK]


def test_what_could_be_planned_after_all_is_not_left_parked(
    ledger: Ledger, message: Callable[..., Any], store: Callable[..., int]
) -> None:
    """What is refused again stays, with the same number."""
    text = store(message("a"))
    mended, again = Refused("task", text, "why"), Refused("message", text, "why")
    with ledger.write("process") as connection:
        park(ledger, connection, "sales", [mended, again], NOW)
        withdraw_unwanted(connection, "sales", [text], {again.place})
    assert waiting(ledger).keys() == {again.place[1]}


SEEN: dict[str, str] = {"our field": "A", "another field": "B"}
PLACE = ("Text", "p", Lane.ROLL_UP)


@pytest.mark.parametrize("fields", [["A"], None])
@pytest.mark.parametrize("why", ["free", "nothing", *TRIED, *SEEN])
def test_what_no_crm_has_seen_is_withdrawn(
    ledger: Ledger, why: str, fields: list[str] | None
) -> None:
    """In its lane only; where we wrote one of the fields, or may have, the caller hears of it."""
    if why != "nothing":
        put(ledger, "p", key_field=None, lane=Lane.ROLL_UP)
    put(ledger, "p", key_field=None, lane=Lane.OPT_OUT)
    if why in TRIED:
        with ledger.write("deliver.settle") as connection:
            connection.execute(table.update().where(table.c.lane == Lane.ROLL_UP), TRIED[why])
    with ledger.write("process") as connection:
        if why in SEEN:
            known = {("Text", "p"): CrmRecord("p", {SEEN[why]: "x"})}
            remember(ledger, connection, "sales", known)
        assert withdraw_unseen(connection, "sales", {}) == set()
        seen = withdraw_unseen(connection, "sales", {PLACE: fields})
    told = why in TRIED or why == "our field" or (why == "another field" and fields is None)
    assert seen == ({PLACE} if told else set())
    assert rows(ledger) == {Lane.OPT_OUT} | ({Lane.ROLL_UP} if why in TRIED else set())


def rows(ledger: Ledger) -> set[int]:
    """The lanes of what waits."""
    with ledger.read() as connection:
        return set(connection.execute(select(table.c.lane)).scalars())
