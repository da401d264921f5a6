"""Record ids in fifteen and eighteen characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.sandbox.salesforce import ids

NUMBERS = st.integers(0, 62**8)


@pytest.mark.parametrize(
    ("fifteen", "eighteen"),
    [
        # Pairs that Salesforce's own documentation and orgs show.
        ("0015000000Gv7qJ", "0015000000Gv7qJAAR"),
        ("00D000000000062", "00D000000000062EAA"),
        ("005000000000000", "005000000000000AAA"),
    ],
)
def test_the_checksum_is_salesforces(fifteen: str, eighteen: str) -> None:
    """The three characters say which of the fifteen are upper case."""
    assert ids.normalise(fifteen) == eighteen


@given(NUMBERS, NUMBERS)
def test_later_ids_sort_later(one: int, other: int) -> None:
    """Ids of a kind sort in the order they were given out, and none is given out twice."""
    assert (one < other) == (ids.make("003", one) < ids.make("003", other))
    assert (one == other) == (ids.make("003", one) == ids.make("003", other))


@given(NUMBERS)
def test_both_lengths_name_one_record(number: int) -> None:
    """Fifteen characters normalise to the eighteen they come from."""
    full = ids.make("00Q", number)
    assert len(full) == 18
    assert ids.normalise(full) == ids.normalise(full[:15]) == full


@pytest.mark.parametrize(
    "text", ["", "003", "x" * 15 + "AA", "0035g000000000!", "0035g0000000001AAB", "é" * 15]
)
def test_what_is_no_id(text: str) -> None:
    """Wrong length, wrong characters, wrong checksum."""
    assert ids.normalise(text) is None
