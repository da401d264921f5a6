"""The page on matching says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crm_sms.matching import Rule
from crm_sms.phone import digits
from crm_sms.phone.variants import QUIRKS, candidates
from crm_sms.use_cases.sync_people.look_up import MOST_NUMBERS

pytestmark = pytest.mark.checkout

PAGE = (Path(__file__).parents[2] / "docs" / "matching.md").read_text(encoding="utf-8")


def test_every_rule_is_explained_in_the_order_in_which_they_are_tried() -> None:
    """An admin reads them in the list of what is unmatched."""
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == [rule.value for rule in Rule]


def test_every_quirk_is_in_the_table_with_a_pair_that_it_finds() -> None:
    """Both numbers of a row are candidates for each other."""
    rows = re.findall(r"^\| (\w+) \| `(.+?)` and `(.+?)` \|", PAGE, re.MULTILINE)
    assert [country for country, _, _ in rows] == [quirk.country for quirk in QUIRKS]
    for _, one, other in rows:
        assert candidates(f"+{digits(one)}") == (f"+{digits(other)}",)


def test_how_many_numbers_a_sync_asks_for() -> None:
    """As the page says."""
    assert f"{MOST_NUMBERS:,} at most" in PAGE
