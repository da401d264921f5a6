"""Salesforce's JSON values in our form."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms_salesforce.values import distinct, instant, literal, scalar, scalars


def test_instants_end_in_z() -> None:
    """Salesforce writes +0000, we write Z."""
    assert scalar("2026-11-20T15:48:22.000+0000") == "2026-11-20T15:48:22.000Z"


@pytest.mark.parametrize("value", ["2026-11-20", "text", "", 3, 2.5, True, False, None])
def test_other_values_stay(value: object) -> None:
    """Dates, texts, numbers and flags are already in our form."""
    assert scalar(value) == value
    assert type(scalar(value)) is type(value)


@given(st.text("@{}\u2060 a"))
def test_what_we_wrote_comes_back_as_we_meant_it(text: str) -> None:
    """What keeps Composite from reading a reference into it is no edit of a rep; and none is left
    for Composite to find."""
    assert "@{" not in str(literal(text))
    meant = text.replace("@\u2060{", "@{")
    assert scalar(literal(text)) == meant


def test_text_around_an_instant_stays() -> None:
    """Only a value that is an instant as a whole is one."""
    text = "seen 2026-11-20T15:48:22.000+0000"
    assert scalar(text) == text


def test_compound_values_become_none() -> None:
    """An address has no scalar form."""
    assert scalar({"city": "Oslo"}) is None


def test_fields_are_found_in_any_case_and_hidden_ones_are_absent() -> None:
    """A mapping may spell a name otherwise than the org; a hidden field is not None but absent."""
    record = {"attributes": {"type": "Contact"}, "Id": "003", "MobilePhone": None}
    assert scalars(record, ["id", "mobilephone", "SMS_Opt_Out__c"]) == {
        "id": "003",
        "mobilephone": None,
    }


def test_instant_is_parsed_with_its_zone() -> None:
    """SystemModstamp becomes an aware instant."""
    expected = datetime(2026, 11, 20, 15, 48, 22, 5000, tzinfo=UTC)
    assert instant("2026-11-20T15:48:22.005+0000") == expected


@given(st.lists(st.sampled_from(["Id", "ID", "id", "Name", "NAME", "Phone"])))
def test_no_name_comes_twice_and_none_is_lost(names: list[str]) -> None:
    """Repeated names fold in any case, first spelling kept, order kept."""
    kept = distinct(names)
    folded = [name.casefold() for name in names]
    assert [name.casefold() for name in kept] == list(dict.fromkeys(folded))
    assert all(names[folded.index(name.casefold())] == name for name in kept)
