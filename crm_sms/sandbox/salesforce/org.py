"""The org's state: tables, time, who may see what; changes that can be rolled back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from crm_sms.sandbox.salesforce import ids, schema, values
from crm_sms.sandbox.salesforce.access import Access
from crm_sms.sandbox.salesforce.schema import SObject
from crm_sms.sandbox.salesforce.setup import PERMISSIONS, Setup
from crm_sms.sandbox.salesforce.table import Row, Table

USERNAME = "integration@sandbox.example"
"""The user that every API call acts as."""


@dataclass(slots=True)
class Binned:
    """What one deletion did: the records that went, and the lookups that were cleared.

    A lookup is told as record, field, and what it referred to.
    """

    went: list[str] = field(default_factory=list)
    cleared: list[tuple[str, str, str]] = field(default_factory=list)


class Org:
    """Everything that a request reads or changes. Not locked: its caller holds the lock."""

    def __init__(self, now: Callable[[], datetime], *, bare: bool = False) -> None:
        self._bare = bare
        self._know(schema.load(bare=bare), Setup())
        self.tables = {name: Table(obj) for name, obj in self.schema.items()}
        # Not rolled back: an entry counts only while its record is deleted, which writes it anew.
        self.binned: dict[str, Binned] = {}
        self._now = now
        self._at: datetime | None = None
        self._acting: str | None = None
        self._undo: list[tuple[Table, str, Row | None]] = []
        self._numbers = {obj.prefix: count(1) for obj in self.schema.values()}
        self.user_id = ids.make(self.schema["User"].prefix, 1)
        self._first_rows()
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

    @contextmanager
    def acting(self, user_id: str | None) -> Iterator[None]:
        """All that is done inside is stamped with that user; None is the API's."""
        self._acting = user_id
        try:
            yield
        finally:
            self._acting = None

    def object_of(self, record_id: str) -> SObject | None:
        """The object that an eighteen-character id belongs to."""
        return self._by_prefix.get(record_id[:3])

    def row(self, record_id: str) -> Row | None:
        """The row with that id, deleted or not."""
        obj = self.object_of(record_id)
        return None if obj is None else self.tables[obj.name].rows.get(record_id)

    def enable_person_accounts(self) -> None:
        """Gives accounts and contacts the fields of person accounts, for good."""
        self._know(schema.load(bare=self._bare, persons=True), self.access.setup)
        before, self.tables = self.tables, {}
        for name, obj in self.schema.items():
            table = self.tables[name] = Table(obj)
            extra = {f.name: f.default for f in obj.fields.values() if f.type == "boolean"}
            for row in before[name].rows.values():
                table.put(extra | row)

    def _know(self, objects: Mapping[str, SObject], setup: Setup) -> None:
        self.schema = objects
        self.access = Access(objects, setup)
        self._by_prefix = {obj.prefix: obj for obj in objects.values()}
        self._defaults = {
            name: {f.name: f.default for f in obj.fields.values() if f.default is not None}
            for name, obj in objects.items()
        }

    def set_up(self, setup: Setup) -> None:
        """Makes the org as an admin has set it up."""
        self.access = Access(self.schema, setup)
        self._permit(setup)

    def _permit(self, setup: Setup) -> None:
        obj = self.schema[PERMISSIONS]
        held = {f.name: f.default or f.name in setup.permissions for f in obj.fields.values()}
        for row in list(self.tables[PERMISSIONS].rows.values()):
            permitted = {name: held[name] for name in row if name.startswith("Permissions")}
            self.put(obj, row | permitted)
        self.commit()

    def fresh(self, obj: SObject) -> Row:
        """A new row with its id, its defaults, an owner and stamps; not stored yet."""
        number = next(self._numbers[obj.prefix])
        row = self._defaults[obj.name] | {"Id": ids.make(obj.prefix, number)}
        if "OwnerId" in obj.fields:
            row["OwnerId"] = self._acting or self.user_id
        if obj.custom:
            row["Name"] = f"SMS-{number:09d}"
        return row | self.stamps(obj, created=True)

    def stamps(self, obj: SObject, *, created: bool) -> Row:
        """The system fields of a row written now."""
        now, who = self.stamp(), self._acting or self.user_id
        row = {"LastModifiedDate": now, "LastModifiedById": who, "SystemModstamp": now}
        if created:
            row |= {"CreatedDate": now, "CreatedById": who}
        return {name: value for name, value in row.items() if name in obj.fields}

    def insert(self, obj: SObject, given: Row) -> Row:
        """Stores a new row past every check."""
        row = merged(self.fresh(obj), given)
        self.put(obj, row)
        return row

    def change(self, obj: SObject, record_id: str, changes: Row) -> Row:
        """Sets fields past every check; None clears."""
        row = self.tables[obj.name].rows[record_id] | self.stamps(obj, created=False)
        row = merged(row, changes)
        self.put(obj, row)
        return row

    def put(self, obj: SObject, row: Row) -> None:
        """Stores a row; `rollback` undoes it until the next `commit`."""
        table = self.tables[obj.name]
        self._undo.append((table, row["Id"], table.put(row)))

    def remove(self, obj: SObject, record_id: str) -> None:
        """Forgets a row for good; `rollback` brings it back until the next `commit`."""
        table = self.tables[obj.name]
        self._undo.append((table, record_id, table.remove(record_id)))

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

    def _first_rows(self) -> None:
        given = {
            "Username": USERNAME,
            "LastName": "Integration",
            "Name": "Integration",
            "Email": USERNAME,
            "Alias": "integr",
        }
        self.insert(self.schema["User"], given)
        self.insert(self.schema[PERMISSIONS], {})
        for name, rows in schema.first_rows().items():
            obj = self.schema[name]
            for position, row in enumerate(rows, start=1):
                more = {"SortOrder": position, "IsActive": True, "ApiName": row["MasterLabel"]}
                self.insert(obj, {k: v for k, v in (more | row).items() if k in obj.fields})


def merged(row: Row, changes: Row) -> Row:
    """`row` with the changes, and without what they clear."""
    return {name: value for name, value in (row | changes).items() if value is not None}
