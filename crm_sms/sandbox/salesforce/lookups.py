"""References from one record to another: what they may point to, and setting them by a key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crm_sms.sandbox.salesforce.org import Org
from crm_sms.sandbox.salesforce.refusals import Refused, no_such_column
from crm_sms.sandbox.salesforce.schema import Field, SObject
from crm_sms.sandbox.salesforce.table import Row


def by_external_id(
    org: Org, obj: SObject, fields: Mapping[str, Field], name: str, value: Any
) -> tuple[Field, Any]:
    """`"Contact__r": {"SMS_Phone_E164__c": …}` sets the lookup to the one record found.

    `fields` are those that the user sees.
    """
    field = obj.relation(name)
    if field is None or field.name not in fields or len(field.to) != 1:
        raise no_such_column(name, obj.name)
    target = org.schema[field.to[0]]
    keys = [] if not isinstance(value, dict) else [k for k in value if k != "attributes"]
    key = org.access.fields(target).get(keys[0]) if len(keys) == 1 else None
    if key is None or not key.external or not isinstance(value[key.name], str):
        raise Refused("INVALID_FIELD", f"{name} needs one external id of {target.name}", [name])
    found = org.tables[target.name].alive(key.name, value[key.name])
    if len(found) != 1:
        raise Refused(
            "INVALID_FIELD",
            f"Foreign key external ID: {value[key.name]} "
            f"{'not found' if not found else 'matches several'} for field {key.name} in "
            f"entity {target.name}",
            [field.name],
        )
    return field, found[0]["Id"]


def check(org: Org, obj: SObject, field: Field, record_id: str, *, people: bool) -> None:
    """Raises Refused unless the field may point to that record."""
    target = org.object_of(record_id)
    if target is None or target.name not in field.to:
        raise Refused(
            "FIELD_INTEGRITY_EXCEPTION",
            f"{field.label}: id value of incorrect type: {record_id}",
            [field.name],
        )
    row = org.row(record_id)
    if row is None:
        raise Refused("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [field.name])
    if not people and not org.access.sees(record_id):
        raise no_access(record_id)
    if row.get("IsDeleted"):
        raise Refused("ENTITY_IS_DELETED", "entity is deleted", [field.name])
    if row.get("IsConverted"):
        raise Refused(
            "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", [field.name]
        )
    if field.name == "OwnerId":
        _check_owner(obj, row)


def no_access(record_id: str) -> Refused:
    """A record that sharing does not show to our user."""
    return Refused(
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
        f"insufficient access rights on cross-reference id: {record_id}",
    )


def _check_owner(obj: SObject, user: Row) -> None:
    if not user.get("IsActive"):
        raise Refused(
            "INACTIVE_OWNER_OR_USER",
            f"operation performed with inactive user [{user['Id']}] as owner of {obj.name.lower()}",
            ["OwnerId"],
        )
    if user.get("UserType") != "Standard":
        raise Refused(
            "OP_WITH_INVALID_USER_TYPE_EXCEPTION",
            "Operation not valid for this user type",
            ["OwnerId"],
        )
