"""sObject Collections: up to 200 rows a request, each with an outcome of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import groupby
from typing import Any

from crm_sms.sandbox.salesforce.calls import Answer, Call
from crm_sms.sandbox.salesforce.chunks import Chunks, chunked, run
from crm_sms.sandbox.salesforce.desk import Desk, flag, json_object
from crm_sms.sandbox.salesforce.ids import normalise
from crm_sms.sandbox.salesforce.records import as_record, external_field, find_to_upsert, put
from crm_sms.sandbox.salesforce.refusals import Refused, RequestRefused, no_such_column
from crm_sms.sandbox.salesforce.schema import Field, SObject
from crm_sms.sandbox.salesforce.writing import Writer

MAX_ROWS = 200
MAX_READ = 2_000
MAX_CHUNKS = 10
"""Runs of rows of one type that a request may hold."""


def create(desk: Desk, call: Call) -> Answer:
    """POST: inserts rows of any types."""

    def insert(writer: Writer, record: Any) -> dict[str, Any]:
        return _done(writer.create(_type_of(desk, record), record))

    return _answer(desk, call, _jobs(desk, call, insert))


def update(desk: Desk, call: Call) -> Answer:
    """PATCH: changes rows by `id`; one id twice in a request fails both rows."""
    ids = [_id_of(record) for record in _records(call)]
    counts = Counter(normalise(one) or one for one in ids if one)

    def change(writer: Writer, record: Any) -> dict[str, Any]:
        obj, record_id = _type_of(desk, record), _id_of(record)
        if not record_id:
            raise Refused("MISSING_ARGUMENT", "Id not specified in an update call", ["Id"])
        if counts[normalise(record_id) or record_id] > 1:
            raise Refused("DUPLICATE_VALUE", f"Duplicate id specified: {record_id}", ["Id"])
        given = {name: value for name, value in record.items() if name not in ("id", "Id")}
        return _done(writer.update(obj, record_id, given))

    return _answer(desk, call, _jobs(desk, call, change))


def delete(desk: Desk, call: Call) -> Answer:
    """DELETE ?ids=: puts rows of any types into the recycle bin."""
    ids = [one.strip() for one in call.params.get("ids", "").split(",") if one.strip()]
    if not ids:
        raise RequestRefused("REQUIRED_FIELD_MISSING", "The ids parameter is required", ["ids"])
    _check_size(len(ids))

    def bin_it(writer: Writer, record_id: str) -> dict[str, Any]:
        obj = desk.org.object_of(record_id)
        if obj is None:
            raise Refused("MALFORMED_ID", f"malformed id {record_id}", ["Id"])
        return _done(writer.delete(obj, record_id))

    chunks = chunked(desk, call, bin_it, ids, lambda record_id: record_id[:3])
    all_or_none = call.params.get("allOrNone", "false") == "true"
    return Answer(body=run(desk, chunks, all_or_none=all_or_none))


def upsert(desk: Desk, call: Call, name: str, key_field: str) -> Answer:
    """PATCH by external id, one type; a key twice in a request fails both rows."""
    obj = desk.object(name)
    field = external_field(desk, obj, key_field)
    keys = [_key_of(field, record) for record in _records(call)]
    counts = Counter(field.key(key) for key in keys if isinstance(key, str))

    def place(writer: Writer, record: Any) -> dict[str, Any]:
        key = _key_of(field, record)
        if _type_of(desk, record) is not obj:
            raise Refused("INVALID_TYPE", f"all records of this request must be of type {name}")
        if key is None or key == "":
            raise Refused("MISSING_ARGUMENT", f"{field.name} not specified", [field.name])
        if isinstance(key, str) and counts[field.key(key)] > 1:
            raise Refused(
                "DUPLICATE_VALUE", f"Duplicate external id specified: {key}", [field.name]
            )
        return _upserted(writer, obj, field, key, record)

    return _answer(desk, call, _jobs(desk, call, place))


def _upserted(
    writer: Writer, obj: SObject, field: Field, key: Any, record: dict[str, Any]
) -> dict[str, Any]:
    if field.type != "id" and ("Id" in record or "id" in record):
        raise Refused(
            "INVALID_FIELD", "The Id field should not be specified in the sobject data.", ["Id"]
        )
    rows = find_to_upsert(writer, obj, field, key) if isinstance(key, str) else []
    given = {name: value for name, value in record.items() if name not in (field.name, "id", "Id")}
    record_id, created = put(writer, obj, field, key, given, rows)
    return _done(record_id) | {"created": created}


def read(desk: Desk, call: Call, name: str) -> Answer:
    """POST ids and fields: the rows in that order, null for those not found."""
    obj = desk.object(name)
    body = json_object(call.body)
    ids, names = body.get("ids"), body.get("fields")
    if not isinstance(ids, list) or not isinstance(names, list) or not ids or not names:
        raise RequestRefused("REQUIRED_FIELD_MISSING", "ids and fields are required")
    if len(ids) > MAX_READ:
        raise _too_many(MAX_READ)
    seen = desk.org.access.fields(obj)
    for asked in names:
        if str(asked) not in seen:
            raise no_such_column(str(asked), obj.name)
    known = [seen[str(asked)] for asked in names]
    return Answer(body=[_read_one(desk, obj, str(one), known, call.base) for one in ids])


def _read_one(
    desk: Desk, obj: SObject, record_id: str, fields: list[Field], base: str
) -> dict[str, Any] | None:
    full = normalise(record_id)
    if full is None:
        raise RequestRefused("MALFORMED_ID", f"malformed id {record_id}", ["Id"])
    row = desk.org.tables[obj.name].rows.get(full)
    if row is None or row.get("IsDeleted") or not desk.org.access.sees(full):
        return None
    return as_record(obj, row, fields, base)


def _jobs(desk: Desk, call: Call, do: Callable[[Writer, Any], dict[str, Any]]) -> Chunks:
    return chunked(desk, call, do, _records(call), _type_name)


def _answer(desk: Desk, call: Call, chunks: Chunks) -> Answer:
    return Answer(body=run(desk, chunks, all_or_none=flag(call.body, "allOrNone")))


def _done(record_id: str) -> dict[str, Any]:
    return {"id": record_id, "success": True, "errors": []}


def _records(call: Call) -> list[Any]:
    records = json_object(call.body).get("records")
    if not isinstance(records, list) or not records:
        raise RequestRefused("REQUIRED_FIELD_MISSING", "The records list is required", ["records"])
    _check_size(len(records))
    if any(not isinstance(record, dict) for record in records):
        raise RequestRefused("JSON_PARSER_ERROR", "every record must be an object")
    chunks = sum(1 for _ in groupby(records, key=_type_name))
    if chunks > MAX_CHUNKS:
        raise RequestRefused(
            "LIMIT_EXCEEDED",
            f"Cannot have more than {MAX_CHUNKS} chunks in a single operation. Please rearrange "
            "the data to reduce chunking.",
        )
    return records


def _check_size(rows: int) -> None:
    if rows > MAX_ROWS:
        raise _too_many(MAX_ROWS)


def _too_many(most: int) -> RequestRefused:
    return RequestRefused(
        "EXCEEDED_ID_LIMIT",
        f"record limit reached. cannot submit more than {most} records into this call",
    )


def _type_name(record: Any) -> Any:
    attributes = record.get("attributes")
    return attributes.get("type") if isinstance(attributes, dict) else None


def _type_of(desk: Desk, record: Any) -> SObject:
    name = _type_name(record)
    if name is None:
        raise Refused("INVALID_TYPE", "attributes.type is required in every record")
    obj = desk.org.access.object(name) if isinstance(name, str) else None
    if obj is None or obj.name != name:
        raise Refused("INVALID_TYPE", f"sObject type '{name}' is not supported.")
    return obj


def _id_of(record: dict[str, Any]) -> str | None:
    given = record.get("id", record.get("Id"))
    return given if isinstance(given, str) else None


def _key_of(field: Field, record: dict[str, Any]) -> Any:
    if field.type == "id":
        return _id_of(record)
    key = record.get(field.name)
    return key.strip() if isinstance(key, str) else key
