"""Native values become what a CRM takes."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.events import Status
from crm_sms.mapping.values import LONGEST_LIST, to_value
from crm_sms.records import Part, Reference, Text

URL = Reference("SMS_Message__c", "k", Part.URL)


@pytest.mark.parametrize(
    ("raw", "written"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (0.0079, 0.0079),
        ("x", "x"),
        (Status.SENT, "sent"),
        (datetime(2026, 11, 20, 15, 48, 22, tzinfo=UTC), "2026-11-20T15:48:22.000Z"),
        (datetime(2026, 11, 20, 15, 48, 22, 999_999, UTC), "2026-11-20T15:48:22.999Z"),
        (
            datetime(2026, 11, 20, 10, 48, tzinfo=timezone(timedelta(hours=-5))),
            "2026-11-20T15:48:00.000Z",
        ),
        (date(2026, 11, 20), "2026-11-20"),
        (("+12025550123", "+12025550124"), "+12025550123;+12025550124"),
        ((), ""),
        (URL, URL),
        (Text(("see ", URL)), Text(("see ", URL))),
    ],
)
def test_each_value_has_a_written_form(raw: object, written: object) -> None:
    """Instants have milliseconds and a Z, dates none, lists are joined; the rest stays."""
    found = to_value(raw)
    assert (found, type(found)) == (written, type(written))


@pytest.mark.parametrize(
    "raw",
    [
        math.nan,
        math.inf,
        10**18,
        -(10**18),
        Decimal(1),
        {"a": 1},
        b"x",
        (1, 2),
        datetime(2026, 11, 20),  # noqa: DTZ001
    ],
)
def test_what_no_field_can_hold_is_refused(raw: object) -> None:
    """Neither NaN nor a naive time nor a table reaches a CRM."""
    with pytest.raises((TypeError, ValueError), match="gives"):
        to_value(raw)


@given(st.lists(st.integers(10**9, 10**12).map(lambda n: f"+{n}"), max_size=40))
def test_a_list_is_cut_between_its_texts(numbers: list[str]) -> None:
    """Half a phone number would be somebody else's; as many as fit are written."""
    found = to_value(tuple(numbers))
    assert isinstance(found, str)
    assert len(found) <= LONGEST_LIST
    kept = found.split(";") if found else []
    assert kept == numbers[: len(kept)]
    if len(kept) < len(numbers):
        assert len(";".join(numbers[: len(kept) + 1])) > LONGEST_LIST


def test_a_list_of_one_long_text_is_not_lost() -> None:
    """What is longer by itself is left whole, for delivery to cut to its field."""
    assert to_value(("x" * 1000, "y")) == "x" * 1000


def test_texts_stay_whole() -> None:
    """How much a field holds is known only when it is written."""
    assert to_value("x" * 100_000) == "x" * 100_000
    assert to_value(Text(("x" * 1000, URL))) == Text(("x" * 1000, URL))
