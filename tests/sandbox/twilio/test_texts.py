"""The Message resource on its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.sandbox.twilio.texts import (
    DEFAULT_ERRORS,
    DELAYS,
    ERROR_MESSAGES,
    OUTCOMES,
    Text,
    error_message,
    resource,
    way,
)

NOW = datetime(2026, 3, 2, 9, 0, 0, 250_000, tzinfo=UTC)
TEXT = Text(
    number=0,
    sid="SM" + "1" * 32,
    account="AC" + "a" * 32,
    to="+12025550123",
    from_="+12025550100",
    body="Hello",
    status="queued",
    direction="outbound-api",
    segments=3,
    created=NOW,
    updated=NOW,
)


@pytest.mark.parametrize("status", ["sent", "received"])
def test_leaving_and_coming_in_set_the_date(status: str) -> None:
    """And the price, which counts every segment."""
    text = replace(TEXT)
    assert (text.sent, text.price) == (None, None)
    text.move(status, NOW + timedelta(seconds=9))
    assert text.sent == text.updated == NOW + timedelta(seconds=9)
    assert text.price == "-0.02370"


def test_a_failure_before_leaving_costs_nothing() -> None:
    """No date, no price, an error."""
    text = replace(TEXT)
    text.move("failed", NOW)
    assert (text.sent, text.price, text.error_code) == (None, None, 30008)
    assert resource(text)["error_message"] == "Unknown error"


@pytest.mark.parametrize("status", ["queued", "sending", "sent", "delivered", "read", "canceled"])
def test_only_failures_take_an_error(status: str) -> None:
    """A code that was asked for is left out of a text that went well."""
    text = replace(TEXT)
    text.move(status, NOW, 30007)
    assert text.error_code is None
    assert resource(text)["error_message"] is None


@pytest.mark.parametrize("code", [*DEFAULT_ERRORS.values(), 30001, 30007])
def test_common_errors_have_words(code: int) -> None:
    """Those of the table, and a number for the rest."""
    assert error_message(code) == ERROR_MESSAGES[code]
    assert error_message(39999) == "Error 39999"


@given(
    st.datetimes(
        datetime.fromisoformat("2000-01-01"),
        datetime.fromisoformat("2100-01-01"),
        timezones=st.just(UTC),
    ),
    st.integers(0, 10**6),
)
def test_dates_keep_their_second(created: datetime, seconds: int) -> None:
    """RFC 2822 has no fractions; nothing else is lost."""
    text = replace(TEXT, created=created, updated=created + timedelta(seconds=seconds))
    shown = resource(text)
    assert parsedate_to_datetime(shown["date_created"]) == created.replace(microsecond=0)
    assert parsedate_to_datetime(shown["date_updated"]) == text.updated.replace(microsecond=0)


@given(st.text(max_size=40), st.integers(0, 10), st.integers(1, 30))
def test_counts_are_strings(body: str, media: int, segments: int) -> None:
    """Numbers of media and of segments are, the error code is not."""
    text = replace(TEXT, body=body, media=("https://e.com/a",) * media, segments=segments)
    shown = resource(text)
    assert (shown["num_media"], shown["num_segments"]) == (str(media), str(segments))
    assert shown["body"] == body


def test_segments_count_from_the_senders_choice_on() -> None:
    """Before that a Messaging Service says zero."""
    assert resource(replace(TEXT, from_=None))["num_segments"] == "0"


@pytest.mark.parametrize("outcome", sorted(OUTCOMES))
def test_the_usual_way(outcome: Any) -> None:
    """In the usual seconds; through a service queued comes before."""
    steps = way(outcome, via_service=False, delays={})
    assert steps == [(status, DELAYS[status]) for status in OUTCOMES[outcome]]
    assert way(outcome, via_service=True, delays={}) == [("queued", DELAYS["queued"]), *steps]


def test_a_late_step_holds_up_those_behind_it() -> None:
    """Delivery waits for sending."""
    steps = way("delivered", via_service=False, delays={"sent": 100})
    assert steps == [("sending", 1), ("sent", 100), ("delivered", 100)]
