"""How long a version of the API is served: by announcement, else by promise."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms_salesforce.versions import RETIREMENTS, released, version_finding

SERVED = [f"{number}.0" for number in range(31, 69)]
TODAY = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("version", "ok", "words"),
    [
        ("68.0", True, "promised until 2029-10-01 at least"),
        ("66.0", True, "promised until 2029-02-01 at least"),
        ("63.0", True, "promised until 2028-02-01 at least"),
        ("62.0", None, "promised until 2027-10-01"),
        ("60.0", None, "promised until 2027-02-01"),
        ("46.0", None, "promised until 2022-06-01"),
        ("40.0", True, "is retired on 2028-06-01 (Salesforce Help 005321531)"),
        ("30.0", False, "is retired since 2025-06-01 (Salesforce Help 000354473)"),
        ("69.0", False, "the org does not serve 69.0"),
    ],
)
def test_what_is_said_in_november_2026(version: str, ok: bool | None, words: str) -> None:
    """Less than a year left warns; gone, or not there, fails."""
    finding = version_finding(SERVED, version, TODAY)
    assert words in finding.text
    assert finding.ok is ok
    assert bool(finding.remedy) is (finding.ok is not True)


@pytest.mark.parametrize(
    ("today", "ok"),
    [
        (date(2027, 6, 2), True),
        (date(2027, 6, 3), None),
        (date(2028, 5, 31), None),
        (date(2028, 6, 1), False),
    ],
)
def test_an_announced_retirement_comes_nearer(today: date, ok: bool | None) -> None:
    """A year ahead it warns, from its day on it fails, even if the org still serves it."""
    assert version_finding(SERVED, "40.0", today).ok is ok


def test_the_remedy_is_the_newest_by_number() -> None:
    """A version of three digits is newer than one of two."""
    finding = version_finding(["99.0", "100.0", "31.0"], "101.0", TODAY)
    assert finding.remedy == "set api_version to 100.0 or lower"
    assert 'set api_version = "68.0"' in version_finding(SERVED, "50.0", TODAY).remedy


@given(number=st.integers(46, 200))
def test_three_releases_a_year(number: int) -> None:
    """In February, June and October, each later than the one before."""
    assert released(number) < released(number + 1)
    assert released(number + 3) == released(number).replace(year=released(number).year + 1)


def test_known_releases() -> None:
    """Summer '19, Spring '26, Winter '27, which came in October 2026."""
    known = {46: date(2019, 6, 1), 66: date(2026, 2, 1), 68: date(2026, 10, 1)}
    assert {number: released(number) for number in known} == known


def test_announcements_are_in_order_and_have_their_source() -> None:
    """The first that covers a version is the one that counts."""
    assert [one.last for one in RETIREMENTS] == sorted(one.last for one in RETIREMENTS)
    assert [one.on for one in RETIREMENTS] == sorted(one.on for one in RETIREMENTS)
    assert all(one.source for one in RETIREMENTS)
