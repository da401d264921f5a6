"""How bulk jobs size their write transactions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crm_sms.ledger.portion import AIM_S, LEAST, MOST, Portion


def test_it_doubles_while_whole_portions_are_quick() -> None:
    """From the least to the most, and no further."""
    portion = Portion()
    sizes = []
    for _ in range(6):
        sizes.append(portion.size)
        portion.took(AIM_S / 2, whole=True)
    assert sizes == [LEAST, 100, 200, 400, MOST, MOST]


def test_it_halves_after_a_slow_one() -> None:
    """Also after one that was not whole: fewer rows would have been slow as well."""
    portion = Portion()
    portion.size = 400
    portion.took(AIM_S * 2, whole=False)
    assert portion.size == 200


def test_a_quick_part_of_a_portion_says_nothing() -> None:
    """Three rows that are quick do not prove that six hundred would be."""
    portion = Portion()
    portion.took(AIM_S / 100, whole=False)
    assert portion.size == LEAST


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans())))
def test_it_stays_between_its_bounds(history: list[tuple[float, bool]]) -> None:
    """Whatever a machine does, webhooks never wait for more than MOST rows."""
    portion = Portion()
    for seconds, whole in history:
        portion.took(seconds, whole=whole)
        assert LEAST <= portion.size <= MOST
