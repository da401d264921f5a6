"""Parts of a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.sandbox.twilio.segments import (
    GSM_7,
    GSM_7_EXTENSION,
    count_segments,
    encoding_of,
)

BASIC = st.sampled_from(sorted(GSM_7))
EXTENDED = st.sampled_from(sorted(GSM_7_EXTENSION))


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 152 + "€" + "a" * 7, 2),
        ("a" * 152 + "€" + "a" * 151, 2),
        ("a" * 152 + "€" + "a" * 152, 3),
        ("ç" * 70, 1),
        ("ç" * 71, 2),
        ("ç" * 160, 3),
        ("`" * 71, 2),
        ("Ç" * 160, 1),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("😀" * 66, 2),
        ("😀" * 67, 3),
        ("é" * 160, 1),
        ("a" * 1600, 11),
        ("ы" * 1600, 24),
    ],
)
def test_table(text: str, segments: int) -> None:
    """The limits of both encodings, and characters that must not be split."""
    assert count_segments(text) == segments


def test_the_alphabet_has_its_size() -> None:
    """3GPP TS 23.038 has 127 characters beside escape, and ten in the extension that we count."""
    assert (len(GSM_7), len(GSM_7_EXTENSION)) == (127, 10)
    assert not GSM_7 & GSM_7_EXTENSION


@given(st.text(BASIC, max_size=700))
def test_basic_texts_fill_their_parts(text: str) -> None:
    """One up to 160, then as many parts of 153 as it takes."""
    expected = 1 if len(text) <= 160 else -(-len(text) // 153)
    assert count_segments(text) == expected


@given(st.text(BASIC | EXTENDED, max_size=700))
def test_extended_texts_lie_between_two_bounds(text: str) -> None:
    """Never fewer than the septets need, never more than one lost septet a part explains."""
    septets = sum(2 if c in GSM_7_EXTENSION else 1 for c in text)
    segments = count_segments(text)
    assert encoding_of(text) == "GSM-7"
    if septets <= 160:
        assert segments == 1
    else:
        assert -(-septets // 153) <= segments <= -(-septets // 152)


@given(st.text(max_size=400), st.text(max_size=50))
def test_more_text_never_takes_fewer_parts(text: str, more: str) -> None:
    """Appending cannot make a text cheaper."""
    assert count_segments(text) <= count_segments(text + more)


@given(st.text(st.characters(min_codepoint=0x400, exclude_categories=["Cs"]), max_size=300))
def test_other_alphabets_count_utf_16_units(text: str) -> None:
    """70 units alone, else 67 a part, less what whole characters leave over."""
    units = len(text.encode("utf-16-be")) // 2
    segments = count_segments(text)
    if encoding_of(text) == "UCS-2":
        low, high = (1, 1) if units <= 70 else (-(-units // 67), -(-units // 66))
        assert low <= segments <= high
