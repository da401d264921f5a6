"""Long lists in pieces that every database takes as the parameters of one statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

MOST = 500
"""Far below what databases take: 65,535 on PostgreSQL, 32,766 on SQLite as it comes."""

Value = TypeVar("Value")


def slices(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    """All of them in order, at most MOST at a time; nothing of nothing.

    What is written in several slices goes in one order (sort it), so that two transactions cannot
    wait for each other.
    """
    for start in range(0, len(values), MOST):
        yield values[start : start + MOST]
