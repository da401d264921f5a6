"""Merges and conversions are followed to whoever is left, however long and however wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.matching import LONGEST_CHAIN, Followed, follow

LONG = {str(n): str(n + 1) for n in range(LONGEST_CHAIN)}


@pytest.mark.parametrize(
    ("became", "found"),
    [
        ({}, Followed(awaited=None)),
        ({"a": None}, Followed()),
        ({"a": "ann"}, Followed("ann")),
        ({"a": "b", "b": "ann"}, Followed("ann")),
        ({"a": "b", "b": None}, Followed()),
        ({"a": "b"}, Followed(awaited="b")),
        ({"a": "b", "b": "c"}, Followed(awaited="c")),
        ({"a": "a"}, Followed()),
        ({"a": "b", "b": "a"}, Followed()),
    ],
)
def test_a_chain_is_followed_to_its_end(became: dict[str, str | None], found: Followed) -> None:
    """To somebody living, to somebody not pulled yet, or to nobody; a loop leads to nobody."""
    assert follow("a", {"ann"}, became) == found
    assert follow("ann", {"ann"}, became) == Followed("ann")


def test_only_so_many_merges_are_followed() -> None:
    """More than any org has; the last one that counts is found."""
    assert follow("1", {str(LONGEST_CHAIN)}, LONG) == Followed(str(LONGEST_CHAIN))
    assert follow("0", {str(LONGEST_CHAIN)}, LONG) == Followed()


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.none() | st.sampled_from("abcdefxy")),
    st.sampled_from("abcdef"),
)
def test_whoever_is_found_lives_and_is_the_end_of_each_step(
    became: dict[str, str | None], start: str
) -> None:
    """From any record on the way the end is the same."""
    living = {"x", *"abcdef"} - became.keys()
    found = follow(start, living, became)
    assert found.id is None or found.id in living
    assert found.awaited in (None, "y")
    following = became.get(start)
    if following in became:
        assert follow(following, living, became) == found
