"""The two forms of a record's id."""

from __future__ import annotations

import re

_SHORT = re.compile(r"[0-9A-Za-z]{15}")
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def full_id(id: str) -> str:
    """The 18 characters that the API gives for the 15 that URLs and reports show; what is no such
    id comes back as it is.

    Each of the three added characters says which of five are capitals.
    """
    if not _SHORT.fullmatch(id):
        return id
    return id + "".join(_check(id[at : at + 5]) for at in (0, 5, 10))


def _check(five: str) -> str:
    return _CHECK[sum(1 << at for at, char in enumerate(five) if char.isupper())]
