"""Records by key, many to a call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from crm_sms.records import Found
from crm_sms_salesforce.faults import ApiError, parse_faults
from crm_sms_salesforce.rest import Rest
from crm_sms_salesforce.soql import select_by_key, select_keyed, select_written
from crm_sms_salesforce.values import distinct, instant, scalars

QUERIES_PER_COMPOSITE = 5


def find(
    rest: Rest,
    object: str,
    key_field: str | None,
    keys: Sequence[str],
    fields: Collection[str],
    *,
    deleted: bool,
) -> dict[str, Found]:
    """Records by key, or by id without `key_field`; a living one wins over a deleted one."""
    column = key_field or "Id"
    # Users have no IsDeleted: it is named only where it is asked for.
    names = distinct(["Id", column, *(["IsDeleted"] if deleted else []), *fields])
    statements = list(select_by_key(object, column, dict.fromkeys(keys), names))
    key_of = _key_finder(column, keys)
    found: dict[str, Found] = {}
    for record in records(rest, statements, deleted=deleted):
        held = scalars(record, names)
        key = key_of(str(held[column]))
        gone = bool(held.get("IsDeleted"))
        if key is None or (key in found and gone):
            continue
        found[key] = Found(str(held["Id"]), scalars(record, fields), deleted=gone)
    return found


def newest_write(
    rest: Rest, object: str, key_field: str, since: datetime | None
) -> datetime | None:
    """When our user last changed a row with a key of ours, after `since`; None too if the org did
    not say who our user is."""
    if not rest.user_id:
        return None
    page = next(rest.pages(select_written(object, key_field, rest.user_id, since)))
    return next((instant(row["LastModifiedDate"]) for row in page["records"]), None)


def every_key(rest: Rest, object: str, key_field: str) -> Iterator[dict[str, str]]:
    """The ids and keys of living records that have a key, page by page."""
    for page in rest.pages(select_keyed(object, key_field), deleted=False):
        rows = [scalars(record, ("Id", key_field)) for record in page["records"]]
        yield {str(row["Id"]): str(row[key_field]) for row in rows}


def composite_query(statements: Sequence[str], data_path: str, *, deleted: bool) -> dict[str, Any]:
    """The body of one request for several queries."""
    resource = "queryAll" if deleted else "query"
    return {
        "allOrNone": False,
        "compositeRequest": [
            {
                "method": "GET",
                "url": f"{data_path}/{resource}?{urlencode({'q': statement})}",
                "referenceId": f"query{index}",
            }
            for index, statement in enumerate(statements)
        ],
    }


def records(rest: Rest, statements: list[str], *, deleted: bool) -> Iterator[Mapping[str, Any]]:
    """What all of these queries find, five of them to a call."""
    for start in range(0, len(statements), QUERIES_PER_COMPOSITE):
        some = statements[start : start + QUERIES_PER_COMPOSITE]
        answer = rest.composite_read(composite_query(some, rest.data_path, deleted=deleted))
        for part in answer["compositeResponse"]:
            if part["httpStatusCode"] >= 300:
                raise ApiError(part["httpStatusCode"], parse_faults(part["body"]))
            yield from part["body"]["records"]
            for page in rest.further_pages(part["body"]):
                yield from page["records"]


def _key_finder(column: str, keys: Sequence[str]) -> Callable[[str], str | None]:
    """Which of the keys a value found stands for. SOQL compares text without regard to case, as
    the unique check of most fields does, and an id of 15 characters finds one of 18."""
    if column.casefold() == "id":
        short = {key[:15]: key for key in keys}
        return lambda value: short.get(value[:15])
    exact, folded = frozenset(keys), {key.casefold(): key for key in keys}
    return lambda value: value if value in exact else folded.get(value.casefold())
