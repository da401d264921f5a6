"""What the names in a mapping's expressions stand for, found out before any record is mapped."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass
from datetime import date, datetime
from difflib import get_close_matches
from enum import Enum, StrEnum
from functools import lru_cache
from operator import itemgetter
from typing import Any

from crm_sms.records import Reference

Values = Mapping[str, Any]
"""The facts that an expression may speak of, by name."""


class Kind(StrEnum):
    """What sort of value an expression gives, as far as it is known beforehand."""

    TEXT = "a text"
    NUMBER = "a number"
    CHECKBOX = "true or false"
    INSTANT = "an instant"
    DATE = "a date"
    LIST = "a list of texts"
    LINK = "a link"
    RECORD = "a record"
    ANY = "anything"

    @classmethod
    def of(cls, type_: Any) -> Kind:
        """The kind of values of a type."""
        if type_ is Any or not isinstance(type_, type):
            return cls.LIST if typing.get_origin(type_) is tuple else cls.ANY
        if issubclass(type_, str):
            return cls.TEXT
        return _KINDS.get(type_, cls.RECORD)


_KINDS: Mapping[type, Kind] = {
    str: Kind.TEXT,
    bool: Kind.CHECKBOX,
    int: Kind.NUMBER,
    float: Kind.NUMBER,
    datetime: Kind.INSTANT,
    date: Kind.DATE,
    Reference: Kind.LINK,
    type(None): Kind.ANY,
}


@dataclass(frozen=True, slots=True)
class Scope:
    """The names that one section of a mapping may use, with the types of what they stand for."""

    types: tuple[tuple[str, Any], ...]

    @classmethod
    def of(cls, **types: Any) -> Scope:
        """A scope from names and their types."""
        return cls(tuple(types.items()))

    def has(self, name: str) -> bool:
        """Whether expressions of this section may use the name."""
        return name in dict(self.types)

    def follow(self, root: str, names: tuple[str, ...]) -> Path:
        """What `root.name.name` stands for; raises ValueError for a name that does not exist."""
        known = dict(self.types)
        if root not in known:
            raise ValueError(_unknown(root, known, "there is no"))
        type_, said = known[root], root
        for name in names:
            type_, said = _member(type_, name, said), f"{said}.{name}"
        return Path(root, names, type_)


@dataclass(frozen=True, slots=True)
class Path:
    """A bare path like `message.sender.shown` and the type it ends in."""

    root: str
    names: tuple[str, ...]
    type: Any

    @property
    def kind(self) -> Kind:
        """What sort of value stands at the end."""
        return Kind.of(self.type)

    @property
    def members(self) -> tuple[str, ...]:
        """The values that an enumeration at the end can take."""
        closed = isinstance(self.type, type) and issubclass(self.type, Enum)
        return tuple(member.value for member in self.type) if closed else ()

    def getter(self) -> Callable[[Values], Any]:
        """Reads the path; None where anything on the way is missing."""
        root, names = self.root, self.names
        if not names:
            return itemgetter(root)

        def get(values: Values) -> Any:
            found = values[root]
            for name in names:
                if found is None:
                    return None
                found = found.get(name) if isinstance(found, Mapping) else getattr(found, name)
            return found

        return get


def _member(type_: Any, name: str, said: str) -> Any:
    if typing.get_origin(type_) is not None and issubclass(typing.get_origin(type_), Mapping):
        return _without_none(typing.get_args(type_)[1])
    if not is_dataclass(type_) or type_ is Reference:
        raise ValueError(f"{said} has no parts; end the path there")
    members = _members(typing.cast(type, type_))
    if name not in members:
        raise ValueError(_unknown(name, members, f"{said} has no"))
    return members[name]


@lru_cache(maxsize=64)
def _members(type_: type) -> Mapping[str, Any]:
    members = {name: _without_none(hint) for name, hint in typing.get_type_hints(type_).items()}
    for name, value in vars(type_).items():
        if isinstance(value, property) and value.fget:
            members[name] = _without_none(typing.get_type_hints(value.fget)["return"])
    return members


def _without_none(hint: Any) -> Any:
    if typing.get_origin(hint) not in (types.UnionType, typing.Union):
        return hint
    rest = [one for one in typing.get_args(hint) if one is not type(None)]
    return rest[0] if len(rest) == 1 else Any


def _unknown(name: str, known: Mapping[str, Any], opening: str) -> str:
    close = get_close_matches(name, known, 1)
    remedy = f"did you mean {close[0]}?" if close else f"there is: {', '.join(sorted(known))}"
    return f"{opening} {name}; {remedy}"
