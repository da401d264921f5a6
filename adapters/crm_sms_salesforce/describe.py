"""Salesforce's describe of an object as an ObjectDescription."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crm_sms.records import FieldDescription, FieldType, ObjectDescription

TYPES: Mapping[str, FieldType] = {
    "string": FieldType.TEXT,
    "combobox": FieldType.TEXT,
    "email": FieldType.TEXT,
    "url": FieldType.TEXT,
    "encryptedstring": FieldType.TEXT,
    "textarea": FieldType.LONG_TEXT,
    "int": FieldType.NUMBER,
    "long": FieldType.NUMBER,
    "double": FieldType.NUMBER,
    "currency": FieldType.NUMBER,
    "percent": FieldType.NUMBER,
    "boolean": FieldType.CHECKBOX,
    "date": FieldType.DATE,
    "datetime": FieldType.INSTANT,
    "picklist": FieldType.PICKLIST,
    "reference": FieldType.REFERENCE,
    "phone": FieldType.PHONE,
}
"""Salesforce's types; one that is not here is OTHER."""


def object_description(answer: Mapping[str, Any]) -> ObjectDescription:
    """What our user sees: a field hidden by field-level security is not in the answer."""
    return ObjectDescription(
        name=answer["name"],
        fields={field["name"]: _field(field) for field in answer["fields"]},
        creatable=answer["createable"],
        updatable=answer["updateable"],
    )


def _field(field: Mapping[str, Any]) -> FieldDescription:
    choices = field.get("picklistValues") or ()
    return FieldDescription(
        name=field["name"],
        type=TYPES.get(field["type"], FieldType.OTHER),
        length=field["length"] or None,
        choices=tuple(choice["value"] for choice in choices if choice["active"]),
        restricted=bool(field.get("restrictedPicklist")),
        unique_key=bool(field["externalId"] and field["unique"]),
        creatable=field["createable"],
        updatable=field["updateable"],
        refers_to=tuple(field["referenceTo"]),
    )
