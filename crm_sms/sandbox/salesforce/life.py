"""What people in the org do: they create, edit, delete, merge, convert; no API call is counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from crm_sms.sandbox.salesforce.effects import children
from crm_sms.sandbox.salesforce.org import Org
from crm_sms.sandbox.salesforce.refusals import Refused, RequestRefused
from crm_sms.sandbox.salesforce.schema import SObject
from crm_sms.sandbox.salesforce.table import Row
from crm_sms.sandbox.salesforce.writing import Writer

_CONVERTED_STATUS = "Closed - Converted"


def run(org: Org, payload: Any) -> list[list[str]]:
    """Does one operation or a list of them in order; returns the ids of each.

    {"op": "create", "object": "Contact", "records": [{…}, …]}      ids in that order
    {"op": "update", "object": "Contact", "records": [{"Id": …, …}, …]}
    {"op": "delete", "ids": […]}
    {"op": "merge", "object": "Contact", "master": id, "losers": [id, …]}      the master's id
    {"op": "convert", "lead": id, "contact": id or null, "account": id or null}  the contact's id

    Raises Refused at the first that is not accepted.
    """
    operations = payload if isinstance(payload, list) else [payload]
    writer = Writer(org, lambda write: None, people=True)
    return [_one(org, writer, operation) for operation in operations]


def _one(org: Org, writer: Writer, operation: Any) -> list[str]:
    if not isinstance(operation, dict) or operation.get("op") not in _OPERATIONS:
        raise RequestRefused("BAD_OPERATION", f"`op` must be one of {', '.join(_OPERATIONS)}")
    try:
        return _OPERATIONS[operation["op"]](org, writer, operation)
    except KeyError as missing:
        raise RequestRefused("BAD_OPERATION", f"{operation['op']} needs {missing}") from None


def _create(org: Org, writer: Writer, operation: Mapping[str, Any]) -> list[str]:
    obj = _object(org, operation)
    return [writer.create(obj, record) for record in _records(operation)]


def _update(org: Org, writer: Writer, operation: Mapping[str, Any]) -> list[str]:
    obj = _object(org, operation)
    return [
        writer.update(obj, record["Id"], {k: v for k, v in record.items() if k != "Id"})
        for record in _records(operation)
    ]


def _delete(org: Org, writer: Writer, operation: Mapping[str, Any]) -> list[str]:
    done = []
    for record_id in operation["ids"]:
        obj = org.object_of(str(record_id))
        if obj is None:
            raise Refused("MALFORMED_ID", f"malformed id {record_id}")
        done.append(writer.delete(obj, record_id))
    return done


def _merge(org: Org, writer: Writer, operation: Mapping[str, Any]) -> list[str]:
    """The losers are deleted and name the master; what hung on them hangs on the master."""
    obj = _object(org, operation)
    if not obj.mergeable:
        raise RequestRefused("INVALID_OPERATION", f"{obj.name} cannot be merged")
    master = writer.existing(obj, operation["master"])["Id"]
    for loser in operation["losers"]:
        row = writer.existing(obj, loser)
        if row["Id"] == master:
            raise RequestRefused("INVALID_OPERATION", "a record cannot be merged with itself")
        _reparent(org, row["Id"], master)
        org.change(obj, row["Id"], {"IsDeleted": True, "MasterRecordId": master})
    org.change(obj, master, {})
    return [str(master)]


def _convert(org: Org, writer: Writer, operation: Mapping[str, Any]) -> list[str]:
    """The lead becomes a contact (a given one, or a new one under a given or new account)."""
    lead = writer.existing(org.schema["Lead"], operation["lead"])
    if lead["IsConverted"]:
        raise Refused("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
    contact_id = operation.get("contact") or _contact_of(org, writer, lead, operation)
    contact = writer.existing(org.schema["Contact"], contact_id)
    _reparent(org, lead["Id"], contact["Id"])
    changes = {
        "IsConverted": True,
        "ConvertedDate": org.now().date().isoformat(),
        "ConvertedContactId": contact["Id"],
        "Status": _CONVERTED_STATUS,
    }
    if contact.get("AccountId"):
        changes["ConvertedAccountId"] = contact["AccountId"]
    org.change(org.schema["Lead"], lead["Id"], changes)
    return [str(contact["Id"])]


def _contact_of(org: Org, writer: Writer, lead: Row, operation: Mapping[str, Any]) -> str:
    account = operation.get("account") or writer.create(
        org.schema["Account"], {"Name": lead["Company"], "OwnerId": lead["OwnerId"]}
    )
    kept = ("LastName", "FirstName", "Title", "Email", "Phone", "MobilePhone", "OwnerId")
    fields = {name: lead[name] for name in kept if lead.get(name)}
    return writer.create(org.schema["Contact"], fields | {"AccountId": account})


def _reparent(org: Org, old: str, new: str) -> None:
    """Rows that can refer to the new record do so; others (a message's Lead__c) stay."""
    kind = getattr(org.object_of(new), "name", "")
    for child, field, row in children(org, old):
        if kind in field.to:
            org.change(child, row["Id"], {field.name: new})


def _records(operation: Mapping[str, Any]) -> list[dict[str, Any]]:
    records = operation["records"]
    if not isinstance(records, list) or not all(isinstance(one, dict) for one in records):
        raise RequestRefused("BAD_OPERATION", "`records` is a list of objects")
    return records


def _object(org: Org, operation: Mapping[str, Any]) -> SObject:
    obj = org.schema.get(operation["object"])
    if obj is None:
        raise RequestRefused("INVALID_TYPE", f"there is no object {operation['object']!r}")
    return obj


_OPERATIONS: Mapping[str, Callable[[Org, Writer, Mapping[str, Any]], list[str]]] = {
    "create": _create,
    "update": _update,
    "delete": _delete,
    "merge": _merge,
    "convert": _convert,
}
