"""Whether two clocks agree, told by the time that came with an answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.ports import Finding
from crm_sms.use_cases.doctor.clocks import Looked, agreement, timed

BEGAN = datetime(2026, 11, 20, 15, 0, 0, 500_000, tzinfo=UTC)
LASTED = timedelta(seconds=4)


def said(theirs: datetime, lasted: timedelta = LASTED) -> Finding:
    """The finding for a check that ended with this time of theirs."""
    (finding,) = agreement("clock x", Looked((), BEGAN, BEGAN + lasted), theirs)
    return finding


@pytest.mark.parametrize(
    ("off", "ok"),
    [(0, True), (30.9, True), (31, None), (120.4, None), (121, False), (86_400, False)],
)
def test_how_far_they_may_differ(off: float, ok: bool | None) -> None:
    """Half a minute is well, two minutes fail; a second more is what whole seconds hide."""
    behind, ahead = (
        said(BEGAN + LASTED + timedelta(seconds=off)),
        said(BEGAN - timedelta(seconds=off)),
    )
    assert behind.ok is ahead.ok is ok
    assert bool(behind.remedy) is (ok is not True)
    if ok is not True:
        assert f"{int(off - 1)} s behind theirs" in behind.text
        assert f"{int(off - 1)} s ahead of theirs" in ahead.text
        assert "timedatectl" in behind.remedy


@given(share=st.floats(0, 1), lasted=st.integers(0, 600), cut=st.booleans())
def test_an_answer_within_the_check_never_warns(share: float, lasted: int, cut: bool) -> None:
    """However long the check took, and though the vendor cuts seconds off."""
    theirs = BEGAN + timedelta(seconds=lasted) * share
    theirs = theirs.replace(microsecond=0) if cut else theirs
    assert said(theirs, timedelta(seconds=lasted)).ok is True


def test_nothing_is_said_where_nothing_was_told() -> None:
    """As of a vendor without a Date, or that did not answer."""
    assert agreement("clock x", Looked((), BEGAN, BEGAN), None) == []


def test_a_check_is_timed_by_our_clock() -> None:
    """Before it begins and after it ended."""
    times = iter([BEGAN, BEGAN + LASTED])
    finding = Finding("x", True, "well")
    assert timed(lambda: next(times), lambda: [finding]) == Looked([finding], BEGAN, BEGAN + LASTED)
