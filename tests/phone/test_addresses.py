"""Addresses of texts: numbers in E.164, everything else kept as it came."""

from __future__ import annotations

import re

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.phone import (
    Address,
    AddressKind,
    masked,
    masked_as_typed,
    parse_address,
    to_e164,
)

NUMBER = AddressKind.NUMBER
JANE = "+12025550123"


@pytest.mark.parametrize(
    ("raw", "region", "kind", "e164"),
    [
        (JANE, None, NUMBER, JANE),
        (f"  {JANE} ", None, NUMBER, JANE),
        ("+1 202-555-0123", None, NUMBER, JANE),
        ("(202) 555-0123", "US", NUMBER, JANE),
        ("(202) 555-0123", None, AddressKind.UNPARSABLE, None),
        ("+\N{FULLWIDTH DIGIT ONE}2025550123", None, NUMBER, JANE),
        ("+1\N{FULLWIDTH DIGIT TWO}025550123", None, NUMBER, JANE),
        ("+442079460000", "US", NUMBER, "+442079460000"),
        ("555-0123", "US", AddressKind.UNPARSABLE, None),
        ("55511", "US", AddressKind.SHORT_CODE, None),
        ("72345678", "US", AddressKind.SHORT_CODE, None),
        ("911", "US", AddressKind.SHORT_CODE, None),
        ("12", "US", AddressKind.UNPARSABLE, None),
        ("ACME", "US", AddressKind.NAME, None),
        ("SHOP24", "US", AddressKind.NAME, None),
        ("Bank24x7", "US", AddressKind.NAME, None),
        ("Überbank", None, AddressKind.NAME, None),
        (f"whatsapp:{JANE}", "US", AddressKind.CHANNEL, None),
        ("messenger:104", "US", AddressKind.CHANNEL, None),
        ("+1", "US", AddressKind.UNPARSABLE, None),
        ("", "US", AddressKind.UNPARSABLE, None),
        ("   ", None, AddressKind.UNPARSABLE, None),
        ("+0123456789", None, AddressKind.UNPARSABLE, None),
        ("+1234567890123456", None, AddressKind.UNPARSABLE, None),
    ],
)
def test_an_end_of_a_text_is_what_it_looks_like(
    raw: str, region: str | None, kind: AddressKind, e164: str | None
) -> None:
    """Only numbers have an E.164 form; nothing else is completed to one."""
    assert parse_address(raw, region) == Address(raw, kind, e164)


@pytest.mark.parametrize(
    "raw",
    [
        "2025550123",
        "202.555.0123",
        "1-202-555-0123",
        "+1 (202) 555-0123",
        "202 555 0123",
        "202-555\N{NON-BREAKING HYPHEN}0123",
        "Mobile: 202-555-0123",
    ],
)
def test_people_write_one_number_in_many_ways(raw: str) -> None:
    """All of them are one number in its region."""
    assert to_e164(raw, "US") == JANE


@pytest.mark.parametrize(
    "raw",
    [
        "+1 202 555 0123 ext. 5",
        "202-555-0123 x7",
        "(202) 555-0123 #12",
        "+12025550123;ext=7",
        "(202) 555-0123/0124",
        "5550123",
        "555-0123",
        "n/a",
        "-",
        "see notes",
        "0",
    ],
)
def test_what_reaches_nobody_or_somebody_else_is_no_number(raw: str) -> None:
    """Extensions reach a switchboard, numbers without an area code nobody."""
    assert to_e164(raw, "US") is None


@pytest.mark.parametrize(
    ("raw", "region", "e164"),
    [
        ("020 7946 0000", "GB", "+442079460000"),
        ("030 123456", "DE", "+4930123456"),
        ("02 1234 5678", "IT", "+390212345678"),
        ("06 12 34 56 78", "FR", "+33612345678"),
    ],
)
def test_the_region_completes_a_number(raw: str, region: str, e164: str) -> None:
    """National prefixes go where a country drops them and stay where it keeps them."""
    assert to_e164(raw, region) == e164
    assert to_e164(raw, None) is None
    assert to_e164(e164, "US") == e164


def test_a_new_range_is_a_number_already() -> None:
    """Metadata lags: what is possible counts, not what is known to be assigned."""
    number = "+12005550123"
    assert not phonenumbers.is_valid_number(phonenumbers.parse(number))
    assert to_e164("200 555 0123", "US") == number


anything = st.text() | st.from_regex(r"[+(]?[0-9 ().x-]{0,20}", fullmatch=True)


@given(anything, st.sampled_from([None, "US", "DE", "XX"]))
def test_no_text_is_refused_and_every_number_is_plain_e164(raw: str, region: str | None) -> None:
    """Whatever a vendor gives is kept as it came; a number is ASCII and at most 15 digits."""
    address = parse_address(raw, region)
    assert address.raw == raw
    assert (address.e164 is not None) == (address.kind is NUMBER)
    assert address.shown == (address.e164 or raw)
    if address.e164:
        assert re.fullmatch(r"\+[1-9][0-9]{6,14}", address.e164)
        assert to_e164(address.e164, region) in (address.e164, None)


@given(st.integers(2_000_000_000, 9_999_999_999), st.sampled_from("- .()"))
def test_a_number_and_its_e164_form_are_one(digits: int, mark: str) -> None:
    """Parsing what was parsed changes nothing."""
    text = f"{str(digits)[:3]}{mark}{str(digits)[3:]}"
    e164 = to_e164(text, "US")
    assert e164 in (f"+1{digits}", None)
    if e164:
        assert parse_address(e164, "DE") == Address(e164, NUMBER, e164)


@given(st.text() | st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_masked_shows_at_most_seven_characters(number: str) -> None:
    """And never the whole, nor all but one."""
    shown = masked(number).replace("…", "")
    hidden = number.replace("…", "")
    assert len(shown) <= 7
    assert not hidden or len(hidden) - len(shown) >= 2 or shown == ""


@pytest.mark.parametrize(("number", "shown"), [(JANE, "+1202…23"), ("55511", "…"), ("", "…")])
def test_masked(number: str, shown: str) -> None:
    """The beginning says where from, the end tells two apart."""
    assert masked(number) == shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("+1 202 555 0123 ext. 5", "+1 20• ••• •••• ext. •"),
        (" 555-0123 ", "555-••••"),
        ("see notes", "see notes"),
        ("9" * 50, "999" + "•" * 37),
        ("", ""),
    ],
)
def test_masked_as_typed_keeps_the_form(raw: str, shown: str) -> None:
    """Which says why it is no number."""
    assert masked_as_typed(raw) == shown


@given(st.text())
def test_masked_as_typed_shows_three_digits_at_most(raw: str) -> None:
    """In whatever script they are."""
    assert sum(character.isdigit() for character in masked_as_typed(raw)) <= 3
