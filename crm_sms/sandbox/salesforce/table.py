"""One object's rows, with the indexes that keep look-ups and pulls off full scans."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Any

from crm_sms.sandbox.salesforce.numbers import Numbers
from crm_sms.sandbox.salesforce.schema import SObject

Row = dict[str, Any]
"""Fields that have a value. A row is replaced, never changed, so readers may keep it."""

_STRETCH = 2_048
"""Rows that a pull takes at once: a page does not copy the whole order."""


class Table:
    """Rows by id, by the indexed fields, and in the order (SystemModstamp, Id)."""

    def __init__(self, obj: SObject) -> None:
        self.object = obj
        self.rows: dict[str, Row] = {}
        self._indexed = [field for field in obj.fields.values() if field.indexed]
        self._by: dict[str, dict[Any, set[str]]] = {field.name: {} for field in self._indexed}
        self._order: list[tuple[str, str]] = []
        self._numbers: Numbers | None = None

    def put(self, row: Row) -> Row | None:
        """Stores a row under its Id; returns the one it replaces."""
        old = self.remove(row["Id"])
        self.rows[row["Id"]] = row
        for field in self._indexed:
            value = row.get(field.name)
            if value is not None:
                self._by[field.name].setdefault(field.key(value), set()).add(row["Id"])
        insort(self._order, (row["SystemModstamp"], row["Id"]))
        if self._numbers is not None:
            self._numbers.add(row)
        return old

    def remove(self, record_id: str) -> Row | None:
        """Forgets a row wholly (a deleted record stays, with IsDeleted)."""
        row = self.rows.pop(record_id, None)
        if row is None:
            return None
        for field in self._indexed:
            value = row.get(field.name)
            if value is not None:
                self._by[field.name][field.key(value)].discard(record_id)
        del self._order[bisect_left(self._order, (row["SystemModstamp"], record_id))]
        if self._numbers is not None:
            self._numbers.discard(row)
        return row

    def numbers(self) -> Numbers:
        """The phone numbers of all rows; built when first asked for, kept up from then on."""
        if self._numbers is None:
            names = [f.name for f in self.object.fields.values() if f.type == "phone"]
            self._numbers = Numbers(names)
            for row in self.rows.values():
                self._numbers.add(row)
        return self._numbers

    def find(self, field_name: str, value: Any) -> list[Row]:
        """Rows whose indexed field equals `value`, deleted ones included, oldest id first."""
        key = self.object.fields[field_name].key(value)
        return [self.rows[found] for found in sorted(self._by[field_name].get(key, ()))]

    def alive(self, field_name: str, value: Any) -> list[Row]:
        """The same without deleted rows."""
        return [row for row in self.find(field_name, value) if not row.get("IsDeleted")]

    def since(self, moment: str | None) -> Iterator[Row]:
        """Rows in the order (SystemModstamp, Id), from `moment` on, deleted ones included."""
        start = 0 if moment is None else bisect_left(self._order, (moment, ""))
        for at in range(start, len(self._order), _STRETCH):
            for _, record_id in self._order[at : at + _STRETCH]:
                yield self.rows[record_id]

    def count_since(self, moment: str) -> int:
        """How many rows `since` would give."""
        return len(self._order) - bisect_left(self._order, (moment, ""))
