"""WHERE as a test of rows: types checked first, then compiled to plain functions."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from crm_sms.sandbox.salesforce import syntax
from crm_sms.sandbox.salesforce.clauses import pointer
from crm_sms.sandbox.salesforce.columns import Column, resolve
from crm_sms.sandbox.salesforce.ids import normalise
from crm_sms.sandbox.salesforce.org import Org
from crm_sms.sandbox.salesforce.refusals import RequestRefused
from crm_sms.sandbox.salesforce.schema import SObject
from crm_sms.sandbox.salesforce.table import Row
from crm_sms.sandbox.salesforce.values import as_date, as_instant

Test = Callable[[Row], bool]

_LITERAL_OF = {
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
    "double": "number",
    "currency": "number",
    "percent": "number",
    "int": "number",
}
"""The literal that a field of each type is compared with; every other type takes a string."""

_ORDERED: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Filter:
    """Compiles the WHERE of one query."""

    def __init__(self, org: Org, obj: SObject, text: str) -> None:
        self.org = org
        self.object = obj
        self.text = text

    def compile(self, node: syntax.Node) -> Test:
        """The test that rows must pass, or RequestRefused."""
        match node:
            case syntax.AllOf(items):
                return _all([self.compile(item) for item in items])
            case syntax.AnyOf(items):
                return _any([self.compile(item) for item in items])
            case syntax.NotOf(item):
                inner = self.compile(item)
                return lambda row: not inner(row)
            case syntax.Compare():
                return self._compare(node)
            case syntax.Among():
                return self._among(node)

    def column(self, path: syntax.Path) -> Column:
        """The column of a path that is filtered by."""
        column = resolve(self.org, self.object, path, self.text)
        if not column.field.filterable:
            raise RequestRefused(
                "INVALID_FIELD",
                f"{pointer(self.text, path.line, path.column)}field '{path}' can not be filtered "
                "in a query call",
            )
        return column

    def value(self, column: Column, literal: syntax.Literal) -> Any:
        """The literal as rows hold such values, checked against the field's type."""
        if literal.kind == "null" and column.field.type != "boolean":
            return None
        wanted = _LITERAL_OF.get(column.field.type, "string")
        if literal.kind != wanted:
            raise self._wrong_type(column)
        match wanted:
            case "string":
                return self._string(column, literal)
            case "date" | "datetime":
                found = (as_date if wanted == "date" else as_instant)(literal.value.upper())
                if found is None:
                    raise self._malformed(literal, f"invalid {wanted}: {literal.value}")
                return found
        return literal.value

    def _string(self, column: Column, literal: syntax.Literal) -> Any:
        text = _plain(literal.value)
        if text is None:
            raise self._malformed(literal, "wildcards are escaped in LIKE only")
        if not text:
            return None
        if column.field.type not in ("id", "reference"):
            return column.field.key(text)
        full = normalise(text)
        if full is None:
            raise RequestRefused(
                "INVALID_QUERY_FILTER_OPERATOR",
                f"{pointer(self.text, literal.line, literal.column)}invalid ID field: {text}",
            )
        return full

    def _compare(self, node: syntax.Compare) -> Test:
        column = self.column(node.path)
        if node.operator == "LIKE":
            return self._like(column, node.literal)
        value = self.value(column, node.literal)
        get = _key_of(column)
        if node.operator in ("=", "!="):
            wanted = node.operator == "="
            return lambda row: (get(row) == value) is wanted
        if column.field.type == "boolean" or value is None:
            raise self._wrong_operator(column)
        test = _ORDERED[node.operator]

        def ordered(row: Row) -> bool:
            held = get(row)
            return held is not None and test(held, value)

        return ordered

    def _among(self, node: syntax.Among) -> Test:
        column = self.column(node.path)
        if column.field.type == "boolean":
            raise self._wrong_operator(column)
        values = {self.value(column, literal) for literal in node.literals}
        get, wanted = _key_of(column), not node.negated
        return lambda row: (get(row) in values) is wanted

    def _like(self, column: Column, literal: syntax.Literal) -> Test:
        if column.field.type in _LITERAL_OF or column.field.type in ("id", "reference"):
            raise self._wrong_operator(column)
        if literal.kind != "string":
            raise self._wrong_type(column)
        pattern, get = _like_pattern(literal.value), column.get
        return lambda row: pattern.fullmatch(get(row) or "") is not None

    def _malformed(self, literal: syntax.Literal, what: str) -> RequestRefused:
        place = pointer(self.text, literal.line, literal.column)
        return RequestRefused("MALFORMED_QUERY", place + what)

    def _wrong_type(self, column: Column) -> RequestRefused:
        kind = {"datetime": "dateTime"}.get(column.field.type, column.field.type)
        quoted = "" if column.field.type not in _LITERAL_OF else "not "
        place = pointer(self.text, column.path.line, column.path.column)
        return RequestRefused(
            "INVALID_FIELD",
            f"{place}value of filter criterion for field '{column.path}' must be of type {kind} "
            f"and should {quoted}be enclosed in quotes",
        )

    def _wrong_operator(self, column: Column) -> RequestRefused:
        place = pointer(self.text, column.path.line, column.path.column)
        return RequestRefused(
            "INVALID_QUERY_FILTER_OPERATOR",
            f"{place}invalid operator on {column.field.type} field: {column.path}",
        )


def _all(tests: list[Test]) -> Test:
    """AND. Of two, as in the pages of a pull, it is written out: that is several times as fast."""
    if len(tests) == 2:
        first, second = tests
        return lambda row: first(row) and second(row)
    return lambda row: all(test(row) for test in tests)


def _any(tests: list[Test]) -> Test:
    """OR, in the same way."""
    if len(tests) == 2:
        first, second = tests
        return lambda row: first(row) or second(row)
    return lambda row: any(test(row) for test in tests)


def _key_of(column: Column) -> Callable[[Row], Any]:
    """What a row holds, as Field.key compares it."""
    get = column.get
    if column.field.case_sensitive:
        return get

    def folded(row: Row) -> Any:
        held = get(row)
        return held.casefold() if isinstance(held, str) else held

    return folded


def _plain(text: str) -> str | None:
    """A string literal outside LIKE; None if it escapes a wildcard."""
    if "\\" not in text:
        return text
    if re.search(r"(?<!\\)(?:\\\\)*\\[_%]", text):
        return None
    return text.replace("\\\\", "\\")


def _like_pattern(text: str) -> re.Pattern[str]:
    parts = re.findall(r"\\.|.", text, re.DOTALL)
    return re.compile("".join(map(_like_part, parts)), re.IGNORECASE | re.DOTALL)


def _like_part(part: str) -> str:
    if part == "%":
        return ".*"
    return "." if part == "_" else re.escape(part[-1])
