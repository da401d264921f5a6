"""Pages of a pull, and who holds which number after them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_sms.ledger import Ledger, mirror
from crm_sms.ledger.matched import store_matches
from crm_sms.ledger.mirror_pages import (
    Learnt,
    put_watermark,
    store_others,
    store_people,
    waiting_for,
    watermark,
)
from crm_sms.matching import Match
from crm_sms.records import Opportunity, Owner, Person, PersonKind, Phone, Role

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ADA, BOB = "+12025550123", "+12025550188"


def person(id: str, *numbers: str, **given: Any) -> Person:
    """A contact with these phones."""
    phones = tuple(Phone("Phone", number) for number in numbers)
    return replace(Person("Contact", id, PersonKind.CONTACT, NOW, id, phones=phones), **given)


def page(ledger: Ledger, *rows: Person, crm: str = "sales") -> Learnt:
    """Store one page of people."""
    with ledger.write("sync.page") as connection:
        return store_people(ledger, connection, crm, rows, "US")


def others(ledger: Ledger, *rows: Owner | Opportunity | Role) -> None:
    """Store one page of another kind."""
    with ledger.write("sync.page") as connection:
        store_others(ledger, connection, "sales", rows)


def holders(ledger: Ledger, *numbers: str, crm: str = "sales") -> dict[str, list[str]]:
    """Who holds these numbers."""
    with ledger.read() as connection:
        return mirror.holders(connection, crm, numbers)


def test_a_person_comes_back_with_parsed_phones(ledger: Ledger) -> None:
    """As pulled, but the phones in E.164, sorted; what is no number is left out."""
    pulled = person(
        "1",
        "(202) 555-0188",
        "202-555-0123",
        "none",
        opted_out=True,
        owner_id="o",
        account_id="a",
        fields={"Rating": "Hot", "Score": 1.5, "VIP": True, "Note": None},
    )
    learnt = page(ledger, pulled)
    with ledger.read() as connection:
        found = mirror.people_by_id(connection, "sales", ["1", "2"])
        assert mirror.people_by_id(connection, "sales", []) == {}
        assert mirror.people_by_id(connection, "service", ["1"]) == {}
    phones = (Phone("", ADA), Phone("", BOB))
    assert found == {"1": replace(pulled, phones=phones)}
    assert learnt == Learnt({"1": {ADA, BOB}}, set(), set(), {"1"}, set(), 1)


def test_what_came_again_as_it_was_is_not_counted(ledger: Ledger) -> None:
    """A change in any column counts, and so does one in the numbers alone."""
    ada, bob = person("1", ADA, fields={"Rating": "Hot"}), person("2", BOB)
    assert page(ledger, ada, bob).changed == 2
    assert page(ledger, ada, bob).changed == 0
    assert page(ledger, replace(ada, fields={"Rating": "Hot", "VIP": True}), bob).changed == 1
    assert page(ledger, person("2", ADA)).changed == 1


def test_only_numbers_that_are_new_are_learnt(ledger: Ledger) -> None:
    """A page that comes again teaches nothing; a number that went is not held any more."""
    assert page(ledger, person("1", ADA)).numbers == {"1": {ADA}}
    assert page(ledger, person("1", ADA)).numbers == {}
    assert page(ledger, person("1", BOB), person("2", ADA)).numbers == {"1": {BOB}, "2": {ADA}}
    assert holders(ledger, ADA, BOB) == {ADA: ["2"], BOB: ["1"]}


def test_a_number_may_have_several_holders(ledger: Ledger) -> None:
    """In one order, within one CRM; nobody twice, however it is written."""
    page(ledger, person("2", ADA), person("1", "202-555-0123", ADA), person("3", BOB))
    page(ledger, person("9", ADA), crm="service")
    assert holders(ledger, ADA) == {ADA: ["1", "2"]}
    assert holders(ledger, ADA, crm="service") == {ADA: ["9"]}
    assert holders(ledger) == {}


def test_a_person_twice_in_a_page_counts_as_pulled_last(ledger: Ledger) -> None:
    """A record that changes during a pull may come again."""
    learnt = page(ledger, person("1", ADA), person("1", BOB))
    assert learnt.numbers == {"1": {BOB}}
    assert holders(ledger, ADA, BOB) == {BOB: ["1"]}


def test_a_deleted_person_holds_nothing(ledger: Ledger) -> None:
    """Gone from every answer, and back with all numbers when restored."""
    page(ledger, person("1", ADA))
    assert page(ledger, person("1", ADA, deleted=True)).numbers == {}
    with ledger.read() as connection:
        assert mirror.people_by_id(connection, "sales", ["1"]) == {}
    assert holders(ledger, ADA) == {}
    assert page(ledger, person("1", ADA)).numbers == {"1": {ADA}}


def test_an_unchecked_opt_out_is_told(ledger: Ledger) -> None:
    """Of the living, where the field is seen: it may have to be written again."""
    pulled = [
        person("1", opted_out=False),
        person("2", opted_out=True),
        person("3", opted_out=None),
        person("4", opted_out=False, deleted=True),
    ]
    assert page(ledger, *pulled).unchecked == {"1"}


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from("123"), st.sets(st.sampled_from([ADA, BOB])), st.booleans()),
            max_size=3,
        ),
        max_size=4,
    )
)
def test_any_pages_end_in_the_last_state(
    ledger: Ledger, pages: list[list[tuple[str, set[str], bool]]]
) -> None:
    """Holders are those of each person's last row, whatever came before."""
    page(ledger, *(person(id) for id in "123"))
    held: dict[str, set[str]] = {id: set() for id in "123"}
    for rows in pages:
        page(ledger, *(person(id, *sorted(numbers), deleted=gone) for id, numbers, gone in rows))
        held |= {id: set() if gone else numbers for id, numbers, gone in rows}
    expected = {n: sorted(id for id in held if n in held[id]) for n in (ADA, BOB)}
    assert holders(ledger, ADA, BOB) == {n: ids for n, ids in expected.items() if ids}


def test_owners_come_back_by_id(ledger: Ledger) -> None:
    """The inactive ones too, since their records still name them."""
    one, two = Owner("1", "Kim", NOW, "kim@example.com"), Owner("2", "Lee", NOW, active=False)
    others(ledger, one, two)
    others(ledger)
    others(ledger, replace(one, name="Kim B."))
    with ledger.read() as connection:
        found = mirror.owners_by_id(connection, "sales", ["1", "2", "3"])
        assert mirror.owners_by_id(connection, "sales", []) == {}
    assert found == {"1": replace(one, name="Kim B."), "2": two}


def test_a_pipeline_is_of_the_living(ledger: Ledger) -> None:
    """Roles and opportunities that are deleted are not seen; closed ones are, as closed."""
    opportunities = [
        Opportunity("o1", "Open", NOW, "a", "w", "Qualify", 12.5, date(2026, 12, 31)),
        Opportunity("o2", "Won", NOW, open=False, won=True),
        Opportunity("o3", "Gone", NOW, deleted=True),
    ]
    roles = [
        Role("r1", "o1", "p1", NOW, "Decision maker", primary=True),
        Role("r2", "o2", "p1", NOW),
        Role("r3", "o3", "p2", NOW),
        Role("r4", "o1", "p3", NOW, deleted=True),
        Role("r5", "o2", "p4", NOW),
    ]
    others(ledger, *opportunities)
    others(ledger, *roles)
    with ledger.read() as connection:
        found = mirror.pipeline(connection, "sales", ["p1", "p2", "p3", "p4"])
        assert mirror.pipeline(connection, "sales", []).of("p1") == ((), [])
        assert mirror.opportunities_by_id(connection, "sales", []) == {}
    assert found.of("p1") == (roles[:2], opportunities[:2])
    assert found.of("p2") == ([roles[2]], [])
    assert found.of("p3") == ((), [])
    assert [found.has_open(id) for id in ("p1", "p2", "p3", "p4")] == [True, False, False, False]


@pytest.mark.parametrize("bad", ["\0", "\ud83d"])
def test_a_character_that_a_database_refuses_stops_no_page(ledger: Ledger, bad: str) -> None:
    """It is replaced, in every column and in the further fields."""
    page(ledger, person("1", ADA, name=f"A{bad}da", fields={"Title": f"{bad}Dr", "Age": 7}))
    others(ledger, Owner("o", f"{bad}Kim", NOW, email=f"k{bad}"))
    others(ledger, Opportunity("deal", bad, NOW, stage=f"won{bad}"))
    others(ledger, Role("r", "deal", "1", NOW, role=bad))
    with ledger.read() as connection:
        found = mirror.people_by_id(connection, "sales", ["1"])["1"]
        pipeline = mirror.pipeline(connection, "sales", ["1"])
        owner = mirror.owners_by_id(connection, "sales", ["o"])["o"]
    assert (found.name, found.kind) == ("A\ufffdda", PersonKind.CONTACT)
    assert found.fields == {"Title": "\ufffdDr", "Age": 7}
    assert (owner.name, owner.email) == ("\ufffdKim", "k\ufffd")
    assert pipeline.opportunities["deal"].stage == "won\ufffd"
    assert pipeline.roles["1"][0].role == "\ufffd"


def test_texts_that_concern_nobody_wait_for_their_number(
    ledger: Ledger, message: Callable[..., Any], store: Callable[..., int]
) -> None:
    """In this CRM; those that have a person wait for nobody."""
    ids = [store(message(key, ADA)) for key in ("a", "b", "c")]
    found = [
        Match(ids[0], "sales", "unknown", "no person"),
        Match(ids[1], "sales", "rule", "none", person_id="1"),
        Match(ids[2], "service", "unknown", "no person"),
    ]
    with ledger.write("process") as connection:
        store_matches(ledger, connection, found)
        assert waiting_for(connection, "sales", [ADA]) == [ids[0]]
        assert waiting_for(connection, "sales", [BOB]) == []
        assert waiting_for(connection, "sales", []) == []


def test_each_part_has_its_watermark(ledger: Ledger) -> None:
    """None before the first pull, and the last one after."""
    with ledger.write("sync.watermark") as connection:
        assert watermark(connection, "sales", "people:Contact") is None
        for minutes in (1, 2):
            at = NOW + timedelta(minutes=minutes)
            put_watermark(ledger, connection, "sales", "people:Contact", at, NOW)
        assert watermark(connection, "sales", "people:Contact") == NOW + timedelta(minutes=2)
        assert watermark(connection, "sales", "owners") is None
