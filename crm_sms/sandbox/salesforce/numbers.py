"""An index of phone numbers by their digits, as a search looks them up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_GROUP = re.compile(r"\d+")

Place = tuple[str, str]
"""The id of a row, and its field that holds the number."""


def digits(text: str) -> str:
    """What counts of a number that is searched for."""
    return "".join(_GROUP.findall(text))


class Numbers:
    """Numbers of the rows of one object. A stored number is found by all of its digits, and by
    those from one of its groups on: (555) 123-4567 as 5551234567, 1234567 and 4567.
    """

    def __init__(self, fields: list[str]) -> None:
        self._fields = fields
        self._places: dict[str, set[Place]] = {}

    def add(self, row: dict[str, Any]) -> None:
        """Takes the numbers of a row in."""
        for token, place in self._tokens(row):
            self._places.setdefault(token, set()).add(place)

    def discard(self, row: dict[str, Any]) -> None:
        """Takes them out again."""
        for token, place in self._tokens(row):
            self._places[token].discard(place)

    def find(self, wanted: str, *, prefix: bool = False) -> set[Place]:
        """Where those digits stand; with `prefix`, where a number begins with them."""
        if not prefix:
            return self._places.get(wanted, set())
        found = (places for token, places in self._places.items() if token.startswith(wanted))
        return set().union(*found)

    def _tokens(self, row: dict[str, Any]) -> Iterator[tuple[str, Place]]:
        for name in self._fields:
            groups = _GROUP.findall(row.get(name, ""))
            for start in range(len(groups)):
                yield "".join(groups[start:]), (row["Id"], name)
