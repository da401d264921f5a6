"""What people in the org do: edit, delete and restore, merge, convert; no API call is counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from crm_sms.sandbox.salesforce import joining, recycle
from crm_sms.sandbox.salesforce.org import Org
from crm_sms.sandbox.salesforce.refusals import Refused, RequestRefused
from crm_sms.sandbox.salesforce.schema import SObject
from crm_sms.sandbox.salesforce.writing import Writer

Operation = Mapping[str, Any]


def run(org: Org, payload: Any) -> list[list[str]]:
    """Does one operation or a list of them in order; returns the ids of each.

    README.md tells every operation. Raises Refused at the first that is not accepted.
    """
    operations = payload if isinstance(payload, list) else [payload]
    writer = Writer(org, lambda write: None, people=True)
    return [_one(writer, operation) for operation in operations]


def _one(writer: Writer, operation: Any) -> list[str]:
    if not isinstance(operation, dict) or operation.get("op") not in _OPERATIONS:
        raise RequestRefused("BAD_OPERATION", f"`op` must be one of {', '.join(_OPERATIONS)}")
    with writer.org.acting(_user(writer.org, operation.get("by"))):
        try:
            return _OPERATIONS[operation["op"]](writer, operation)
        except KeyError as missing:
            name = operation["op"]
            raise RequestRefused("BAD_OPERATION", f"{name} needs {missing}") from None


def _user(org: Org, by: Any) -> str | None:
    """The user who does it, if one is named."""
    if by is None:
        return None
    if str(by) not in org.tables["User"].rows:
        raise RequestRefused("BAD_OPERATION", f"`by` is no user: {by!r}")
    return str(by)


def _create(writer: Writer, operation: Operation) -> list[str]:
    obj = _object(writer.org, operation)
    return [writer.create(obj, record) for record in _records(operation)]


def _update(writer: Writer, operation: Operation) -> list[str]:
    obj = _object(writer.org, operation)
    return [
        writer.update(obj, record["Id"], {k: v for k, v in record.items() if k != "Id"})
        for record in _records(operation)
    ]


def _delete(writer: Writer, operation: Operation) -> list[str]:
    return [_delete_one(writer, record_id) for record_id in _ids(operation)]


def _delete_one(writer: Writer, record_id: str) -> str:
    obj = writer.org.object_of(record_id)
    if obj is None:
        raise Refused("MALFORMED_ID", f"malformed id {record_id}")
    return writer.delete(obj, record_id)


def _undelete(writer: Writer, operation: Operation) -> list[str]:
    for record_id in _ids(operation):
        recycle.take_back(writer.org, record_id)
    return _ids(operation)


def _purge(writer: Writer, operation: Operation) -> list[str]:
    """What is not in the recycle bin yet is deleted first."""
    for record_id in _ids(operation):
        row = writer.org.row(record_id)
        if row is None or not row.get("IsDeleted"):
            _delete_one(writer, record_id)
        recycle.purge(writer.org, record_id)
    return _ids(operation)


def _merge(writer: Writer, operation: Operation) -> list[str]:
    obj = _object(writer.org, operation)
    return [joining.merge(writer, obj, operation["master"], _ids(operation, "losers"))]


def _convert(writer: Writer, operation: Operation) -> list[str]:
    return [joining.convert(writer, operation)]


def _enable(writer: Writer, operation: Operation) -> list[str]:
    """Nothing brings it back, so it cannot follow what may have to be undone."""
    if operation["feature"] != "person_accounts" or writer.org.mark():
        raise RequestRefused("BAD_OPERATION", "`feature` is person_accounts, in a first operation")
    writer.org.enable_person_accounts()
    return []


def _ids(operation: Operation, name: str = "ids") -> list[str]:
    ids = operation[name]
    if not isinstance(ids, list):
        raise RequestRefused("BAD_OPERATION", f"`{name}` is a list")
    return [str(one) for one in ids]


def _records(operation: Operation) -> list[dict[str, Any]]:
    records = operation["records"]
    if not isinstance(records, list) or not all(isinstance(one, dict) for one in records):
        raise RequestRefused("BAD_OPERATION", "`records` is a list of objects")
    return records


def _object(org: Org, operation: Operation) -> SObject:
    obj = org.schema.get(operation["object"])
    if obj is None:
        raise RequestRefused("INVALID_TYPE", f"there is no object {operation['object']!r}")
    return obj


_OPERATIONS: Mapping[str, Callable[[Writer, Operation], list[str]]] = {
    "create": _create,
    "update": _update,
    "delete": _delete,
    "undelete": _undelete,
    "purge": _purge,
    "merge": _merge,
    "convert": _convert,
    "enable": _enable,
}
