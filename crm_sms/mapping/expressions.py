"""Expressions and templates of a mapping file become functions from facts to values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jinja2 import TemplateError, UndefinedError, nodes
from jinja2.parser import Parser

from crm_sms.mapping.environment import LINK, LONGEST_RESULT, Environment, TooLong
from crm_sms.mapping.language import kind_of, path_of, paths_in
from crm_sms.mapping.names import Kind, Path, Scope, Values
from crm_sms.records import Reference, Text

LONGEST_SOURCE = 10_000
"""Characters of an expression or template; far more than anybody writes by hand."""

_ENVIRONMENT = Environment()
_SAFE_TO_QUOTE = (TypeError, UndefinedError, TooLong)
_MAY_FAIL = (
    TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


class ExpressionError(ValueError):
    """An expression or template is wrong, or failed; the text says how to put it right.

    It holds no data: what a person wrote must not reach a log.
    """


@dataclass(frozen=True, slots=True)
class Expression:
    """What a `value` or `text` of a mapping compiles to.

    `get` gives the native value, or Text where a link has to be filled in; it raises
    ExpressionError. `kind` is known of bare paths, constants and templates. `members` are the
    values of an enumeration, `columns` the person's further columns that are read, `roots` the
    names of the scope that are, `constant` the text that every record gets.
    """

    get: Callable[[Values], Any]
    kind: Kind
    members: tuple[str, ...] = ()
    columns: frozenset[str] = frozenset()
    roots: frozenset[str] = frozenset()
    constant: str | None = None


@lru_cache(maxsize=4096)
def compile_value(source: str, scope: Scope) -> Expression:
    """An expression whose result keeps its type. Raises ExpressionError."""
    parsed, paths = _parsed(source, scope, "variable")
    if isinstance(parsed, nodes.Const):
        constant = parsed.value
        text = constant if isinstance(constant, str) else None
        return Expression(lambda _: constant, Kind.of(type(constant)), constant=text)
    if isinstance(parsed, nodes.Name | nodes.Getattr | nodes.Getitem):
        path = path_of(parsed, scope)
        return Expression(path.getter(), path.kind, path.members, _columns(paths), _roots(paths))
    with _readable():
        run = _ENVIRONMENT.compile_expression(source, undefined_to_none=False)
    return Expression(_guarded(run), kind_of(parsed), columns=_columns(paths), roots=_roots(paths))


@lru_cache(maxsize=4096)
def compile_text(source: str, scope: Scope) -> Expression:
    """A template, whose result is a text. Raises ExpressionError."""
    _, paths = _parsed(source, scope)
    if not paths and "{" not in source:
        return Expression(lambda _: source, Kind.TEXT, constant=source)
    with _readable():
        render = _guarded(_ENVIRONMENT.from_string(source).render)

    def get(values: Values) -> str | Text:
        rendered: str = render(values)
        return _linked(rendered, values["message_url"]) if LINK in rendered else rendered

    return Expression(get, Kind.TEXT, columns=_columns(paths), roots=_roots(paths))


def _linked(rendered: str, url: Reference) -> Text:
    parts: list[str | Reference] = []
    for plain in rendered.split(LINK):
        parts += [url, plain] if parts else [plain]
    return Text(tuple(part for part in parts if part != ""))


@contextmanager
def _readable() -> Iterator[None]:
    """Whatever Jinja2 or Python says of a source becomes one kind of error."""
    try:
        yield
    except ExpressionError:
        raise
    except (RecursionError, MemoryError, SyntaxError):
        raise ExpressionError("is nested too deeply; take it apart") from None
    except TemplateError as error:
        raise ExpressionError(f"cannot be read: {error.message}") from None
    except ValueError as error:
        raise ExpressionError(str(error)) from None


def _parsed(source: str, scope: Scope, state: str | None = None) -> tuple[nodes.Node, list[Path]]:
    if len(source) > LONGEST_SOURCE:
        raise ExpressionError(f"is longer than {LONGEST_SOURCE} characters; shorten it")
    if LINK in source:
        raise ExpressionError("holds U+FDD0, which no text may hold; remove it")
    with _readable():
        parser = Parser(_ENVIRONMENT, source, state=state)
        parsed = parser.parse_expression() if state else parser.parse()
        if state and not parser.stream.eos:
            raise ExpressionError(f"cannot be read from {parser.stream.current.value!r} on")
        return parsed, paths_in(parsed, scope)


def _columns(paths: list[Path]) -> frozenset[str]:
    found = (path.names[1] for path in paths if path.names[:1] == ("fields",) and path.names[1:])
    return frozenset(found)


def _roots(paths: list[Path]) -> frozenset[str]:
    return frozenset(path.root for path in paths)


def _guarded(run: Callable[[Values], Any]) -> Callable[[Values], Any]:
    """The same function, whose failures are ExpressionErrors without data in them."""

    def get(values: Values) -> Any:
        try:
            result = run(values)
        except _MAY_FAIL as error:
            said = f": {error}" if isinstance(error, _SAFE_TO_QUOTE) else ""
            raise ExpressionError(f"failed with {type(error).__name__}{said}") from None
        if isinstance(result, str) and len(result) > LONGEST_RESULT:
            raise ExpressionError(str(TooLong()))
        return result

    return get
