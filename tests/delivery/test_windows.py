"""How long lanes wait for company, and what the end of a quota leaves open."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from crm_sms.delivery.windows import Windows, extra_wait, open_lanes, stretch
from crm_sms.records import Lane, Usage

WINDOWS = Windows()
limits = st.integers(1, 10_000_000)


@pytest.mark.parametrize(
    ("lane", "seconds"),
    [(Lane.OPT_OUT, 0), (Lane.TASK, 1), (Lane.TIMELINE, 15), (Lane.ROLL_UP, 60)],
)
def test_urgent_lanes_wait_less(lane: Lane, seconds: float) -> None:
    """As the settings' defaults say."""
    assert WINDOWS.of(lane) == timedelta(seconds=seconds)


@given(st.data(), limits)
def test_the_less_is_left_the_longer_the_windows(data: st.DataObject, limit: int) -> None:
    """Monotone in the calls used, never below what is set, and finite at the end and past it."""
    fewer, more = sorted(data.draw(st.tuples(*[st.integers(0, 2 * limit)] * 2)))
    assert 1 <= stretch(Usage(fewer, limit)) <= stretch(Usage(more, limit)) <= limit


@pytest.mark.parametrize(
    ("used", "factor"), [(0, 1), (500, 1), (750, 2), (875, 4), (1000, 500), (2000, 500)]
)
def test_windows_double_each_time_that_the_rest_halves(used: int, factor: float) -> None:
    """From half of the quota on."""
    assert stretch(Usage(used, 1000)) == factor


@pytest.mark.parametrize("usage", [None, Usage(7, 0)])
def test_a_crm_that_says_nothing_of_a_quota_stretches_nothing(usage: Usage | None) -> None:
    """Nor one whose limit is no limit."""
    assert stretch(usage) == 1
    assert set(extra_wait(WINDOWS, usage).values()) == {timedelta(0)}


@given(limits, st.data())
def test_opt_outs_wait_for_nothing_and_are_always_open(limit: int, data: st.DataObject) -> None:
    """However little is left."""
    usage = Usage(data.draw(st.integers(0, 2 * limit)), limit)
    assert extra_wait(WINDOWS, usage)[Lane.OPT_OUT] == timedelta(0)
    assert Lane.OPT_OUT in open_lanes(WINDOWS, usage)
    assert all(wait >= timedelta(0) for wait in extra_wait(WINDOWS, usage).values())


@given(limits, st.data())
def test_the_reserve_is_kept_for_opt_outs(limit: int, data: st.DataObject) -> None:
    """All lanes are open exactly while more than the reserve is left."""
    used = data.draw(st.integers(0, 2 * limit))
    lanes = open_lanes(WINDOWS, Usage(used, limit))
    enough = limit - used > WINDOWS.reserve * limit
    assert lanes == (tuple(Lane) if enough else (Lane.OPT_OUT,))


@given(st.integers(2, 1000), st.integers(0, 999))
def test_another_window_and_its_extra_wait_keep_their_ratio(limit: int, used: int) -> None:
    """All lanes but opt-outs are stretched by one factor."""
    assume(used <= limit)
    usage = Usage(used, limit)
    waits = extra_wait(WINDOWS, usage)
    for lane in set(Lane) - {Lane.OPT_OUT}:
        whole = WINDOWS.of(lane) + waits[lane]
        assert whole / WINDOWS.of(lane) == pytest.approx(stretch(usage), rel=1e-3)
