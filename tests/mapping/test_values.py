"""Native values become what a CRM takes."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.events import Status
from crm_sms.mapping.values import LONGEST_LINK, cut, cut_text, length, to_value
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


@given(st.text(), st.integers(0, 40))
def test_a_cut_text_fits_and_is_a_beginning(text: str, limit: int) -> None:
    """Never longer than the field as the CRM counts, never a split character, nothing else
    changed; what fits is not touched."""
    found = cut(text, limit)
    assert length(found) <= limit
    if length(text) <= limit:
        assert found == text
    elif limit:
        assert found.endswith("…")
        assert text.startswith(found[:-1])
        assert limit - length(found) <= 1


@given(st.text())
def test_length_counts_utf_16_units(text: str) -> None:
    """An emoji beyond the basic plane counts twice."""
    assert length(text) == len(text.encode("utf-16-le", "surrogatepass")) // 2


@given(
    st.lists(st.text(max_size=30) | st.just(URL), max_size=6),
    st.integers(0, 3 * LONGEST_LINK),
)
def test_a_text_with_links_leaves_room_for_them(parts: list[str | Reference], limit: int) -> None:
    """However long the links turn out to be, up to LONGEST_LINK, the whole fits; no link is lost
    and no order changed."""
    found = cut_text(Text(tuple(parts)), limit)
    links = [part for part in parts if part is URL]
    plain = [part for part in found.parts if isinstance(part, str)]
    assert [part for part in found.parts if part is URL] == links
    room = limit - len(links) * LONGEST_LINK
    assert sum(map(length, plain)) <= max(room, 0)
    if sum(length(part) for part in parts if isinstance(part, str)) <= room:
        assert plain == [part for part in parts if isinstance(part, str) and part]


@given(st.lists(st.integers(10**9, 10**12).map(lambda n: f"+{n}"), max_size=9), st.integers(0, 90))
def test_a_list_is_cut_between_its_texts(numbers: list[str], limit: int) -> None:
    """Half a phone number would be somebody else's."""
    found = to_value(tuple(numbers), limit)
    assert isinstance(found, str)
    assert len(found) <= limit
    kept = found.split(";") if found else []
    assert kept == numbers[: len(kept)]
    if len(kept) < len(numbers):
        assert len(";".join(numbers[: len(kept) + 1])) > limit


def test_without_a_limit_nothing_is_cut() -> None:
    """Until the CRM was asked, every text is whole."""
    assert to_value("x" * 100_000) == "x" * 100_000
    assert cut_text(Text(("x" * 1000, URL)), None).parts[0] == "x" * 1000
