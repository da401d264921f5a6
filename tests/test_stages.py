"""Histories of opportunities, without what changed nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.records import Stage, collapsed

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def stage(id: str, minute: int = 0, **fields: Any) -> Stage:
    """How the deal stood from then on."""
    at = NOON + timedelta(minutes=minute)
    return Stage(id, "deal", at, at, **{"stage": "Open", **fields})


@pytest.mark.parametrize(
    "change",
    [
        {"stage": "Won"},
        {"amount": 5.0},
        {"amount": 0.0},
        {"close_date": date(2026, 12, 31)},
        {"probability": 10.0},
    ],
)
def test_what_changes_something_is_kept(change: dict[str, Any]) -> None:
    """And so is the way back."""
    history = [stage("a"), stage("b", 1, **change), stage("c", 2)]
    assert collapsed(history) == history


def test_rows_that_change_nothing_are_one_from_the_first_on() -> None:
    """Also several of them."""
    history = [stage("a"), stage("b", 1), stage("c", 2), stage("d", 3, amount=5.0)]
    assert collapsed(history) == [history[0], history[3]]


def test_what_the_crm_says_of_a_stage_s_name_changes_nothing() -> None:
    """An admin who closes a stage moves no deal; and a CRM may stamp its rows anew."""
    later = replace(stage("b", 1), closed=True, modified_at=NOON + timedelta(days=1))
    assert collapsed([stage("a"), later]) == [stage("a")]


def test_of_one_instant_the_id_decides() -> None:
    """Two changes within a second stay in one order."""
    history = [stage("a"), stage("b", amount=5.0)]
    assert collapsed(reversed(history)) == history


def test_no_history() -> None:
    """Of a deal that the CRM says nothing of."""
    assert collapsed([]) == []


rows = st.builds(
    stage,
    st.integers(0, 10**6).map(str),
    st.integers(0, 5),
    stage=st.sampled_from(["Open", "Won"]),
    amount=st.sampled_from([None, 1.0]),
)


@given(st.lists(rows, max_size=8, unique_by=lambda row: row.id), st.data())
def test_any_order_gives_the_same_history(history: list[Stage], data: st.DataObject) -> None:
    """It is in order, holds only what there was, begins with the first, and no two neighbours are
    alike; nothing is left to be collapsed."""
    found = collapsed(data.draw(st.permutations(history)))
    assert found == collapsed(history) == collapsed(found)
    assert found == sorted(found, key=lambda row: (row.at, row.id))
    assert set(found) <= set(history)
    assert found[:1] == sorted(history, key=lambda row: (row.at, row.id))[:1]
    pairs = [((a.stage, a.amount), (b.stage, b.amount)) for a, b in pairwise(found)]
    assert all(before != after for before, after in pairs)


@given(st.lists(rows, min_size=1, max_size=8, unique_by=lambda row: row.id), st.integers(-1, 6))
def test_at_every_instant_the_deal_stands_as_it_did(history: list[Stage], minute: int) -> None:
    """What was left out changes no answer to how it stood then."""
    then = NOON + timedelta(minutes=minute)

    def stood(rows: list[Stage]) -> Any:
        past = [row for row in rows if row.at <= then]
        last = max(past, key=lambda row: (row.at, row.id), default=None)
        return last and (last.stage, last.amount)

    assert stood(collapsed(history)) == stood(history)
