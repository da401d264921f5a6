"""A job's CSV as rows of the mirror: the same values as by REST."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from operator import itemgetter

from crm_sms.records import FieldType, MirrorRow, ObjectDescription, Scalar
from crm_sms_salesforce.pulls import Source, names_of
from crm_sms_salesforce.values import scalar


def rows(text: str, source: Source, description: ObjectDescription) -> Iterator[MirrorRow]:
    """The rows of a text with a header line, one after the other."""
    reader = csv.reader(io.StringIO(text, newline=""))
    columns = _columns(next(reader, []), source, description)
    for line in reader:
        yield source.row({name: read(of(line)) for name, of, read in columns})


Column = tuple[str, Callable[[list[str]], str], Callable[[str], Scalar]]
"""The name that a row is made of, its cell in a line, and what a cell stands for."""


def _columns(header: list[str], source: Source, description: ObjectDescription) -> list[Column]:
    places = {name.casefold(): place for place, name in enumerate(header)}
    types = {name.casefold(): field.type for name, field in description.fields.items()}
    found = [(name, name.casefold()) for name in names_of(source) if name.casefold() in places]
    return [(name, itemgetter(places[key]), _reader(types.get(key))) for name, key in found]


def _reader(type: FieldType | None) -> Callable[[str], Scalar]:
    return _TYPES.get(type, _text) if type else _text


def _text(cell: str) -> Scalar:
    return scalar(cell) if cell else None


def _flag(cell: str) -> Scalar:
    return cell == "true" if cell else None


def _number(cell: str) -> Scalar:
    if not cell:
        return None
    return int(cell) if cell.removeprefix("-").isdecimal() else float(cell)


_TYPES: Mapping[FieldType, Callable[[str], Scalar]] = {
    FieldType.CHECKBOX: _flag,
    FieldType.NUMBER: _number,
}
"""What is no text; in CSV an empty cell is no value."""
