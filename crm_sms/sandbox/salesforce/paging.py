"""The query resources: first page, further pages."""

from __future__ import annotations

from crm_sms.sandbox.salesforce import ids
from crm_sms.sandbox.salesforce import query as queries
from crm_sms.sandbox.salesforce.calls import Answer, Call
from crm_sms.sandbox.salesforce.desk import Cursor, Desk
from crm_sms.sandbox.salesforce.refusals import RequestRefused

PAGE = 2_000
"""Rows of a page by default, and at most."""
SMALLEST_PAGE = 200
OPEN_CURSORS = 10
"""Results kept for further pages; one more closes the oldest."""

_CURSOR_PREFIX = "01g"


def query(desk: Desk, call: Call) -> Answer:
    """Rows that are not deleted."""
    return _first(desk, call, deleted=False)


def query_all(desk: Desk, call: Call) -> Answer:
    """Rows with the recycle bin."""
    return _first(desk, call, deleted=True)


def _first(desk: Desk, call: Call, *, deleted: bool) -> Answer:
    text = call.params.get("q")
    if not text:
        raise RequestRefused("MALFORMED_QUERY", "A query string has to be specified")
    result = queries.run(desk.org, text, deleted=deleted)
    if not result.columns:
        return Answer(body={"totalSize": len(result.rows), "done": True, "records": []})
    cursor = Cursor(result, _size(call))
    name = ids.make(_CURSOR_PREFIX, next(desk.numbers))
    if len(result.rows) > cursor.size:
        desk.cursors[name] = cursor
        if len(desk.cursors) > OPEN_CURSORS:
            desk.cursors.popitem(last=False)
    return _page(desk, call, name, cursor, 0)


def more(desk: Desk, call: Call, locator: str) -> Answer:
    """The page that a nextRecordsUrl names."""
    name, _, start = locator.partition("-")
    cursor = desk.cursors.get(name)
    if cursor is None or not start.isdigit() or int(start) >= len(cursor.result.rows):
        raise RequestRefused("INVALID_QUERY_LOCATOR", "invalid query locator")
    return _page(desk, call, name, cursor, int(start))


def _page(desk: Desk, call: Call, name: str, cursor: Cursor, start: int) -> Answer:
    result, end = cursor.result, start + cursor.size
    done = end >= len(result.rows)
    records = queries.records(desk.org, result, result.rows[start:end], call.base)
    body = {"totalSize": len(result.rows), "done": done, "records": records}
    if not done:
        body["nextRecordsUrl"] = f"{call.base}/query/{name}-{end}"
    return Answer(body=body)


def _size(call: Call) -> int:
    """The batch size asked for by Sforce-Query-Options, within what is allowed."""
    options = call.headers.get("sforce-query-options", "")
    name, _, size = options.partition("=")
    if name.strip() != "batchSize" or not size.strip().isdigit():
        return PAGE
    return min(max(int(size), SMALLEST_PAGE), PAGE)
