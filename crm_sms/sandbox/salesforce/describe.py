"""Describe answers, in the shape that orgs give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from crm_sms.sandbox.salesforce.schema import Field, SObject

_SOAP = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "int": "xsd:int",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
}
_BYTES_PER_CHARACTER = 3
_NOT_PERMISSIONABLE = frozenset(
    (
        *("Id", "IsDeleted", "Name", "LastName", "FirstName", "Salutation", "OwnerId"),
        *("CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById"),
        *("SystemModstamp", "MasterRecordId", "IsConverted"),
    )
)
_ALWAYS_SO: dict[str, Any] = {
    "aiPredictionField": False,
    "calculated": False,
    "calculatedFormula": None,
    "compoundFieldName": None,
    "controllerName": None,
    "defaultValueFormula": None,
    "dependentPicklist": False,
    "deprecatedAndHidden": False,
    "displayLocationInDecimal": False,
    "encrypted": False,
    "filteredLookupInfo": None,
    "formulaTreatNullNumberAsZero": False,
    "highScaleNumber": False,
    "htmlFormatted": False,
    "inlineHelpText": None,
    "mask": None,
    "maskType": None,
    "queryByDistance": False,
    "referenceTargetField": None,
    "relationshipOrder": None,
    "restrictedDelete": False,
    "writeRequiresMasterRead": False,
}
_OBJECT_ALWAYS_SO: dict[str, Any] = {
    "activateable": False,
    "associateEntityType": None,
    "associateParentEntity": None,
    "customSetting": False,
    "deepCloneable": False,
    "deprecatedAndHidden": False,
    "hasSubtypes": False,
    "isInterface": False,
    "isSubtype": False,
    "queryable": True,
    "retrieveable": True,
}


def describe_field(field: Field) -> dict[str, Any]:
    """One entry of `fields`."""
    return _ALWAYS_SO | {
        "aggregatable": field.filterable and field.type != "boolean",
        "autoNumber": field.name == "Name" and not field.createable and field.length == 80,
        "byteLength": field.length * (1 if field.to else _BYTES_PER_CHARACTER)
        if field.type != "id"
        else field.length,
        "cascadeDelete": False,
        "caseSensitive": field.case_sensitive and bool(field.external or field.unique),
        "createable": field.createable,
        "custom": field.name.endswith("__c"),
        "defaultValue": field.default,
        "defaultedOnCreate": _defaulted(field),
        "digits": field.precision if field.type == "int" else 0,
        "externalId": field.external,
        "extraTypeInfo": "plaintextarea" if field.type == "textarea" else None,
        "filterable": field.filterable,
        "groupable": field.filterable and field.type not in ("datetime", "double", "currency"),
        "idLookup": field.external or field.type in ("id", "email"),
        "label": field.label,
        "length": field.length,
        "name": field.name,
        "nameField": field.name == "Name",
        "namePointing": len(field.to) > 1,
        "nillable": field.nillable,
        "permissionable": field.name not in _NOT_PERMISSIONABLE and field.nillable,
        "picklistValues": [_value(value, field.default) for value in field.values],
        "polymorphicForeignKey": len(field.to) > 1,
        "precision": 0 if field.type == "int" else field.precision,
        "referenceTo": list(field.to),
        "relationshipName": field.relationship,
        "restrictedPicklist": field.restricted,
        "scale": field.scale,
        "searchPrefilterable": field.type == "reference",
        "soapType": _SOAP.get(field.type, "xsd:string"),
        "sortable": field.filterable,
        "type": field.type,
        "unique": field.unique,
        "updateable": field.updateable,
    }


def _defaulted(field: Field) -> bool:
    stamped = not field.nillable and not field.createable and field.type != "string"
    return field.default is not None or field.name == "OwnerId" or stamped


def _value(value: str, default: Any) -> dict[str, Any]:
    return {
        "active": True,
        "defaultValue": value == default,
        "label": value,
        "validFor": None,
        "value": value,
    }


def describe_object(obj: SObject, fields: Iterable[Field], base: str) -> dict[str, Any]:
    """The whole describe, with the `fields` the user may see; `base` is the versioned path."""
    return describe_short(obj, base) | {
        "actionOverrides": [],
        "childRelationships": [],
        "compactLayoutable": True,
        "defaultImplementation": None,
        "extendedBy": None,
        "extendsInterfaces": None,
        "fields": [describe_field(field) for field in fields],
        "implementedBy": None,
        "implementsInterfaces": None,
        "listviewable": None,
        "lookupLayoutable": None,
        "namedLayoutInfos": [],
        "networkScopeFieldName": None,
        "recordTypeInfos": [],
        "searchLayoutable": True,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": [{"label": f"All {obj.plural}", "name": "everything"}],
    }


def describe_short(obj: SObject, base: str) -> dict[str, Any]:
    """The entry of a global describe."""
    return _OBJECT_ALWAYS_SO | {
        "createable": obj.writable,
        "custom": obj.custom,
        "deletable": obj.writable and obj.deletable,
        "feedEnabled": not obj.custom,
        "keyPrefix": obj.prefix,
        "label": obj.label,
        "labelPlural": obj.plural,
        "layoutable": obj.writable,
        "mergeable": obj.mergeable,
        "mruEnabled": obj.writable,
        "name": obj.name,
        "replicateable": obj.writable,
        "searchable": obj.writable,
        "triggerable": obj.writable,
        "undeletable": obj.writable and obj.deletable,
        "updateable": obj.writable,
        "urls": _urls(obj, base),
    }


def _urls(obj: SObject, base: str) -> Mapping[str, str]:
    path = f"{base}/sobjects/{obj.name}"
    return {"sobject": path, "describe": f"{path}/describe", "rowTemplate": f"{path}/{{ID}}"}
