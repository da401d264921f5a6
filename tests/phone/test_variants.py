"""How people type a number, and which other numbers may be the same line."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from crm_sms.phone import candidates, digits, searched_digits, to_e164, variants
from crm_sms.phone.variants import QUIRKS

JANE = "+12025550123"
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


@st.composite
def numbers(draw: st.DrawFn) -> tuple[str, str]:
    """A possible number of some region, near one that is known to exist, and the region."""
    region = draw(st.sampled_from(REGIONS))
    kind = draw(st.sampled_from([0, 1, 2]))
    example = phonenumbers.example_number_for_type(region, kind)
    assume(example is not None)
    known = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    last = draw(st.integers(0, 999))
    number = f"{known[:-3]}{last:03}"
    assume(to_e164(number, None) == number)
    return number, region


def test_an_american_number_has_ten_spellings() -> None:
    """As the UI prints it, as exports write it, as people type it."""
    assert variants(JANE) == (
        "+12025550123",
        "12025550123",
        "2025550123",
        "(202) 555-0123",
        "202-555-0123",
        "202.555.0123",
        "+1 202 555 0123",
        "+1 202-555-0123",
        "+1 (202) 555-0123",
        "1-202-555-0123",
    )


@pytest.mark.parametrize(
    ("number", "spellings"),
    [
        ("+442079460000", {"442079460000", "+44 20 7946 0000", "020 7946 0000", "02079460000"}),
        ("+33612345678", {"33612345678", "+33 6 12 34 56 78", "06 12 34 56 78", "0612345678"}),
        ("+390212345678", {"390212345678", "+39 02 1234 5678", "02 1234 5678", "0212345678"}),
        ("+5491123456789", {"5491123456789", "+54 9 11 2345-6789", "011 15-2345-6789"}),
    ],
)
def test_elsewhere_it_is_written_as_its_plan_prints_it(number: str, spellings: set[str]) -> None:
    """International, national with the trunk prefix, and digits alone."""
    assert variants(number)[0] == number
    assert spellings < set(variants(number))


def test_a_number_of_an_older_plan_is_written_as_it_was() -> None:
    """Mexican mobiles had a 1 behind the country's code until 2019; people still have that."""
    assert variants("+5215512345678") == (
        "+5215512345678",
        "5215512345678",
        "+52 1 55 1234 5678",
    )
    assert variants("+22901") == ("+22901", "22901")


@given(numbers())
def test_each_spelling_is_the_number_again_in_its_region(drawn: tuple[str, str]) -> None:
    """So whoever is found by one holds the number, wherever the region is the org's own. Bare
    digits with the country's code are read as a national number by some plans."""
    number, region = drawn
    for spelling in set(variants(number)) - {number[1:]}:
        assert to_e164(spelling, region) == number
    assert to_e164(number[1:], region) is not None


@given(
    numbers()
    | st.from_regex(r"\+([1-9]|52|54|55|39|229)[0-9]{6,12}", fullmatch=True).map(lambda n: (n, ""))
)
def test_spellings_are_few_short_and_found_by_their_digits(drawn: tuple[str, str]) -> None:
    """Also of a number that no plan knows: E.164 comes first, none comes twice, each fits into a
    phone field, and a search for digits finds all."""
    number, _ = drawn
    found = variants(number)
    assert found[:2] == (number, number[1:])
    assert len(set(found)) == len(found) <= 10
    assert all(len(spelling) <= 40 for spelling in found)
    assert {digits(spelling) for spelling in found} == searched_digits(number)
    assert all(digits(spelling)[-4:] == number[-4:] for spelling in found)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+5215512345678", "+525512345678"),
        ("+5491123456789", "+541123456789"),
        ("+5511987654321", "+551187654321"),
        ("+390212345678", "+39212345678"),
        ("+2290197123456", "+22997123456"),
    ],
)
def test_a_line_may_go_by_another_number(one: str, other: str) -> None:
    """In either direction; which one somebody typed depends on when and from where."""
    assert candidates(one) == (other,)
    assert candidates(other) == (one,)


@pytest.mark.parametrize(
    "number",
    [
        JANE,
        "+442079460000",
        "+551132654321",  # a landline in São Paulo
        "+5511932654321",  # no mobile has a 3 behind the ninth digit's place
        "+52155123456789",
        "+5255",
    ],
)
def test_most_numbers_have_one_form_only(number: str) -> None:
    """A rule of one plan says nothing of another, nor of landlines where it is for mobiles."""
    assert candidates(number) == ()


@given(st.from_regex(r"\+(52|54|55|39|229)[0-9]{8,11}", fullmatch=True))
def test_being_a_candidate_is_mutual(number: str) -> None:
    """Whichever of two forms a text comes from, the other one is found."""
    for other in candidates(number):
        assert other != number
        assert number in candidates(other)


def test_every_rule_says_where_it_is_from() -> None:
    """And one that nobody checked says so."""
    assert all("[mem]" in quirk.source or "#" in quirk.source for quirk in QUIRKS)
