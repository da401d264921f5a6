"""Long lists in pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crm_sms.ledger.slices import MOST, slices


@given(st.integers(0, 4 * MOST))
def test_slices_hold_everything_once_and_in_order(count: int) -> None:
    """None is empty, none too long, and only the last is short."""
    values = list(range(count))
    found = list(slices(values))
    assert [value for some in found for value in some] == values
    assert all(len(some) == MOST for some in found[:-1])
    assert all(0 < len(some) <= MOST for some in found)
