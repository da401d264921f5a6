"""Messages by their names, whom they concern, and what that adds up to."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from crm_sms.events import Direction, Status
from crm_sms.ledger import Ledger, outbox, texts
from crm_sms.ledger.crm_records import CrmRecord, forget_written, known_records, remember
from crm_sms.ledger.matched import matches_of, opt_out_of, roll_ups, store_matches
from crm_sms.ledger.tables import message_data
from crm_sms.ledger.tables import outbox as outbox_table
from crm_sms.mapping.facts import OptOut, RollUp
from crm_sms.matching import Match
from crm_sms.records import DesiredField, DesiredRecord, Lane

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
Make = Callable[..., Any]
Store = Callable[..., int]


def aliases(ledger: Ledger, ids: Collection[int]) -> dict[int, set[str]]:
    """Every name of these messages."""
    with ledger.read() as connection:
        return texts.aliases_of(connection, ids)


def want(ledger: Ledger, id: int, key: str, key_field: str | None = "Key") -> None:
    """Have a desired record wait for this message."""
    record = DesiredRecord("sales", "Text", key, Lane.TIMELINE, {"A": DesiredField(1)}, key_field)
    with ledger.write("process") as connection:
        outbox.put(ledger, connection, [(record, id)], NOW, {Lane.TIMELINE: MINUTE})


def waiting(ledger: Ledger) -> set[str]:
    """The keys of the records that wait."""
    with ledger.read() as connection:
        return set(connection.execute(select(outbox_table.c.key)).scalars())


def test_a_message_is_found_by_any_of_its_names(
    ledger: Ledger, message: Make, store: Store
) -> None:
    """Ours and the provider's; a name that is taken stays where it is."""
    first, second = store(message("ours")), store(message("acme:main:m2"))
    with ledger.write("process") as connection:
        texts.name(ledger, connection, {"acme:main:m1": first, "acme:main:m2": first})
        texts.name(ledger, connection, {})
        asked = {"ours", "acme:main:m1", "acme:main:m2", "unknown"}
        found = texts.owners_of(connection, asked)
        assert texts.owners_of(connection, []) == {}
    assert found == {"ours": first, "acme:main:m1": first, "acme:main:m2": second}
    assert aliases(ledger, [first]) == {first: {"ours", "acme:main:m1"}}
    assert aliases(ledger, []) == {}


def test_a_message_is_updated_in_place(ledger: Ledger, message: Make, store: Store) -> None:
    """The same number, the later state, with the personal data beside it; new ones among old."""
    id = store(message("a", status=Status.SENT))
    changed = message("renamed", "+12025550188", replied_at=NOW, response_seconds=60)
    with ledger.write("process") as connection:
        batch = [(id, "thread", changed), (None, "thread", message("b"))]
        ids = texts.store(ledger, connection, batch)
        stored = texts.stored(connection, ids.values())
        numbers = connection.execute(select(message_data.c.number, message_data.c.our_address))
        assert sorted(numbers.all()) == [
            ("+12025550123", "+15005550006"),
            ("+12025550188", "+15005550006"),
        ]
        assert {one.key for one in texts.in_threads(connection, ["thread"])} == {"renamed", "b"}
        assert texts.in_threads(connection, []) == []
        assert texts.stored(connection, []) == {}
        assert texts.store(ledger, connection, []) == {}
    assert ids["renamed"] == id
    one = stored[id]
    assert (one.key, one.thread, one.direction) == ("renamed", "thread", Direction.OUTBOUND)
    assert (one.occurred_at, one.replied_at, one.response_seconds) == (NOW, NOW, 60)


@pytest.mark.parametrize(
    "why", ["nothing", "waits", "written", "task", "entry", "leased", "tried", "maybe"]
)
def test_a_key_that_a_crm_may_have_seen_stays(
    ledger: Ledger, message: Make, store: Store, why: str
) -> None:
    """Only a record that never left may be made under another key."""
    id = store(message("key"))
    changes: dict[str, dict[str, Any]] = {
        "leased": {"holder": "1"},
        "tried": {"tries": 1},
        "maybe": {"maybe": True},
    }
    if why in {"waits", *changes}:
        want(ledger, id, "key")
    with ledger.write("process") as connection:
        if why in changes:
            connection.execute(outbox_table.update().values(**changes[why]))
        written = {"written": "key", "task": "task:key", "entry": "entry:key"}
        if why in written:
            remember(ledger, connection, "sales", {("Text", written[why]): CrmRecord("id", {})})
        assert texts.may_rename(ledger, connection, [id]) == (
            {id} if why in {"nothing", "waits"} else set()
        )
        assert texts.may_rename(ledger, connection, []) == set()


def test_whether_a_key_was_written_is_looked_up_by_index(
    sqlite_url: str, statements: Callable[[Ledger], list[tuple[str, Any]]]
) -> None:
    """Every record of every CRM would be read otherwise, in each batch that learns a key."""
    ledger = Ledger(sqlite_url, b"k" * 32)
    seen = statements(ledger)
    with ledger.write("process") as connection:
        texts.may_rename(ledger, connection, [1, 2])
        [(look, values)] = [one for one in seen if "FROM crm_records" in one[0]]
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {look}", values).all()
    ledger.close()
    steps = [row[3] for row in plan if "crm_records" in row[3]]
    assert steps
    assert all("ix_crm_records_key (key=?)" in step for step in steps), steps


def test_what_waits_under_an_old_key_is_forgotten(
    ledger: Ledger, message: Make, store: Store
) -> None:
    """Only the records that are named after the message; those of people wait on."""
    id, second = store(message("a")), store(message("b"))
    want(ledger, id, "a")
    want(ledger, id, "person", key_field=None)
    want(ledger, second, "b")
    with ledger.write("process") as connection:
        texts.forget_waiting(connection, [id])
        texts.forget_waiting(connection, [])
    assert waiting(ledger) == {"person", "b"}


def test_a_match_comes_back_as_stored(ledger: Ledger, message: Make, store: Store) -> None:
    """One in each CRM, replaced as a whole."""
    id = store(message("a"))
    sales = Match(id, "sales", "rule", "none", "Contact", "p1", "o1", {"stage": "x", "amount": 1.5})
    service = Match(id, "service", "unknown", "no person")
    with ledger.write("process") as connection:
        store_matches(ledger, connection, [sales, service])
        assert matches_of(connection, "sales", [id]) == {id: sales}
        assert matches_of(connection, "service", [id]) == {id: service}
        store_matches(ledger, connection, [Match(id, "sales", "triage", "no person")])
        found = matches_of(connection, "sales", [id])[id]
        assert (found.person_id, found.context, found.rule) == (None, None, "triage")
        assert matches_of(connection, "sales", []) == {}


TEXTS: list[tuple[str, dict[str, Any]]] = [
    ("out1", {"occurred_at": NOW, "sent_at": NOW + MINUTE, "click_count": 2}),
    ("out2", {"occurred_at": NOW + 5 * MINUTE, "sent_at": NOW + 5 * MINUTE}),
    ("failed", {"occurred_at": NOW - MINUTE, "sent_at": NOW - MINUTE, "status": Status.FAILED}),
    ("queued", {"occurred_at": NOW + 9 * MINUTE, "sent_at": None, "status": Status.QUEUED}),
    (
        "in1",
        {
            "direction": Direction.INBOUND,
            "status": Status.RECEIVED,
            "occurred_at": NOW + 2 * MINUTE,
            "response_seconds": 60,
        },
    ),
    (
        "in2",
        {
            "direction": Direction.INBOUND,
            "status": Status.RECEIVED,
            "occurred_at": NOW + 7 * MINUTE,
        },
    ),
    (
        "click",
        {"occurred_at": NOW, "sent_at": NOW, "click_count": 1, "last_clicked_at": NOW + MINUTE},
    ),
]


@pytest.mark.parametrize("by", ["person_id", "opportunity_id"])
def test_roll_ups_count_what_left_and_what_came(
    ledger: Ledger, message: Make, store: Store, by: str
) -> None:
    """Texts that never left are not counted; both databases give the same plain numbers."""
    plain = {"crm": "sales", "rule": "r", "opportunity_rule": "o"}
    found = []
    for number, (key, given) in enumerate(TEXTS):
        id = store(message(key, f"+1202555012{number}", **given))
        found.append(Match(id, **plain, **{by: "x"}))
    other = store(message("other", sent_at=None))
    found += [Match(other, **plain, **{by: "y"}), Match(other, **plain | {"crm": "b"}, **{by: "x"})]
    with ledger.write("process") as connection:
        store_matches(ledger, connection, found)
        assert roll_ups(connection, "sales", by, []) == {}
        rolled = roll_ups(connection, "sales", by, ["x", "y", "z"])
    assert rolled["x"] == RollUp(
        sent_count=3,
        reply_count=2,
        click_count=3,
        first_touch_at=NOW,
        last_touch_at=NOW + 7 * MINUTE,
        last_sent_at=NOW + 5 * MINUTE,
        last_reply_at=NOW + 7 * MINUTE,
        last_click_at=NOW + MINUTE,
        last_response_seconds=60,
        last_number="+12025550121",
    )
    assert {type(rolled["x"].sent_count), type(rolled["x"].click_count)} == {int}
    assert rolled["y"] == RollUp()
    assert rolled.keys() == {"x", "y"}


def test_an_opt_out_names_the_first_no_and_every_number() -> None:
    """Of the numbers that a person holds, those that said no, in one order."""
    said = {"b": (NOW, "reply"), "a": (NOW + MINUTE, "carrier"), "c": (NOW - MINUTE, "reply")}
    assert opt_out_of(["b", "a", "x"], said) == OptOut(NOW, "reply", ("a", "b"))
    assert opt_out_of(["x"], said) is None
    assert opt_out_of([], said) is None


def test_what_a_crm_confirmed_is_remembered(ledger: Ledger) -> None:
    """By record; the last confirmation replaces the one before."""
    one, two = ("Text", "a"), ("Task", "a")
    with ledger.write("deliver.settle") as connection:
        remember(
            ledger, connection, "sales", {one: CrmRecord("1", {"A": "x"}), two: CrmRecord("2", {})}
        )
        remember(ledger, connection, "sales", {one: CrmRecord("1", {"B": "y"})})
        remember(ledger, connection, "service", {one: CrmRecord("9", {})})
        remember(ledger, connection, "sales", {})
        assert known_records(connection, "sales", [one, two, ("Text", "b")]) == {
            one: CrmRecord("1", {"B": "y"}),
            two: CrmRecord("2", {}),
        }
        assert known_records(connection, "sales", []) == {}


def test_fields_that_somebody_changed_are_forgotten(ledger: Ledger) -> None:
    """So that the next write sets them again; the count is of records that had them."""
    one, two, three = (("Contact", key) for key in "abc")
    with ledger.write("sync.page") as connection:
        known = {one: CrmRecord("1", {"A": "x", "B": "y"}), two: CrmRecord("2", {"B": "y"})}
        remember(ledger, connection, "sales", known)
        assert forget_written(connection, "sales", [one, two, three], ["A"]) == 1
        assert forget_written(connection, "sales", [one, two, three], ["A"]) == 0
        assert known_records(connection, "sales", [one, two]) == {
            one: CrmRecord("1", {"B": "y"}),
            two: CrmRecord("2", {"B": "y"}),
        }
