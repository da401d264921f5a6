"""Chunks as one Composite request of Collections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crm_sms.records import Chunk, Op, Write
from crm_sms_salesforce.outcomes import reference
from crm_sms_salesforce.values import literal

ROWS_PER_COLLECTION = 200
COLLECTIONS_PER_COMPOSITE = 5

_METHODS = {Op.UPSERT: "PATCH", Op.UPDATE: "PATCH", Op.CREATE: "POST"}


def composite_body(chunks: Sequence[Chunk], data_path: str, *, allow_save: bool) -> dict[str, Any]:
    """The body of the one request that carries these chunks, in their order; empty ones are left
    out. `data_path` is `/services/data/v66.0`. Also a single chunk travels in a Composite.

    Raises ValueError for more than Salesforce takes, or a key that comes twice in a chunk.
    """
    if len(chunks) > COLLECTIONS_PER_COMPOSITE:
        raise ValueError(f"{len(chunks)} chunks, at most {COLLECTIONS_PER_COMPOSITE} fit")
    return {
        "allOrNone": False,
        "collateSubrequests": False,
        "compositeRequest": [
            _subrequest(index, chunk, data_path, allow_save)
            for index, chunk in enumerate(chunks)
            if chunk.rows
        ],
    }


def _subrequest(index: int, chunk: Chunk, data_path: str, allow_save: bool) -> dict[str, Any]:
    _check(chunk)
    path = f"{data_path}/composite/sobjects"
    if chunk.op is Op.UPSERT:
        path = f"{path}/{chunk.object}/{chunk.key_field}"
    return {
        "method": _METHODS[chunk.op],
        "url": path,
        "referenceId": reference(index),
        # A subrequest has headers of its own; those of the Composite do not reach it.
        "httpHeaders": {"Sforce-Duplicate-Rule-Header": f"allowSave={str(allow_save).lower()}"},
        "body": {"allOrNone": False, "records": [_record(chunk, row) for row in chunk.rows]},
    }


def _check(chunk: Chunk) -> None:
    if len(chunk.rows) > ROWS_PER_COLLECTION:
        raise ValueError(f"{len(chunk.rows)} rows in a chunk, at most {ROWS_PER_COLLECTION} fit")
    if len({row.key for row in chunk.rows}) < len(chunk.rows):
        raise ValueError(f"a key comes twice in a chunk of {chunk.object}")
    if chunk.op is Op.UPSERT and not chunk.key_field:
        raise ValueError(f"an upsert of {chunk.object} needs a key field")


def _record(chunk: Chunk, row: Write) -> dict[str, Any]:
    """One record: its type, its key, and its fields without a second spelling of the key."""
    key_field = "id" if chunk.op is Op.UPDATE else chunk.key_field
    taken = {"id", (key_field or "id").casefold()}
    fields = {
        name: literal(value) for name, value in row.fields.items() if name.casefold() not in taken
    }
    key = {key_field: row.key} if key_field else {}
    return {"attributes": {"type": chunk.object}, **key, **fields}
