"""The org as its API's user meets it: objects, fields and records that he sees and may edit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from crm_sms.sandbox.salesforce.schema import Field, SObject
from crm_sms.sandbox.salesforce.setup import Schema, Setup


class Access:
    """The objects, fields and records of an org as its API's user meets them."""

    def __init__(self, schema: Schema, setup: Setup) -> None:
        self.setup = setup
        self._objects = {
            name.casefold(): obj
            for name, obj in schema.items()
            if setup.objects.get(name) != "none"
        }
        self._all = {name: _standing(obj, setup) for name, obj in schema.items()}
        self._seen = {
            name: {f.name: f for f in fields.values() if f"{name}.{f.name}" not in setup.hidden}
            for name, fields in self._all.items()
        }
        self._required = {
            name: replace(obj, fields=self._all[name]).required() for name, obj in schema.items()
        }

    def object(self, name: str) -> SObject | None:
        """The object of that name, whatever the case, unless it is kept from the user."""
        return self._objects.get(name.casefold())

    def objects(self) -> Iterable[SObject]:
        """Those that the user sees."""
        return self._objects.values()

    def edits_object(self, obj: SObject) -> bool:
        """Whether the user may create, change and delete records of it at all."""
        return obj.name not in self.setup.objects

    def all_fields(self, obj: SObject) -> Mapping[str, Field]:
        """Every field as it stands, in the order of the describe."""
        return self._all[obj.name]

    def fields(self, obj: SObject) -> Mapping[str, Field]:
        """Those that field-level security shows."""
        return self._seen[obj.name]

    def required(self, obj: SObject) -> tuple[str, ...]:
        """What a record cannot be without."""
        return self._required[obj.name]

    def edits_field(self, obj: SObject, field: Field) -> bool:
        """Whether field-level security lets the user edit it."""
        return f"{obj.name}.{field.name}" not in self.setup.read_only

    def sees(self, record_id: str) -> bool:
        """Whether sharing shows the record."""
        return self.setup.records.get(record_id) != "none"

    def sees_all(self) -> bool:
        """Whether sharing hides nothing from the user (View All Data)."""
        return "none" not in self.setup.records.values()

    def edits(self, record_id: str) -> bool:
        """Whether sharing lets the user change the record."""
        return record_id not in self.setup.records


def _standing(obj: SObject, setup: Setup) -> dict[str, Field]:
    return {name: setup.fields.get(f"{obj.name}.{name}", f) for name, f in obj.fields.items()}
