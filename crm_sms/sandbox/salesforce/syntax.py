"""The tree of a SOQL query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Path:
    """`Owner.Name` as its parts, and where it stands in the text."""

    parts: tuple[str, ...]
    line: int
    column: int

    def __str__(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class Literal:
    """`kind` is string, number, date, datetime, boolean or null.

    A string's `value` keeps the escapes of wildcards (`\\_`, `\\%`), which only LIKE may hold.
    """

    kind: str
    value: Any
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Compare:
    """`operator` is one of = != < <= > >= LIKE."""

    path: Path
    operator: str
    literal: Literal


@dataclass(frozen=True, slots=True)
class Among:
    """IN, or NOT IN where `negated`."""

    path: Path
    literals: tuple[Literal, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class AllOf:
    """AND."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """OR."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class NotOf:
    """NOT."""

    item: Node


Node = Compare | Among | AllOf | AnyOf | NotOf


@dataclass(frozen=True, slots=True)
class Ordering:
    """One column of ORDER BY."""

    path: Path
    descending: bool
    nulls_first: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A SELECT; `fields` is empty for COUNT()."""

    text: str
    fields: tuple[Path, ...]
    object: str
    where: Node | None
    order: tuple[Ordering, ...]
    limit: int | None
    offset: int
