"""Refusals with one cause have one gist, whatever record they speak of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.delivery.gist import gist

IDS = st.from_regex(r"0[0Qa]35g00000[0-9A-Za-z]{5}(AAA)?", fullmatch=True)
NUMBERS = st.integers(1, 10**9).map(str)
VALUES = st.text(st.characters(codec="ascii", exclude_characters="\"'\n\r\t"), max_size=30)


@given(one=IDS, other=IDS)
def test_ids_are_no_cause(one: str, other: str) -> None:
    """Of a record that is locked, or is in the way."""
    words = (
        "DUPLICATE_VALUE: duplicate value found: SMS_Key__c duplicates value on record with id: "
    )
    assert gist(words + one) == gist(words + other) == words + "…"


@given(one=NUMBERS, other=NUMBERS)
def test_numbers_are_no_cause(one: str, other: str) -> None:
    """Sizes, lines and counts."""
    words = "DmlException: row {} failed at line {}"
    assert gist(words.format(one, other)) == gist(words.format(other, one))


@given(one=VALUES.map("{} x".format), other=VALUES.map("{} x".format))
def test_quoted_values_are_no_cause(one: str, other: str) -> None:
    """What somebody typed."""
    assert gist(f"bad value '{one}' here") == gist(f"bad value '{other}' here")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("INVALID_FIELD: No such column 'Title'", "INVALID_FIELD: No such column 'Level__c'"),
        ("HTTP 500", "HTTP 503"),
        ("Flow_1 failed", "Flow_2 failed"),
        ("Phone first", "Title is required"),
        ("INACTIVE_OWNER_OR_USER: x", "BAD_OWNER: x"),
        ("SMS_Key__c is too long", "SMS_Key2__c is too long"),
    ],
)
def test_what_names_the_cause_is_kept(one: str, other: str) -> None:
    """Fields, codes, flows and what an admin wrote."""
    assert gist(one) != gist(other)


@pytest.mark.parametrize(
    "detail",
    [
        "see https://acme.my.salesforce.com/0035g0000000001AAA",
        "ada@example.com may not",
        "run 7c9e6679-7425-40de-944b-e07fc1f90ae7 ended",
        "at 2026-11-20 15:00:00",
    ],
)
def test_other_marks_of_one_record_are_cut(detail: str) -> None:
    """Addresses, run ids and times."""
    assert "…" in gist(detail)
    assert not any(character.isdigit() for character in gist(detail))
    assert "ada" not in gist(detail)


@given(st.text(max_size=200))
def test_any_words_have_a_gist(detail: str) -> None:
    """It says no more than the words did, and its own gist is itself."""
    found = gist(detail)
    assert gist(found) == found
