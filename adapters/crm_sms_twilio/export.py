"""Exported message logs: the Messages list as JSON or JSON Lines, the console's CSV."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from crm_sms.errors import Unreadable
from crm_sms.ports import Clock, ExportRow
from crm_sms_twilio.payload import scalar_fields
from crm_sms_twilio.snapshot import column_of, snapshot

_Read = Mapping[str, str] | str
"""A row's fields, or why they cannot be read."""

_KNOWN = "give a Messages list as JSON or JSON Lines, or the console's CSV, in UTF-8"
_COLUMN_NAME = re.compile(r"[A-Za-z _]{0,40}")
_NEEDED = "Sid (or MessageSid); From, To, Body, Status, DateSent, Direction, AccountSid as well"


def read_export(path: Path, accounts: Sequence[str], clock: Clock) -> Iterator[ExportRow]:
    """Row by row; only a JSON document that is not in lines is held in memory as a whole."""
    try:
        # A byte that is not UTF-8 refuses its row, not the file.
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
            for number, row in enumerate(_rows(lines), start=1):
                yield _export_row(number, row, accounts, clock)
    except Unreadable as error:
        raise Unreadable(f"{path}: {error}") from None
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from None


def _export_row(number: int, row: _Read, accounts: Sequence[str], clock: Clock) -> ExportRow:
    if isinstance(row, str):
        return ExportRow(number, refused=row)
    try:
        return ExportRow(number, event=snapshot(row, accounts, clock()))
    except Unreadable as error:
        return ExportRow(number, refused=str(error))


def _rows(file: Iterator[str]) -> Iterator[_Read]:
    """The first two lines tell the formats apart."""
    head = list(islice((line for line in file if line.strip()), 2))
    if not head:
        raise Unreadable(f"the file is empty; {_KNOWN}")
    lines = chain(head, file)
    if head[0][0] in "\udcff\udcfe":  # how UTF-16 begins
        raise Unreadable(f"the file is not UTF-8; {_KNOWN}")
    first = head[0].lstrip()[0]
    if first not in "{[":
        return _csv_rows(lines)
    if first == "{" and _in_lines(head):
        return _json_lines(lines)
    return _json_document("".join(lines))


def _in_lines(head: Sequence[str]) -> bool:
    """A document spread over lines has a name, not an object, in its second line."""
    second = head[1] if len(head) > 1 else ""
    return second.lstrip().startswith("{") or isinstance(_parsed(head[0]), dict)


def _json_document(text: str) -> Iterator[_Read]:
    try:
        text.encode()
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise Unreadable(
            f"broken or cut off at line {error.lineno}, column {error.colno} ({error.msg}); "
            "export it again and give the whole file"
        ) from None
    except (ValueError, RecursionError):
        raise Unreadable(f"not the JSON of a Messages list; {_KNOWN}") from None
    if isinstance(document, dict) and not isinstance(document.get("messages"), list):
        raise Unreadable(f'it has no list "messages"; {_KNOWN}')
    return _messages(document)


def _json_lines(lines: Iterable[str]) -> Iterator[_Read]:
    """Each line is a message, or a page of them."""
    for line in lines:
        if line.strip():
            document = _parsed(line)
            yield from ("it is not JSON in UTF-8",) if document is None else _messages(document)


def _parsed(line: str) -> Any:
    try:
        line.encode()
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _messages(document: Any) -> Iterator[_Read]:
    messages = document.get("messages") if isinstance(document, dict) else document
    return map(_object, messages if isinstance(messages, list) else [document])


def _object(message: Any) -> _Read:
    if not isinstance(message, dict):
        return "it is not a JSON object"
    return _named(scalar_fields(message).items())


def _csv_rows(lines: Iterable[str]) -> Iterator[_Read]:
    # Strict, or a file that ends within quotes would give its last row a body cut off.
    reader = csv.reader(lines, strict=True)
    try:
        columns = _columns(next(reader))
    except csv.Error as error:
        raise Unreadable(f"its first line is not CSV ({error}); {_KNOWN}") from None
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield f"it is not CSV ({error}); quotes within a cell must be doubled"
            continue
        if cells:
            yield _cells(cells, columns)


def _columns(header: Sequence[str]) -> Sequence[str]:
    if any(column_of(name) == "sid" for name in header):
        return header
    # Twilio's column names are plain words: any other line may be data, and is not shown.
    is_header = all(_COLUMN_NAME.fullmatch(name) for name in header)
    found = f"the columns {', '.join(header)}" if is_header else "no line of column names"
    raise Unreadable(f"the file has {found}; it needs {_NEEDED}; {_KNOWN}")


def _cells(cells: Sequence[str], columns: Sequence[str]) -> _Read:
    if len(cells) < len(columns) or any(cells[len(columns) :]):
        return f"it has {len(cells)} cells, the line of column names has {len(columns)}"
    return _named(zip(columns, cells, strict=False))


def _named(pairs: Iterable[tuple[str, str]]) -> _Read:
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
