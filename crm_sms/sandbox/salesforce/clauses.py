"""From a text to a tree: what SOQL and SOSL have in common, and how they refuse a text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, TypeVar

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, VisitError

from crm_sms.sandbox.salesforce.refusals import RequestRefused
from crm_sms.sandbox.salesforce.syntax import (
    AllOf,
    Among,
    AnyOf,
    Compare,
    Literal,
    Node,
    NotOf,
    Ordering,
    Path,
    Query,
)

Tree = TypeVar("Tree")

MAX_STATEMENT = 100_000
MAX_LITERAL = 4_000
MAX_OFFSET = 2_000

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_WILDCARDS = "_%"
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)")


@cache
def parser(*grammars: str) -> Lark:
    """The parser of one language, whose grammar is those files one after another."""
    folder = resources.files(__package__)
    text = "\n".join(folder.joinpath(f"{name}.lark").read_text("utf-8") for name in grammars)
    return Lark(text, parser="lalr")


def tree_of(lark: Lark, build: Clauses[Tree]) -> Tree:
    """The tree of the text that `build` was made for; else RequestRefused with its code."""
    try:
        return build.transform(lark.parse(build.text))
    except UnexpectedInput as error:
        raise build.malformed(_position(build.text, error)) from None
    except VisitError as error:
        raise error.orig_exc from None


def pointer(text: str, line: int, column: int) -> str:
    """The head of a SOQL error: what stands there, an arrow, row and column."""
    row = text.splitlines()[line - 1] if text else ""
    start = max(column - 40, 0)
    arrow = " " * (column - 1 - start) + "^"
    return f"\n{row[start : column + 39]}\n{arrow}\nERROR at Row:{line}:Column:{column}\n"


def _position(text: str, error: UnexpectedInput) -> str:
    if isinstance(error, UnexpectedCharacters):
        at = error.pos_in_stream or 0
        what = f"unexpected token: '{text[at : at + 1]}'"
    else:
        token = str(getattr(error, "token", ""))
        what = f"unexpected token: '{token[:80]}'" if token else "unexpected end of query"
    if (error.line or 0) < 1:
        return what
    return pointer(text, error.line or 1, error.column or 1) + what


class Clauses(Transformer[Token, Tree]):
    """Turns lark's tree into ours, from the leaves up."""

    language, code = "SOQL", "MALFORMED_QUERY"

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        if len(text) > MAX_STATEMENT:
            raise self.malformed(
                f"{self.language} statements cannot be longer than {MAX_STATEMENT} characters."
            )

    def malformed(self, message: str) -> RequestRefused:
        """400 for a text that is none of this language."""
        return RequestRefused(self.code, message)

    def query(self, name: str, fields: tuple[Path, ...], clauses: Mapping[str, Any]) -> Query:
        """What is asked of one object."""
        return Query(
            self.text,
            fields,
            name,
            clauses.get("where"),
            clauses.get("order", ()),
            clauses.get("limit"),
            clauses.get("offset", 0),
        )

    def fields(self, items: list[Path]) -> tuple[Path, ...]:
        return tuple(items)

    def path(self, items: list[Token]) -> Path:
        return Path(tuple(items[0].split(".")), items[0].line or 1, items[0].column or 1)

    def where(self, items: list[Node]) -> tuple[str, Node]:
        return "where", items[0]

    def all_of(self, items: list[Node]) -> AllOf:
        return AllOf(tuple(items))

    def any_of(self, items: list[Node]) -> AnyOf:
        return AnyOf(tuple(items))

    def not_of(self, items: list[Node]) -> NotOf:
        return NotOf(items[0])

    def compare(self, items: list[Any]) -> Compare:
        path, operator, literal = items
        sign = str(operator).upper()
        return Compare(path, "!=" if sign == "<>" else sign, literal)

    def among(self, items: list[Any]) -> Among:
        return Among(items[0], items[1], negated=False)

    def not_among(self, items: list[Any]) -> Among:
        return Among(items[0], items[1], negated=True)

    def values(self, items: list[Literal]) -> tuple[Literal, ...]:
        return tuple(items)

    def literal(self, items: list[Token]) -> Literal:
        token = items[0]
        return Literal(token.type.lower(), self._value(token), token.line or 1, token.column or 1)

    def _value(self, token: Token) -> Any:
        text = str(token)
        match token.type:
            case "STRING":
                return self._string(token, text[1:-1])
            case "NUMBER":
                return float(text) if "." in text else int(text)
            case "BOOLEAN":
                return text.upper() == "TRUE"
            case "NULL":
                return None
        return text

    def _string(self, token: Token, inner: str) -> str:
        if len(inner) > MAX_LITERAL:
            raise self.malformed(
                f"string literals in a WHERE clause cannot be longer than {MAX_LITERAL} characters"
            )
        if "\\" not in inner:
            return inner

        def unescaped(match: re.Match[str]) -> str:
            code = match[1]
            if len(code) == 5:
                return chr(int(code[1:], 16))
            if code in _WILDCARDS:
                return match[0]
            if code not in _ESCAPES:
                place = pointer(self.text, token.line or 1, token.column or 1)
                raise self.malformed(
                    f"{place}Illegal string literal: '\\{code}' is no escape sequence"
                )
            return "\\\\" if code == "\\" else _ESCAPES[code]

        return _ESCAPE.sub(unescaped, inner)

    def order(self, items: list[Ordering]) -> tuple[str, tuple[Ordering, ...]]:
        return "order", tuple(items)

    def ordering(self, items: list[Any]) -> Ordering:
        words = {str(item).upper() for item in items[1:]}
        return Ordering(items[0], "DESC" in words, "LAST" not in words)

    def nulls(self, items: list[Token]) -> Token:
        return items[0]

    def limit(self, items: list[Token]) -> tuple[str, int]:
        return "limit", int(items[0])

    def offset(self, items: list[Token]) -> tuple[str, int]:
        value = int(items[0])
        if value > MAX_OFFSET:
            raise RequestRefused(
                "NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}"
            )
        return "offset", value
