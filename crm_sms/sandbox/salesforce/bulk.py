"""Bulk API 2.0 query jobs: a query whose rows come later, as CSV."""

from __future__ import annotations

import base64
import binascii
import csv
import io
from dataclasses import replace
from typing import Any

from crm_sms.sandbox.salesforce import ids, soql
from crm_sms.sandbox.salesforce import query as queries
from crm_sms.sandbox.salesforce.calls import Answer, Call
from crm_sms.sandbox.salesforce.columns import Column
from crm_sms.sandbox.salesforce.desk import Desk, json_object
from crm_sms.sandbox.salesforce.jobs import MOST_A_DAY, Job
from crm_sms.sandbox.salesforce.query import Result
from crm_sms.sandbox.salesforce.refusals import RequestRefused, not_found
from crm_sms.sandbox.salesforce.values import stamp

DEFAULT_ROWS = 50_000
"""Rows of one answer where the request does not say."""

_ENDS = {"LF": "\n", "CRLF": "\r\n"}
_OPERATIONS = ("query", "queryAll")
_PREFIX = "750"


def create(desk: Desk, call: Call) -> Answer:
    """POST: a job for a query; a wrong query is refused at once."""
    body = json_object(call.body)
    operation, text = body.get("operation"), body.get("query")
    ending = body.get("lineEnding", "LF")
    if operation not in _OPERATIONS or not isinstance(text, str):
        raise _wrong("operation must be query or queryAll, and query a SOQL statement")
    if body.get("columnDelimiter", "COMMA") != "COMMA" or ending not in _ENDS:
        raise _wrong("the sandbox writes COMMA with LF or CRLF only")
    now = desk.org.now()
    if desk.jobs.used(now) >= MOST_A_DAY:
        raise RequestRefused("LIMIT_EXCEEDED", "Daily bulk query job limit exceeded", status=403)
    result = _run(desk, text, deleted=operation == "queryAll")
    job_id = ids.make(_PREFIX, next(desk.jobs.numbers))
    job = Job(job_id, operation, call.version, ending, now, result)
    desk.jobs.add(job)
    return Answer(body=_about(desk, job))


def listed(desk: Desk, call: Call) -> Answer:
    """GET: every job, oldest first."""
    records = [_about(desk, job) for job in desk.jobs.by_id.values()]
    return Answer(body={"done": True, "records": records, "nextRecordsUrl": None})


def state(desk: Desk, call: Call, job_id: str) -> Answer:
    """GET: how far it is; each look takes it a step on."""
    job = _job(desk, job_id)
    job.look()
    more = {
        "jobType": "V2Query",
        "numberRecordsProcessed": len(job.result.rows) if job.state == "JobComplete" else 0,
        "retries": 0,
        "totalProcessingTime": 0,
        "isPkChunkingSupported": True,
    }
    return Answer(body=_about(desk, job) | more)


def abort(desk: Desk, call: Call, job_id: str) -> Answer:
    """PATCH: a job that is not done is aborted."""
    job = _job(desk, job_id)
    if json_object(call.body).get("state") != "Aborted":
        raise _wrong("a query job can only be set to Aborted")
    if job.state not in ("UploadComplete", "InProgress"):
        raise _wrong_state(job)
    job.state = "Aborted"
    return Answer(body=_about(desk, job))


def delete(desk: Desk, call: Call, job_id: str) -> Answer:
    """DELETE: a job that is not under way is forgotten with its rows."""
    job = _job(desk, job_id)
    if job.state == "InProgress":
        raise _wrong_state(job)
    del desk.jobs.by_id[job.id]
    return Answer(204)


def results(desk: Desk, call: Call, job_id: str) -> Answer:
    """GET: rows from a locator on, `maxRecords` at most; the header says where the next begin."""
    job = _job(desk, job_id)
    if job.version != call.version:
        raise RequestRefused("API_ERROR", "Use the API version of the job", status=409)
    if job.state != "JobComplete":
        raise _wrong_state(job)
    start, most = _start(call.params.get("locator")), _most(call.params.get("maxRecords"))
    rows = job.result.rows[start : start + most]
    end = start + len(rows)
    headers = {
        "Content-Type": "text/csv; charset=UTF-8",
        "Sforce-NumberOfRecords": str(len(rows)),
        "Sforce-Locator": _locator(end) if end < len(job.result.rows) else "null",
    }
    return Answer(200, _as_csv(job, rows), headers)


def _run(desk: Desk, text: str, *, deleted: bool) -> Result:
    """What is wrong with a query is told as API_ERROR, whatever it is elsewhere."""
    try:
        asked = soql.parse(text)
        if not asked.fields or asked.offset:
            raise _wrong("Aggregate functions and OFFSET are not supported in Bulk Query")
        found = queries.answer(desk.org, asked, deleted=deleted, patient=True)
        return found if asked.order else _in_parts(found)
    except RequestRefused as refused:
        raise RequestRefused("API_ERROR", refused.message) from None


def _in_parts(found: Result) -> Result:
    """Nobody may rely on an order that was not asked for: parts are gathered side by side."""
    return replace(found, rows=[*found.rows[1::2], *found.rows[::2]])


def _job(desk: Desk, job_id: str) -> Job:
    job = desk.jobs.by_id.get(ids.normalise(job_id) or "")
    if job is None:
        raise not_found()
    return job


def _about(desk: Desk, job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "operation": job.operation,
        "object": job.result.object.name,
        "createdById": desk.org.user_id,
        "createdDate": stamp(job.created),
        "systemModstamp": stamp(job.created),
        "state": job.state,
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": float(job.version.removeprefix("v")),
        "lineEnding": job.line_ending,
        "columnDelimiter": "COMMA",
    }


def _as_csv(job: Job, rows: Any) -> str:
    columns = job.result.columns
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator=_ENDS[job.line_ending])
    writer.writerow(".".join(column.parts) for column in columns)
    writer.writerows([_cell(column, row) for column in columns] for row in rows)
    return out.getvalue()


def _cell(column: Column, row: Any) -> str:
    value = column.get(row)
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if column.field.type == "datetime":
        return str(value).replace("+0000", "Z")
    return str(value)


def _locator(start: int) -> str:
    return base64.urlsafe_b64encode(str(start).encode()).decode().rstrip("=")


def _start(locator: str | None) -> int:
    if locator is None:
        return 0
    try:
        start = base64.urlsafe_b64decode(locator + "=" * (-len(locator) % 4))
    except (ValueError, binascii.Error):
        start = b""
    if not start.isdigit():
        raise _wrong(f"invalid locator {locator!r}")
    return int(start)


def _most(asked: str | None) -> int:
    if asked is None:
        return DEFAULT_ROWS
    if not asked.isascii() or not asked.isdigit() or int(asked) < 1:
        raise _wrong(f"invalid maxRecords {asked!r}")
    return int(asked)


def _wrong(message: str) -> RequestRefused:
    return RequestRefused("API_ERROR", message)


def _wrong_state(job: Job) -> RequestRefused:
    return RequestRefused("INVALIDJOBSTATE", f"the job is {job.state}")
