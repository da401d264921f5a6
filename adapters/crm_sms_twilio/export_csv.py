"""The console's CSV of the message log, row by row; and what all exported rows are."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from crm_sms.errors import Unreadable
from crm_sms_twilio.snapshot import column_of

Line = tuple[int, str]
"""A line with its number, counted from 1."""

Read = Mapping[str, str] | str
"""A row's fields, or why they cannot be read."""

Row = tuple[str, Read]
"""A row with its place."""

KNOWN = "give a Messages list as JSON or JSON Lines, or the console's CSV, in UTF-8"
_COLUMN_NAME = re.compile(r"[A-Za-z _]{0,40}")
_NEEDED = "Sid (or MessageSid); From, To, Body, Status, SentDate, Direction, AccountSid as well"


class _Lines:
    """The lines of a file; `first` is the number of the first one read since it was set to 0."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self.first = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        number, text = next(self._lines)
        self.first = self.first or number
        return text


def csv_rows(numbered: Iterator[Line]) -> Iterator[Row]:
    lines = _Lines(numbered)
    # Strict, or a file that ends within quotes would give its last row a body cut off.
    reader = csv.reader(lines, strict=True)
    try:
        columns = _columns(next(reader))
    except csv.Error as error:
        raise Unreadable(f"its first line is not CSV ({error}); {KNOWN}") from None
    while True:
        lines.first = 0
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            refused = f"it is not CSV ({error}); quotes within a cell must be doubled"
            yield f"line {lines.first}", refused
            continue
        if cells:
            yield f"line {lines.first}", _cells(cells, columns)


def _columns(header: Sequence[str]) -> Sequence[str]:
    if any(column_of(name) == "sid" for name in header):
        return header
    # Twilio's column names are plain words: any other line may be data, and is not shown.
    is_header = all(_COLUMN_NAME.fullmatch(name) for name in header)
    found = f"the columns {', '.join(header)}" if is_header else "no line of column names"
    raise Unreadable(f"the file has {found}; it needs {_NEEDED}; {KNOWN}")


def _cells(cells: Sequence[str], columns: Sequence[str]) -> Read:
    if len(cells) < len(columns) or any(cells[len(columns) :]):
        return f"it has {len(cells)} cells, the line of column names has {len(columns)}"
    return named(zip(columns, cells, strict=False))


def named(pairs: Iterable[tuple[str, str]]) -> Read:
    """Blank values are absent: a listing blanks what is not known yet, and redacted bodies."""
    fields = {column: value for name, value in pairs if value and (column := column_of(name))}
    if any(not _is_text(value) for value in fields.values()):
        return "it is not UTF-8"
    return fields


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
