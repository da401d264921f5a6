"""Writing one row: every check that stands between a request and the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from crm_sms.sandbox.salesforce import rules
from crm_sms.sandbox.salesforce.ids import normalise
from crm_sms.sandbox.salesforce.org import Org
from crm_sms.sandbox.salesforce.refusals import Refused, no_such_column
from crm_sms.sandbox.salesforce.schema import Field, SObject
from crm_sms.sandbox.salesforce.table import Row
from crm_sms.sandbox.salesforce.values import stored

Guard = Callable[[SObject, Row], None]
"""Called with each row about to be stored; raises Refused to keep it out (locks, row errors)."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Creates, updates and deletes rows of an org as one user."""

    org: Org
    guard: Guard

    def create(self, obj: SObject, given: Mapping[str, Any]) -> str:
        """Inserts a row and returns its id, or raises Refused."""
        _must_be_writable(obj)
        if "Id" in given or "id" in given:
            raise Refused(
                "INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", ["Id"]
            )
        changes = self._changes(obj, given, creating=True)
        missing = [name for name in obj.required() if changes.get(name) is None]
        if missing:
            raise Refused(
                "REQUIRED_FIELD_MISSING",
                f"Required fields are missing: [{', '.join(missing)}]",
                missing,
            )
        record_id, number = self.org.new_id(obj)
        row = _defaults(obj) | {"OwnerId": self.org.user_id, "Id": record_id}
        if "OwnerId" not in obj.fields:
            del row["OwnerId"]
        if obj.custom:
            row["Name"] = f"SMS-{number:09d}"
        row |= self.org.stamps(self.org.user_id, created=True)
        self._store(obj, _merged(row, changes), {}, changes)
        if obj.name == "Opportunity" and changes.get("ContactId"):
            self._primary_role(record_id, changes["ContactId"])
        return record_id

    def update(self, obj: SObject, record_id: str, given: Mapping[str, Any]) -> str:
        """Changes a row and returns its id, or raises Refused."""
        _must_be_writable(obj)
        before = self.existing(obj, record_id)
        changes = self._changes(obj, given, creating=False)
        row = before | self.org.stamps(self.org.user_id, created=False)
        self._store(obj, _merged(row, changes), before, changes)
        return str(before["Id"])

    def delete(self, obj: SObject, record_id: str) -> str:
        """Puts a row, and those that hang on it, into the recycle bin."""
        row = self.existing(obj, record_id)
        if not (obj.writable and obj.deletable):
            raise Refused("INSUFFICIENT_ACCESS_OR_READONLY", f"cannot delete {obj.label}")
        self.guard(obj, row)
        self._bin(obj, row)
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

    def _changes(self, obj: SObject, given: Mapping[str, Any], *, creating: bool) -> Row:
        """The given values as stored; None where a field is to be cleared."""
        changes: Row = {}
        refused = []
        for name, value in given.items():
            if name == "attributes":
                continue
            field = self.org.field(obj, name)
            if field is None:
                field, value = self._by_external_id(obj, name, value)
            if not (field.createable if creating else field.updateable) or not self.org.writable(
                obj, field
            ):
                refused.append(field.name)
            else:
                changes[field.name] = stored(field, value)
        if refused:
            raise _not_writable(refused)
        return changes

    def _by_external_id(self, obj: SObject, name: str, value: Any) -> tuple[Field, Any]:
        """`"Contact__r": {"SMS_Phone_E164__c": …}` sets the lookup to the one record found."""
        field = obj.relation(name)
        if field is None or self.org.field(obj, field.name) is None or len(field.to) != 1:
            raise no_such_column(name, obj.name)
        target = self.org.schema[field.to[0]]
        keys = [] if not isinstance(value, dict) else [k for k in value if k != "attributes"]
        key = self.org.field(target, keys[0]) if len(keys) == 1 else None
        if key is None or not key.external or not isinstance(value[key.name], str):
            raise Refused("INVALID_FIELD", f"{name} needs one external id of {target.name}", [name])
        found = self.org.tables[target.name].alive(key.name, value[key.name])
        if len(found) != 1:
            raise Refused(
                "INVALID_FIELD",
                f"Foreign key external ID: {value[key.name]} "
                f"{'not found' if not found else 'matches several'} for field {key.name} in "
                f"entity {target.name}",
                [field.name],
            )
        return field, found[0]["Id"]

    def _store(self, obj: SObject, row: Row, before: Row, changes: Row) -> None:
        for name, value in changes.items():
            field = obj.fields[name]
            if value is not None and value != before.get(name):
                if field.to:
                    self._check_reference(obj, field, value)
                if field.unique:
                    self._check_unique(obj, field, value, row["Id"])
        rules.apply(self.org, obj.name, row, before)
        self.guard(obj, row)
        self.org.put(obj, row)
        if obj.name == "OpportunityContactRole" and row["IsPrimary"]:
            self._only_primary(obj, row)

    def _check_reference(self, obj: SObject, field: Field, record_id: str) -> None:
        target = self.org.object_of(record_id)
        if target is None or target.name not in field.to:
            raise Refused(
                "FIELD_INTEGRITY_EXCEPTION",
                f"{field.label}: id value of incorrect type: {record_id}",
                [field.name],
            )
        row = self.org.row(record_id)
        if row is None:
            raise Refused("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [field.name])
        if row.get("IsDeleted"):
            raise Refused("ENTITY_IS_DELETED", "entity is deleted", [field.name])
        if row.get("IsConverted"):
            raise Refused(
                "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", [field.name]
            )
        if field.name == "OwnerId" and not row.get("IsActive"):
            raise Refused(
                "INACTIVE_OWNER_OR_USER",
                f"operation performed with inactive user [{record_id}] as owner of "
                f"{obj.name.lower()}",
                ["OwnerId"],
            )

    def _check_unique(self, obj: SObject, field: Field, value: Any, record_id: str) -> None:
        for other in self.org.tables[obj.name].alive(field.name, value):
            if other["Id"] != record_id:
                raise Refused(
                    "DUPLICATE_VALUE",
                    f"duplicate value found: {field.name} duplicates value on record with id: "
                    f"{other['Id']}",
                )

    def _bin(self, obj: SObject, row: Row) -> None:
        stamps = self.org.stamps(self.org.user_id, created=False)
        self.org.put(obj, row | stamps | {"IsDeleted": True})
        for child, field, held in children(self.org, row["Id"]):
            # A child can hang on the record twice, and may have gone with another by now.
            current = self.org.tables[child.name].rows[held["Id"]]
            if current.get("IsDeleted"):
                continue
            if field.cascade:
                self._bin(child, current)
            else:
                self.org.put(child, _merged(current, {field.name: None}) | stamps)

    def _primary_role(self, opportunity_id: str, contact_id: str) -> None:
        role = self.org.schema["OpportunityContactRole"]
        fields = {"OpportunityId": opportunity_id, "ContactId": contact_id, "IsPrimary": True}
        self.create(role, fields)

    def _only_primary(self, obj: SObject, row: Row) -> None:
        """One primary role an opportunity: the last one set."""
        for other in self.org.tables[obj.name].alive("OpportunityId", row["OpportunityId"]):
            if other["Id"] != row["Id"] and other["IsPrimary"]:
                stamps = self.org.stamps(self.org.user_id, created=False)
                self.org.put(obj, other | stamps | {"IsPrimary": False})


def children(org: Org, record_id: str) -> list[tuple[SObject, Field, Row]]:
    """Every row that is not deleted and refers to a record, with the field it does so by."""
    name = getattr(org.object_of(record_id), "name", "")
    return [
        (obj, field, row)
        for obj in org.schema.values()
        for field in obj.fields.values()
        if name in field.to and field.name != "MasterRecordId"
        for row in org.tables[obj.name].alive(field.name, record_id)
    ]


def _must_be_writable(obj: SObject) -> None:
    if not obj.writable:
        raise Refused(
            "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type cannot be inserted: {obj.label}"
        )


def _not_writable(names: list[str]) -> Refused:
    return Refused(
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        f"Unable to create/update fields: {', '.join(names)}. Please check the security settings "
        "of this field and verify that it is read/write for your profile or permission set.",
        names,
    )


def _defaults(obj: SObject) -> Row:
    return {f.name: f.default for f in obj.fields.values() if f.default is not None}


def _merged(row: Row, changes: Row) -> Row:
    """`row` with the changes, and without what they clear."""
    return {name: value for name, value in (row | changes).items() if value is not None}
