"""How many parts a text needs: GSM-7 while its alphabet suffices, else UCS-2."""

from __future__ import annotations

from collections.abc import Iterable

#: 3GPP TS 23.038: the default alphabet, and the extension table whose characters take two septets.
GSM_7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_7_EXTENSION = frozenset("\f^{}\\[~]|€")


def encoding_of(text: str) -> str:
    """`GSM-7` or `UCS-2`."""
    return "GSM-7" if set(text) <= GSM_7 | GSM_7_EXTENSION else "UCS-2"


def count_segments(text: str) -> int:
    """Parts as billed; an empty text is one. A character is never split over two parts."""
    if encoding_of(text) == "GSM-7":
        return _parts([2 if c in GSM_7_EXTENSION else 1 for c in text], single=160, part=153)
    return _parts([2 if ord(c) > 0xFFFF else 1 for c in text], single=70, part=67)


def _parts(widths: Iterable[int], single: int, part: int) -> int:
    if sum(widths := list(widths)) <= single:
        return 1
    parts, room = 1, part
    for width in widths:
        if width > room:
            parts, room = parts + 1, part
        room -= width
    return parts
