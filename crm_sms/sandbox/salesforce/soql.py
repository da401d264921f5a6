"""From a SOQL text to a tree; whatever the grammar does not know is MALFORMED_QUERY."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import Any

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

MAX_STATEMENT = 100_000
MAX_LITERAL = 4_000
MAX_OFFSET = 2_000

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_WILDCARDS = "_%"
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)")


def parse(text: str) -> Query:
    """The tree of a query, or RequestRefused with MALFORMED_QUERY."""
    if len(text) > MAX_STATEMENT:
        raise malformed(f"SOQL statements cannot be longer than {MAX_STATEMENT} characters.")
    try:
        return _Build(text).transform(_parser().parse(text))
    except UnexpectedInput as error:
        raise malformed(_position(text, error)) from None
    except VisitError as error:
        raise error.orig_exc from None


def malformed(message: str) -> RequestRefused:
    """400 MALFORMED_QUERY."""
    return RequestRefused("MALFORMED_QUERY", message)


def pointer(text: str, line: int, column: int) -> str:
    """The head of a SOQL error: what stands there, an arrow, row and column."""
    row = text.splitlines()[line - 1] if text else ""
    start = max(column - 40, 0)
    arrow = " " * (column - 1 - start) + "^"
    return f"\n{row[start : column + 39]}\n{arrow}\nERROR at Row:{line}:Column:{column}\n"


@cache
def _parser() -> Lark:
    grammar = resources.files(__package__).joinpath("soql.lark").read_text("utf-8")
    return Lark(grammar, parser="lalr")


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


class _Build(Transformer[Token, Query]):
    """Turns lark's tree into ours, from the leaves up."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def start(self, items: list[Any]) -> Query:
        selection, name, *rest = items
        clauses = dict(rest)
        query = Query(
            self.text,
            selection,
            str(name),
            clauses.get("where"),
            clauses.get("order", ()),
            clauses.get("limit"),
            clauses.get("offset", 0),
        )
        if not selection and query.order:
            raise malformed("Ordered field must be grouped or aggregated")
        return query

    def count(self, items: list[Any]) -> tuple[Path, ...]:
        return ()

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
            raise malformed(
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
                raise malformed(f"{place}Illegal string literal: '\\{code}' is no escape sequence")
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
