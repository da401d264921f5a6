"""Exported message logs: which format a file has; the Messages list as JSON or JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from crm_sms.errors import Unreadable
from crm_sms.ports import Clock, ExportRow
from crm_sms_twilio.export_csv import KNOWN, Line, Read, Row, csv_rows, named
from crm_sms_twilio.payload import scalar_fields
from crm_sms_twilio.snapshot import snapshot
from crm_sms_twilio.values import parse_instant


def read_export(path: Path, accounts: Sequence[str], clock: Clock) -> Iterator[ExportRow]:
    """Row by row; only a JSON document that is not in lines is held in memory as a whole."""
    try:
        # A byte that is not UTF-8 refuses its row, not the file.
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
            for place, row in _rows(enumerate(lines, start=1)):
                yield export_row(place, row, accounts, clock)
    except Unreadable as error:
        raise Unreadable(f"{path}: {error}") from None
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from None


def export_row(place: str, row: Read, accounts: Sequence[str], clock: Clock) -> ExportRow:
    """A snapshot of what was read, or why it is none."""
    if isinstance(row, str):
        return ExportRow(place, refused=row)
    try:
        event = snapshot(row, accounts, clock())
    except Unreadable as error:
        return ExportRow(place, refused=str(error))
    return ExportRow(place, event, changed_at=parse_instant(row.get("updated")))


def _rows(file: Iterator[Line]) -> Iterator[Row]:
    """The first two lines tell the formats apart."""
    numbered = list(islice((line for line in file if line[1].strip()), 2))
    if not numbered:
        raise Unreadable(f"the file is empty; {KNOWN}")
    lines = chain(numbered, file)
    head = [text for _, text in numbered]
    if head[0][0] in "\udcff\udcfe":  # how UTF-16 begins
        raise Unreadable(f"the file is not UTF-8; {KNOWN}")
    first = head[0].lstrip()[0]
    if first not in "{[":
        return csv_rows(lines)
    if first == "{" and _in_lines(head):
        return _json_lines(lines)
    return _numbered(_json_document("".join(text for _, text in lines)))


def _numbered(rows: Iterable[Read], where: str = "") -> Iterator[Row]:
    return ((f"{where}message {number}", row) for number, row in enumerate(rows, start=1))


def _in_lines(head: Sequence[str]) -> bool:
    """A document spread over lines has a name, not an object, in its second line."""
    second = head[1] if len(head) > 1 else ""
    return second.lstrip().startswith("{") or isinstance(_parsed(head[0]), dict)


def _json_document(text: str) -> Iterator[Read]:
    try:
        text.encode()
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise Unreadable(
            f"broken or cut off at line {error.lineno}, column {error.colno} ({error.msg}); "
            "export it again and give the whole file"
        ) from None
    except (ValueError, RecursionError):
        raise Unreadable(f"not the JSON of a Messages list; {KNOWN}") from None
    if isinstance(document, dict) and not isinstance(document.get("messages"), list):
        raise Unreadable(f'it has no list "messages"; {KNOWN}')
    return _messages(document)


def _json_lines(lines: Iterable[Line]) -> Iterator[Row]:
    """Each line is a message, or a page of them."""
    for number, line in lines:
        if line.strip():
            document = _parsed(line)
            found = ["it is not JSON in UTF-8"] if document is None else [*_messages(document)]
            one = len(found) == 1
            yield from [(f"line {number}", *found)] if one else _numbered(found, f"line {number}, ")


def _parsed(line: str) -> Any:
    try:
        line.encode()
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _messages(document: Any) -> Iterator[Read]:
    messages = document.get("messages") if isinstance(document, dict) else document
    return map(read_message, messages if isinstance(messages, list) else [document])


def read_message(message: Any) -> Read:
    """A message as Twilio's JSON has it."""
    if not isinstance(message, dict):
        return "it is not a JSON object"
    return named(scalar_fields(message).items())
