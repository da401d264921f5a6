"""What many refusals have in common: a CRM's words without the ids and values of single records."""

from __future__ import annotations

import re

_CUT = "…"

_OF_ONE_RECORD = (
    re.compile(r"https?://\S+"),
    re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+"),
    # What stands in quotes is a value, unless it could be the name of a field: the cause may be
    # that very field.
    re.compile(r"\"[^\"]*[^\w.\"][^\"]*\"|'[^']*[^\w.'][^']*'"),
    # An id of 12 characters or more with a digit in it, however it is written.
    re.compile(r"(?<![\w-])(?=[A-Za-z-]*\d)[A-Za-z0-9-]{12,}(?![\w-])"),
    # Numbers, times and sums, but not those of a field's name, nor an HTTP status, which tells.
    re.compile(r"(?<![\w.])(?<!HTTP )\+?\d[\d.,:/ TZ()-]*(?![\w])"),
)

_REPEATED = re.compile(rf"{_CUT}(?:[\s,;]*{_CUT})+")


def gist(detail: str) -> str:
    """The detail with all that is of one record cut out: equal for rows with one cause, as far as
    words can tell."""
    for pattern in _OF_ONE_RECORD:
        detail = pattern.sub(_CUT, detail)
    return " ".join(_REPEATED.sub(_CUT, detail).split())
