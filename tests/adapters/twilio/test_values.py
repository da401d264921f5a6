"""Single values are read tolerantly, and never invented."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms_twilio.values import clean_text, parse_cost, parse_count, parse_instant

INSTANT = datetime(2026, 11, 19, 10, 0, 2, tzinfo=UTC)
offsets = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
instants = st.datetimes(datetime(2000, 1, 2), datetime(2090, 1, 1), timezones=offsets)  # noqa: DTZ001


@pytest.mark.parametrize(
    "text",
    [
        "Thu, 19 Nov 2026 10:00:02 +0000",
        "Thu, 19 Nov 2026 05:00:02 -0500",
        "Thu, 19 Nov 2026 10:00:02 GMT",
        "2026-11-19T10:00:02Z",
        "2026-11-19T10:00:02.000Z",
        "2026-11-19 11:00:02+01:00",
        "2026-11-19 10:00:02 UTC",
    ],
)
def test_instants(text: str) -> None:
    """ISO and RFC 2822 with any zone are the same instant, in UTC."""
    assert parse_instant(text) == INSTANT
    assert str(parse_instant(text)).endswith("+00:00")


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "2026-11-19 10:00:02",
        "2026-11-19",
        "Thu, 19 Nov 2026 10:00:02",
        "Thu, 19 Nov 2026 10:00:02 -0000",
        "2611191000",
        "11/19/2026 10:00",
        "0001-01-01T00:00:00+14:00",
        "2026-13-45T10:00:00Z",
        "soon",
    ],
)
def test_what_has_no_zone_is_no_instant(text: str | None) -> None:
    """A local time of nobody knows where is left out."""
    assert parse_instant(text) is None


@given(instants)
def test_every_spelling_of_an_instant_agrees(instant: datetime) -> None:
    """Both formats give back the instant that was written."""
    assert parse_instant(instant.isoformat()) == instant
    assert parse_instant(format_datetime(instant)) == instant.replace(microsecond=0)


@given(st.text(max_size=40) | st.from_regex(r"\d{4}-\d{2}-\d{2}.{0,20}"))
def test_no_text_raises(text: str) -> None:
    """Anything that is no value is None."""
    instant = parse_instant(text)
    assert instant is None or instant.tzinfo is UTC
    assert parse_count(text) is None or text.isdigit()
    cost = parse_cost(text)
    assert cost is None or cost == cost


@pytest.mark.parametrize(
    ("price", "cost"),
    [("-0.00790", 0.0079), ("0", 0.0), ("0.01", -0.01), ("", None), (None, None), ("nan", None)],
)
def test_a_charge_is_a_cost(price: str | None, cost: float | None) -> None:
    """Twilio writes what it charges as a negative price."""
    assert parse_cost(price) == cost


@given(st.text(st.characters()))
def test_clean_text_can_be_stored(text: str) -> None:
    """Whatever comes out is UTF-8; what was already stays as it is."""
    cleaned = clean_text(text)
    cleaned.encode()
    if all(not 0xD800 <= ord(character) <= 0xDFFF for character in text):
        assert cleaned == text
