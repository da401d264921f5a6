"""The small parts: deals that are dealt out, what the provider's log says, percentiles."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from crm_sms.demo.cast import Casting, deals
from crm_sms.demo.naive import Naive
from crm_sms.demo.result import Result, _percentiles
from crm_sms.demo.truth import deals_of
from crm_sms.demo.wire import click_order
from crm_sms.demo.witness import LEFT, Posted, Witness
from crm_sms.demo.words import Click, Script

START = datetime(2026, 11, 1, tzinfo=UTC)


def test_of_ten_contacts_some_have_one_deal_several_or_a_lost_one() -> None:
    """Every rule of which deal a text belongs to has its case."""
    casting = Casting(random.Random(1))
    people = [casting.add() for _ in range(10)]
    made = deals(random.Random(1), people)
    script = Script((), "boss", people, made, (), (), ())
    held = {p.ref: [deal for deal in made if p.ref in deal.people] for p in people}
    chosen = deals_of(script)
    assert sorted({len(theirs) for theirs in held.values()}) == [0, 1, 2]
    assert any(len(theirs) == 2 and ref in chosen for ref, theirs in held.items())
    assert any(len(theirs) == 2 and ref not in chosen for ref, theirs in held.items())
    assert any(theirs and not theirs[0].open for theirs in held.values())
    assert any(len(deal.people) == 2 for deal in made)


def test_people_who_share_a_number_spell_it_as_they_like() -> None:
    """The number is one, the record is another."""
    casting = Casting(random.Random(2))
    one = casting.add()
    other = casting.add("Lead", like=one)
    assert (other.number, other.account) == (one.number, None)
    assert other.ref != one.ref
    assert casting.stranger() not in {one.number, other.number}


def test_the_log_is_read_by_text_and_word() -> None:
    """Doubled callbacks are said once; receipts are of one text, by what they say."""
    log = Witness(
        [
            Posted("status", "a", START, "sending"),
            Posted("status", "a", START + timedelta(seconds=1), "sent"),
            Posted("status", "a", START + timedelta(seconds=2), "sent"),
            Posted("status", "b", START, "sent"),
            Posted("click", "a", START, clicked_at=START, link="x"),
            Posted("click", "a", START, clicked_at=START, link="y"),
        ]
    )
    assert log.distinct == 5
    assert min(log.receipts("a", LEFT)) == START + timedelta(seconds=1)
    assert len(log.receipts("a")) == 5


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [([], (None, None)), ([2.0], (2.0, 2.0)), ([1.0, 2.0, 3.0], (2.0, 2.9))],
)
def test_percentiles_of_few_replies(
    seconds: list[float], wanted: tuple[float | None, float | None]
) -> None:
    """None without any, else between the least and the most."""
    found = _percentiles(seconds)
    assert (found["p50"], found["p95"]) == wanted
    assert found["replies"] == len(seconds)


def test_the_sample_is_scaled_to_all_records() -> None:
    """In whole calls."""
    assert Naive(calls=60, records=30).for_all(1651) == 3302
    assert Naive(calls=7, records=3).for_all(10) == 23


def test_a_result_holds_if_every_check_does() -> None:
    """One that does not is enough."""
    assert Result({"checks": {"a": True}}).ok
    assert not Result({"checks": {"a": True, "b": False}}).ok


def test_a_click_goes_with_its_text() -> None:
    """In the sandbox's words."""
    click = Click(timedelta(minutes=2), human=False, user_agent="x", preview=True)
    assert click_order(click) == {
        "link": click.link,
        "after_s": 120.0,
        "user_agent": "x",
        "event_type": "preview",
    }
