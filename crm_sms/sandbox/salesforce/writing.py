"""Writing one row: every check that stands between a request and the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crm_sms.sandbox.salesforce import effects, lookups, persons, recycle, rules
from crm_sms.sandbox.salesforce.guard import Guard, Write
from crm_sms.sandbox.salesforce.ids import normalise
from crm_sms.sandbox.salesforce.org import Org, merged
from crm_sms.sandbox.salesforce.refusals import Refused, no_access
from crm_sms.sandbox.salesforce.schema import Field, SObject
from crm_sms.sandbox.salesforce.table import Row
from crm_sms.sandbox.salesforce.values import stored


@dataclass(frozen=True, slots=True)
class Writer:
    """Creates, updates and deletes rows as the API's user, or as `people` of the org.

    People are kept from nothing: what an admin lets the API's user see and edit is not asked.
    `chunk` and `allow_save` are those of Write.
    """

    org: Org
    guard: Guard
    chunk: int = 1
    allow_save: bool = False
    people: bool = False

    def create(self, obj: SObject, given: Mapping[str, Any]) -> str:
        """Inserts a row and returns its id, or raises Refused."""
        self._check_object(obj, "inserted")
        if "Id" in given or "id" in given:
            raise Refused(
                "INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", ["Id"]
            )
        changes = self._changes(obj, given, creating=True)
        self._check_required(obj, changes)
        row = self.org.fresh(obj)
        self._store(obj, merged(row, changes), {}, changes)
        return str(row["Id"])

    def update(self, obj: SObject, record_id: str, given: Mapping[str, Any]) -> str:
        """Changes a row and returns its id, or raises Refused."""
        self._check_object(obj, "updated")
        before = self.to_change(obj, record_id)
        changes = self._changes(obj, given, creating=False)
        row = merged(before | self.org.stamps(obj, created=False), changes)
        self._check_required(obj, row)
        self._store(obj, row, before, changes)
        return str(before["Id"])

    def delete(self, obj: SObject, record_id: str) -> str:
        """Puts a row, and those that hang on it, into the recycle bin."""
        if not (self.people or self.org.access.edits_object(obj)):
            raise no_access()
        row = self.to_change(obj, record_id)
        if not (obj.writable and obj.deletable):
            raise Refused("INSUFFICIENT_ACCESS_OR_READONLY", f"cannot delete {obj.label}")
        persons.check_deletion(obj, row)
        self.guard(Write(self.org, obj, row, row, True, self.chunk, self.allow_save))
        recycle.bin_record(self.org, row["Id"])
        return str(row["Id"])

    def existing(self, obj: SObject, record_id: str) -> Row:
        """The row with that id of that object, or Refused as an update by id is."""
        full = normalise(record_id) if isinstance(record_id, str) else None
        if full is None or self.org.object_of(full) is not obj:
            raise Refused(
                "MALFORMED_ID", f"{obj.label} ID: id value of incorrect type: {record_id}", ["Id"]
            )
        row = self.org.row(full)
        if row is None:
            raise Refused("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", status=404)
        if row.get("IsDeleted"):
            raise Refused("ENTITY_IS_DELETED", "entity is deleted", status=404)
        return row

    def to_change(self, obj: SObject, record_id: str) -> Row:
        """The same, if sharing lets the user change it."""
        row = self.existing(obj, record_id)
        if self.people or self.org.access.edits(row["Id"]):
            return row
        if self.org.access.sees(row["Id"]):
            raise no_access()
        raise lookups.no_access(row["Id"])

    def _check_object(self, obj: SObject, done: str) -> None:
        if not obj.writable or not (self.people or self.org.access.edits_object(obj)):
            raise Refused(
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
                f"entity type cannot be {done}: {obj.label}",
            )

    def _check_required(self, obj: SObject, row: Row) -> None:
        required = obj.required() if self.people else self.org.access.required(obj)
        missing = [name for name in required if row.get(name) is None]
        # A person account has a last name instead.
        if missing and not (missing == ["Name"] and row.get("LastName")):
            raise Refused(
                "REQUIRED_FIELD_MISSING",
                f"Required fields are missing: [{', '.join(missing)}]",
                missing,
            )

    def _changes(self, obj: SObject, given: Mapping[str, Any], *, creating: bool) -> Row:
        """The given values as stored; None where a field is to be cleared."""
        access = self.org.access
        fields = access.all_fields(obj) if self.people else access.fields(obj)
        changes: Row = {}
        refused = []
        for name, value in given.items():
            if name == "attributes":
                continue
            field = fields.get(name)
            if field is None:
                field, value = lookups.by_external_id(self.org, obj, fields, name, value)
            if self._takes(obj, field, creating=creating):
                changes[field.name] = stored(field, value)
            else:
                refused.append(field.name)
        if refused:
            raise _not_writable(refused)
        return changes

    def _takes(self, obj: SObject, field: Field, *, creating: bool) -> bool:
        if self.people:
            return field.updateable or (creating and (field.createable or field.seeded))
        return (field.createable if creating else field.updateable) and (
            self.org.access.edits_field(obj, field)
        )

    def _store(self, obj: SObject, row: Row, before: Row, changes: Row) -> None:
        for name, value in changes.items():
            field = obj.fields[name]
            if value is not None and value != before.get(name):
                if field.to:
                    lookups.check(self.org, obj, field, value, people=self.people)
                if field.unique:
                    rules.check_unique(self.org, obj, field, value, row["Id"])
        rules.apply(self.org, obj.name, row, before)
        self.guard(Write(self.org, obj, row, before, False, self.chunk, self.allow_save))
        self.org.put(obj, row)
        effects.after(self.org, obj, row, before)


def _not_writable(names: list[str]) -> Refused:
    return Refused(
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        f"Unable to create/update fields: {', '.join(names)}. Please check the security settings "
        "of this field and verify that it is read/write for your profile or permission set.",
        names,
    )
