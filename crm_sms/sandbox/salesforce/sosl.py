"""From a SOSL text to a tree; whatever the grammars do not know is MALFORMED_SEARCH."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from lark import Token, Transformer
from lark.exceptions import UnexpectedInput, VisitError

from crm_sms.sandbox.salesforce.clauses import Clauses, parser, tree_of
from crm_sms.sandbox.salesforce.refusals import RequestRefused
from crm_sms.sandbox.salesforce.syntax import Path, Query

WITHOUT_OPERATORS = 4_000
"""Characters of a search text above which its operators are dropped: any word will do."""
NO_ROWS = 10_000
"""Characters above which nothing is found."""
MAX_ROWS = 2_000

_WORD = re.compile(r'"[^"]*"|[^\s()]+')
_OPERATORS = ("AND", "OR", "NOT")


@dataclass(frozen=True, slots=True)
class Word:
    """A word or phrase; `prefix` where a wildcard stands at its end."""

    text: str
    prefix: bool


@dataclass(frozen=True, slots=True)
class Every:
    """Every one of `items`, and none of `but_not`."""

    items: tuple[Wanted, ...]
    but_not: tuple[Wanted, ...] = ()


@dataclass(frozen=True, slots=True)
class Either:
    """OR."""

    items: tuple[Wanted, ...]


Wanted = Word | Every | Either


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched for (None finds nothing), and what is asked of each object."""

    wanted: Wanted | None
    returning: tuple[Query, ...]
    limit: int


def parse(text: str) -> Search:
    """The tree of a search, or RequestRefused."""
    return tree_of(parser("sosl", "clauses"), _Sosl(text))


class _Sosl(Clauses[Search]):
    language, code = "SOSL", "MALFORMED_SEARCH"

    def start(self, items: list[Any]) -> Search:
        wanted, *rest = items
        returning = [one for one in rest if isinstance(one, Query)]
        limits = [one[1] for one in rest if isinstance(one, tuple)]
        names = [query.object.casefold() for query in returning]
        if len(set(names)) < len(names):
            raise self.malformed("an object is returned twice")
        return Search(_wanted(str(wanted)[1:-1]), tuple(returning), min([*limits, MAX_ROWS]))

    def returned(self, items: list[Any]) -> Query:
        name, *rest = items
        fields, *clauses = rest or [(Path(("Id",), name.line or 1, name.column or 1),)]
        return self.query(str(name), fields, dict(clauses))


def _wanted(text: str) -> Wanted | None:
    if len(text) > NO_ROWS:
        return None
    if len(text) > WITHOUT_OPERATORS:
        words = [word for word in _WORD.findall(text) if word.upper() not in _OPERATORS]
        return Either(tuple(_word(word) for word in words))
    try:
        return _Find().transform(parser("find").parse(text))
    except VisitError as error:
        raise error.orig_exc from None
    except UnexpectedInput as error:
        rest = text[error.pos_in_stream or 0 :][:40]
        raise _malformed(f"no search term, or a reserved character not escaped: {rest!r}") from None


class _Find(Transformer[Token, Wanted]):
    def start(self, items: list[Wanted]) -> Wanted:
        return items[0]

    def any_of(self, items: list[Wanted]) -> Wanted:
        return items[0] if len(items) == 1 else Either(tuple(items))

    def all_of(self, items: list[Any]) -> Wanted:
        but_not = tuple(one[0] for one in items if isinstance(one, list))
        kept = tuple(one for one in items if not isinstance(one, list))
        return kept[0] if len(kept) == 1 and not but_not else Every(kept, but_not)

    def but_not(self, items: list[Wanted]) -> list[Wanted]:
        return items

    def word(self, items: list[Token]) -> Wanted:
        word = _word(str(items[0]))
        if len(word.text) < 2:
            raise _malformed("search term must be longer than one character")
        return word


def _word(text: str) -> Word:
    plain = text.strip('"')
    return Word(re.sub(r"\\(.)", r"\1", plain.rstrip("*")), plain.endswith("*"))


def _malformed(message: str) -> RequestRefused:
    return RequestRefused("MALFORMED_SEARCH", message)
