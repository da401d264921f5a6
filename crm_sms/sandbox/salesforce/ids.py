"""Record ids as Salesforce makes them: fifteen characters, eighteen with the case checksum."""

from __future__ import annotations

import re
from functools import lru_cache

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_FIFTEEN = re.compile(r"[0-9A-Za-z]{15}")
_POD = "5g"


def make(prefix: str, number: int) -> str:
    """The eighteen-character id of the `number`th record of a kind; later ones sort later."""
    digits = []
    for _ in range(10):
        number, rest = divmod(number, 62)
        digits.append(_DIGITS[rest])
    return _with_check(prefix + _POD + "".join(reversed(digits)))


def normalise(text: str) -> str | None:
    """`text` as an eighteen-character id; None where it is not an id."""
    if len(text) not in (15, 18) or not _FIFTEEN.fullmatch(text[:15]):
        return None
    full = _with_check(text[:15])
    return full if len(text) == 15 or full == text else None


@lru_cache(maxsize=2**16)  # a write checks the same few ids over and over
def _with_check(fifteen: str) -> str:
    return fifteen + "".join(_check(fifteen[at : at + 5]) for at in (0, 5, 10))


def _check(five: str) -> str:
    """The character that says which of five are upper case."""
    return _CHECK[sum(1 << at for at, char in enumerate(five) if "A" <= char <= "Z")]
