"""How commands answer: the report on standard output, everything else on standard error."""

from __future__ import annotations

import dataclasses
import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

FAILED, PARKED = 1, 3
"""Exit codes besides 0, done, and 2, which Typer gives for wrong usage."""

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def forgive() -> None:
    """Have standard output and error replace what their encoding lacks, and never fail on it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def complain(message: str) -> None:
    """A message for whoever has to act, on standard error."""
    print(message, file=sys.stderr)


def answer(document: object, as_json: bool, shown: Callable[[], Iterable[object]]) -> None:
    """Print the document as JSON, or what `shown` makes of it for people.

    Dataclasses become objects, instants ISO 8601 in UTC, enumerations their words.
    """
    if as_json:
        escaped = sys.stdout.encoding.lower() not in ("utf-8", "utf8")
        print(json.dumps(document, default=_plain, indent=2, ensure_ascii=escaped))
        return
    console = _console(stderr=False)
    for line in shown():
        console.print(line)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)


def table(*columns: str, rows: Iterable[Sequence[object]]) -> Table:
    """A table for people; None shows as nothing, an instant to the second. Nothing is cut, as what
    stands there may be copied."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*map(cell, row))
    return made


def cell(value: object) -> str:
    """A value as people read it in a table."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    return str(value.value if isinstance(value, Enum) else value)


def many(count: int, one: str, more: str) -> str:
    """A count with its words: `1 text`, `2 texts`."""
    return f"{count} {one if count == 1 else more}"


_NOUNS = {
    "calls": ("call", "calls"),
    "events": ("event", "events"),
    "messages": ("message", "messages"),
    "opt_outs": ("opt-out", "opt-outs"),
    "records": ("record", "records"),
    "requests": ("request", "requests"),
    "rows": ("row new or changed", "rows new or changed"),
}
"""Fields of reports that are called differently where there is only one."""


def counted(report: object) -> str:
    """A report's counts in one line, those that are zero left out: `3 done, 1 parked`."""
    names = [field.name for field in dataclasses.fields(report)]  # type: ignore[arg-type]
    values = {name: getattr(report, name) for name in names}
    sums = {n: sum(v.values()) if isinstance(v, Mapping) else v for n, v in values.items()}
    found = {name: value for name, value in sums.items() if isinstance(value, int) and value}
    words = [_count(name, value) for name, value in found.items()]
    if set(found) == {"calls"}:
        words.insert(0, "nothing new")
    return ", ".join(words) or "nothing to do"


def _count(name: str, value: int) -> str:
    word = name.replace("_", " ")
    return many(value, *_NOUNS.get(name, (word, word)))


Bars = Callable[[str, int, "int | None"], None]
"""Told (what, so much done, of how much where that is known)."""


@contextmanager
def bars() -> Iterator[Bars]:
    """Progress bars on standard error, if it is a terminal; one for each `what`."""
    console = _console(stderr=True)
    if not console.is_terminal:
        yield lambda what, done, total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        ids: dict[str, Any] = {}

        def tell(what: str, done: int, total: int | None) -> None:
            if what not in ids:
                ids[what] = progress.add_task(what, total=total)
            progress.update(ids[what], completed=done, total=total)

        yield tell
