"""How many rows a request carries, and how long a CRM or a row is left alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.delivery.pace import Pace, back_off_s
from crm_sms.ports import CrmLimits

LIMITS = CrmLimits(
    rows_per_chunk=200, chunks_per_request=5, write_timeout_s=120, late_commit_s=660, least_rows=10
)
answers = st.fixed_dictionaries(
    {
        "carried": st.integers(1, 1000),
        "elapsed_s": st.floats(0, 200),
        "struggled": st.booleans(),
        "unanswered": st.booleans(),
    }
)
calm = {"carried": 10, "elapsed_s": 1.0, "struggled": False, "unanswered": False}


def test_the_first_request_is_as_large_as_the_crm_takes() -> None:
    """Nothing speaks for less until the CRM struggles."""
    assert Pace.start(LIMITS) == Pace(1000)


@given(st.lists(answers, max_size=40))
def test_the_size_stays_within_the_limits(history: list[dict[str, float]]) -> None:
    """Whatever the CRM answers, in whatever order."""
    pace = Pace.start(LIMITS)
    for answer in history:
        pace = pace.after(LIMITS, **answer)  # type: ignore[arg-type]
        assert LIMITS.least_rows <= pace.size <= pace.rows <= LIMITS.rows_per_request


@given(st.integers(10, 1000), answers)
def test_only_a_struggle_shrinks_and_only_a_quick_answer_grows(
    rows: int, answer: dict[str, float]
) -> None:
    """A struggle or a time-out halves what was carried, if that was more than one row; an answer
    that is slow, or none, leaves the size."""
    after = Pace(rows).after(LIMITS, **answer).rows  # type: ignore[arg-type]
    slow = answer["elapsed_s"] >= LIMITS.slow_s
    if answer["struggled"] or (answer["unanswered"] and slow):
        half = max(10, int(answer["carried"]) // 2)
        assert after == (min(rows, half) if answer["carried"] > 1 else rows)
    elif answer["unanswered"] or slow:
        assert after == rows
    else:
        assert rows < after or rows == after == LIMITS.rows_per_request


@given(st.integers(10, 1000))
def test_it_recovers_to_the_full_size(rows: int) -> None:
    """Quick answers alone bring any size back within a few dozen requests."""
    pace = Pace(rows)
    for _ in range(30):
        pace = pace.after(LIMITS, **calm)  # type: ignore[arg-type]
    assert pace.rows == LIMITS.rows_per_request


def test_one_answer_ends_a_row_of_failures() -> None:
    """Failures count only in a row."""
    pace = Pace(100, failures=9)
    assert pace.after(LIMITS, **calm).failures == 0  # type: ignore[arg-type]
    silence = {"carried": 100, "elapsed_s": 120, "struggled": False, "unanswered": True}
    unanswered = pace.after(LIMITS, **silence)  # type: ignore[arg-type]
    assert (unanswered.rows, unanswered.failures) == (50, 10)


def test_without_an_answer_requests_shrink_until_there_is_one() -> None:
    """One of the rows may be to blame; the first answer brings the size back at once."""
    pace, sizes = Pace(1000), []
    for _ in range(8):
        pace = pace.after(
            LIMITS, carried=pace.size, elapsed_s=0.1, struggled=False, unanswered=True
        )
        sizes.append(pace.size)
    assert sizes == [500, 250, 125, 62, 31, 15, 10, 10]
    assert pace.after(LIMITS, **calm).size == 1000  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0), (1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (8, 60)]
)
def test_pauses_double_up_to_a_minute(failures: int, seconds: float) -> None:
    """None while the CRM answers."""
    assert Pace(1, failures).pause_s == seconds


def test_an_outage_of_a_week_still_has_a_pause() -> None:
    """A failure a minute for seven days is no number that breaks the arithmetic."""
    assert Pace(1, timedelta(days=7) // timedelta(minutes=1)).pause_s == 60


@given(st.integers(0, 100_000), st.floats(0, 1))
def test_back_off_is_between_half_and_whole_of_a_bounded_doubling(
    tries: int, jitter: float
) -> None:
    """From half a second to five minutes."""
    whole = min(300.0, 2.0 ** min(tries, 20))
    assert whole / 2 <= back_off_s(tries, jitter) <= whole


@given(st.integers(0, 50), st.floats(0, 1))
def test_back_off_never_falls_with_another_try(tries: int, jitter: float) -> None:
    """With the same jitter."""
    assert back_off_s(tries, jitter) <= back_off_s(tries + 1, jitter)
