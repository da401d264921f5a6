"""Single records: describe, create, read, change, delete, upsert by external id."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from crm_sms.sandbox.salesforce.calls import NEWEST, OLDEST, PREFIX, Answer, Call
from crm_sms.sandbox.salesforce.describe import describe_object, describe_short
from crm_sms.sandbox.salesforce.desk import Desk, json_object
from crm_sms.sandbox.salesforce.ids import normalise
from crm_sms.sandbox.salesforce.query import attributes
from crm_sms.sandbox.salesforce.refusals import Refused, RequestRefused, no_such_column, not_found
from crm_sms.sandbox.salesforce.schema import Field, SObject
from crm_sms.sandbox.salesforce.table import Row
from crm_sms.sandbox.salesforce.writing import Writer


def versions() -> list[dict[str, str]]:
    """The list at /services/data, which needs no token."""
    return [
        {"label": f"API {n}.0", "url": f"{PREFIX}/v{n}.0", "version": f"{n}.0"}
        for n in range(OLDEST, NEWEST + 1)
    ]


def resources(desk: Desk, call: Call) -> Answer:
    """What the version has."""
    names = ("composite", "jobs", "limits", "query", "queryAll", "search", "sobjects")
    return Answer(body={name: f"{call.base}/{name}" for name in names})


def global_describe(desk: Desk, call: Call) -> Answer:
    """Every object, without fields."""
    shorts = [describe_short(obj, call.base) for obj in desk.org.access.objects()]
    return Answer(body={"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": shorts})


def describe(desk: Desk, call: Call, name: str) -> Answer:
    """One object with the fields that the user sees."""
    obj = desk.object(name)
    access = desk.org.access
    answer = describe_object(obj, access.fields(obj).values(), call.base)
    if not access.edits_object(obj):
        answer |= {"createable": False, "updateable": False, "deletable": False}
    for entry in answer["fields"]:
        if not access.edits_field(obj, obj.fields[entry["name"]]):
            entry["createable"] = entry["updateable"] = False
    return Answer(body=answer)


def basic(desk: Desk, call: Call, name: str) -> Answer:
    """The object without its fields."""
    short = describe_short(desk.object(name), call.base)
    return Answer(body={"objectDescribe": short, "recentItems": []})


def create(desk: Desk, call: Call, name: str) -> Answer:
    """201 with the id."""
    obj = desk.object(name)
    body = json_object(call.body)
    record_id = desk.attempt(lambda: desk.writer(call).create(obj, body))
    location = {"Location": f"{call.base}/sobjects/{obj.name}/{record_id}"}
    return Answer(201, {"id": record_id, "success": True, "errors": []}, location)


def read(desk: Desk, call: Call, name: str, record_id: str) -> Answer:
    """All visible fields, or those in `fields`."""
    obj = desk.object(name)
    row = _by_id(desk, obj, record_id)
    wanted = call.params.get("fields")
    seen = desk.org.access.fields(obj).values()
    fields = seen if wanted is None else _named(desk, obj, wanted.split(","))
    return Answer(body=as_record(obj, row, fields, call.base))


def as_record(obj: SObject, row: Row, fields: Iterable[Field], base: str) -> dict[str, Any]:
    """A row with its attributes; empty fields are null."""
    values = {field.name: row.get(field.name) for field in fields}
    return {"attributes": attributes(obj.name, row["Id"], base)} | values


def change(desk: Desk, call: Call, name: str, record_id: str) -> Answer:
    """204."""
    obj = desk.object(name)
    row = _to_write(desk, call, obj, record_id)
    body = json_object(call.body)
    if "Id" in body or "id" in body:
        raise RequestRefused(
            "INVALID_FIELD", "The Id field should not be specified in the sobject data.", ["Id"]
        )
    desk.attempt(lambda: desk.writer(call).update(obj, row["Id"], body))
    return Answer(204)


def delete(desk: Desk, call: Call, name: str, record_id: str) -> Answer:
    """204."""
    obj = desk.object(name)
    row = _to_write(desk, call, obj, record_id)
    desk.attempt(lambda: desk.writer(call).delete(obj, row["Id"]))
    return Answer(204)


def _to_write(desk: Desk, call: Call, obj: SObject, record_id: str) -> Row:
    """The row of an id to be changed; an id of another object is malformed here, not unknown."""
    full = normalise(record_id)
    if full is not None and desk.org.object_of(full) is not obj:
        desk.writer(call).existing(obj, full)
    return _by_id(desk, obj, record_id)


def _by_id(desk: Desk, obj: SObject, record_id: str) -> Row:
    full = normalise(record_id)
    row = None if full is None else desk.org.tables[obj.name].rows.get(full)
    if row is None or not desk.org.access.sees(row["Id"]):
        raise not_found(
            "Provided external ID field does not exist or is not accessible: " + record_id
            if full is None
            else "The requested resource does not exist"
        )
    if row.get("IsDeleted"):
        raise RequestRefused("ENTITY_IS_DELETED", "entity is deleted", status=404)
    return row


def _named(desk: Desk, obj: SObject, names: list[str]) -> list[Field]:
    fields = []
    for name in names:
        field = desk.org.access.fields(obj).get(name.strip())
        if field is None:
            raise no_such_column(name.strip(), obj.name)
        fields.append(field)
    return fields


def external_field(desk: Desk, obj: SObject, name: str) -> Field:
    """The external id field of that name, or 404."""
    field = desk.org.access.fields(obj).get(name)
    if field is None or not (field.external or field.type == "id"):
        raise not_found(f"Provided external ID field does not exist or is not accessible: {name}")
    return field


def find(writer: Writer, obj: SObject, field: Field, value: str) -> list[Row]:
    """The rows with that external id that are not deleted."""
    if field.type == "id":
        return [writer.existing(obj, value)]
    rows = writer.org.tables[obj.name].alive(field.name, value.strip())
    return [row for row in rows if writer.org.access.sees(row["Id"])]


def find_to_upsert(writer: Writer, obj: SObject, field: Field, value: str) -> list[Row]:
    """The same, refused where the user could make a double of a record that he does not see."""
    if field.type != "id" and not field.unique and not writer.org.access.sees_all():
        raise Refused(
            "INSUFFICIENT_ACCESS",
            "Upsert requires view all data on a non-unique custom index",
            status=403,
        )
    return find(writer, obj, field, value)


def read_by_key(desk: Desk, call: Call, name: str, key_field: str, value: str) -> Answer:
    """A record by external id."""
    obj = desk.object(name)
    rows = find(desk.writer(call), obj, external_field(desk, obj, key_field), value)
    if len(rows) > 1:
        return _several(obj, rows, call)
    if not rows:
        raise not_found()
    return Answer(body=as_record(obj, rows[0], desk.org.access.fields(obj).values(), call.base))


def upsert(desk: Desk, call: Call, name: str, key_field: str, value: str) -> Answer:
    """201 created, 200 updated, 300 if several records match."""
    obj = desk.object(name)
    field = external_field(desk, obj, key_field)
    body = json_object(call.body)
    for given in (field.name, "Id", "id"):
        if given in body:
            raise RequestRefused(
                "INVALID_FIELD",
                f"The {given} field should not be specified in the sobject data.",
                [given],
            )
    writer = desk.writer(call)
    rows = find_to_upsert(writer, obj, field, value)
    if len(rows) > 1:
        return _several(obj, rows, call)
    record_id, created = desk.attempt(lambda: put(writer, obj, field, value, body, rows))
    status = 201 if created else 200
    return Answer(status, {"id": record_id, "success": True, "errors": [], "created": created})


def put(
    writer: Writer, obj: SObject, field: Field, value: Any, body: dict[str, Any], rows: list[Row]
) -> tuple[str, bool]:
    """Creates or changes the one record with that key; returns its id and whether it is new."""
    if len(rows) > 1:
        raise Refused(
            "DUPLICATE_EXTERNAL_ID",
            f"more than one record found for external id field: {field.name}",
            [field.name],
        )
    if rows:
        return writer.update(obj, rows[0]["Id"], body), False
    return writer.create(obj, {**body, field.name: value}), True


def _several(obj: SObject, rows: list[Row], call: Call) -> Answer:
    return Answer(300, [f"{call.base}/sobjects/{obj.name}/{row['Id']}" for row in rows])
