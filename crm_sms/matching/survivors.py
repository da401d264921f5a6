"""Who somebody is by now: merges and conversions followed to the record that is left."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass

LONGEST_CHAIN = 20
"""Merges of merges that are followed: a loop, which no CRM should have, ends here."""


@dataclass(frozen=True, slots=True)
class Followed:
    """Where a chain ends: at somebody who lives, at somebody whom the mirror does not know yet
    (`awaited`), or at nobody."""

    id: str | None = None
    awaited: str | None = None


def follow(id: str, living: Container[str], became: Mapping[str, str | None]) -> Followed:
    """The living record that this one became, itself if it lives; `became` are those that live no
    more, each with the one that took its place, or None."""
    start = id
    for _ in range(LONGEST_CHAIN):
        if id in living:
            return Followed(id)
        if id not in became:
            return Followed(awaited=id if id != start else None)
        following = became[id]
        if following is None:
            return Followed()
        id = following
    return Followed()
