"""The org's state: tables, time, who may see what; changes that can be rolled back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from typing import Any

from crm_sms.sandbox.salesforce import ids, schema, values
from crm_sms.sandbox.salesforce.refusals import RequestRefused
from crm_sms.sandbox.salesforce.schema import Field, SObject
from crm_sms.sandbox.salesforce.table import Row, Table

USERNAME = "integration@sandbox.example"
"""The user that every API call acts as."""


class Org:
    """Everything that a request reads or changes. Not locked: its caller holds the lock."""

    def __init__(self, now: Callable[[], datetime], *, bare: bool = False) -> None:
        self.schema = schema.load(bare=bare)
        self.tables = {name: Table(obj) for name, obj in self.schema.items()}
        self.hidden: frozenset[str] = frozenset()
        self.read_only: frozenset[str] = frozenset()
        self._now = now
        self._at: datetime | None = None
        self._undo: list[tuple[Table, str, Row | None]] = []
        self._numbers = {obj.prefix: count(1) for obj in self.schema.values()}
        self._by_name = {name.casefold(): obj for name, obj in self.schema.items()}
        self._by_prefix = {obj.prefix: obj for obj in self.schema.values()}
        self.user_id = self._first_rows()
        self.commit()

    def now(self) -> datetime:
        """The time of the commit under way, else the clock's."""
        return self._at or self._now()

    def stamp(self) -> str:
        """`now` as stored."""
        return values.stamp(self.now())

    @contextmanager
    def at(self, moment: datetime) -> Iterator[None]:
        """All that is done inside happens at `moment`; a late commit, when it was due."""
        self._at = moment
        try:
            yield
        finally:
            self._at = None

    def object(self, name: str) -> SObject | None:
        """The object of that name, whatever the case."""
        return self._by_name.get(name.casefold())

    def object_of(self, record_id: str) -> SObject | None:
        """The object that an eighteen-character id belongs to."""
        return self._by_prefix.get(record_id[:3])

    def row(self, record_id: str) -> Row | None:
        """The row with that id, deleted or not."""
        obj = self.object_of(record_id)
        return None if obj is None else self.tables[obj.name].rows.get(record_id)

    def field(self, obj: SObject, name: str) -> Field | None:
        """The field of exactly that name, unless field-level security hides it."""
        field = obj.fields.get(name)
        return None if field is None or f"{obj.name}.{name}" in self.hidden else field

    def fields(self, obj: SObject) -> list[Field]:
        """Every field that the user sees, in the order of the describe."""
        return [f for f in obj.fields.values() if f"{obj.name}.{f.name}" not in self.hidden]

    def writable(self, obj: SObject, field: Field) -> bool:
        """Whether field-level security lets the user edit it."""
        return f"{obj.name}.{field.name}" not in self.read_only

    def restrict(self, hidden: frozenset[str], read_only: frozenset[str]) -> None:
        """Sets field-level security; names are `Object.Field`, unknown ones are refused."""
        for name in hidden | read_only:
            object_name, _, field_name = name.partition(".")
            if field_name not in getattr(self.schema.get(object_name), "fields", {}):
                raise RequestRefused("UNKNOWN_FIELD", f"there is no field {name}")
        self.hidden, self.read_only = hidden, read_only

    def new_id(self, obj: SObject) -> tuple[str, int]:
        """The next id of an object, and its number."""
        number = next(self._numbers[obj.prefix])
        return ids.make(obj.prefix, number), number

    def put(self, obj: SObject, row: Row) -> None:
        """Stores a row; `rollback` undoes it until the next `commit`."""
        table = self.tables[obj.name]
        self._undo.append((table, row["Id"], table.put(row)))

    def mark(self) -> int:
        """A place to roll back to."""
        return len(self._undo)

    def rollback(self, mark: int) -> None:
        """Undoes every change since the mark."""
        while len(self._undo) > mark:
            table, record_id, old = self._undo.pop()
            if old is None:
                table.remove(record_id)
            else:
                table.put(old)

    def commit(self) -> None:
        """Nothing before this can be rolled back."""
        self._undo.clear()

    def _first_rows(self) -> str:
        user_id = self._first_user()
        for name, rows in schema.first_rows().items():
            for position, row in enumerate(rows, start=1):
                self._first_row(name, user_id, {"SortOrder": position, "IsActive": True, **row})
        return user_id

    def _first_user(self) -> str:
        user = self.schema["User"]
        user_id, _ = self.new_id(user)
        row = {
            "Id": user_id,
            "Username": USERNAME,
            "LastName": "Integration",
            "Name": "Integration",
            "Email": USERNAME,
            "Alias": "integr",
            "IsActive": True,
            "UserType": "Standard",
            "TimeZoneSidKey": "America/New_York",
        }
        self.put(user, row | self.stamps(user_id, created=True))
        return user_id

    def _first_row(self, name: str, user_id: str, given: dict[str, Any]) -> None:
        obj = self.schema[name]
        record_id, _ = self.new_id(obj)
        row = {f.name: f.default for f in obj.fields.values() if f.default is not None}
        row |= {"Id": record_id, "ApiName": given["MasterLabel"]} | given
        row = {column: value for column, value in row.items() if column in obj.fields}
        self.put(obj, row | self.stamps(user_id, created=True))

    def stamps(self, user_id: str, *, created: bool) -> Row:
        """The system fields of a row written now."""
        now = self.stamp()
        row = {"LastModifiedDate": now, "LastModifiedById": user_id, "SystemModstamp": now}
        return row | {"CreatedDate": now, "CreatedById": user_id} if created else row
