"""Rows that are written together: each with an outcome of its own, unless a trigger fails all."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import groupby
from typing import Any

from crm_sms.sandbox.salesforce.calls import Call
from crm_sms.sandbox.salesforce.desk import Desk
from crm_sms.sandbox.salesforce.refusals import ChunkRefused, Refused, RequestRefused
from crm_sms.sandbox.salesforce.writing import Writer

Job = Callable[[], dict[str, Any]]
"""Writes one row and says how it went, or raises Refused."""
Chunks = list[list[Job]]
"""Jobs in runs of one object."""


def chunked(
    desk: Desk,
    call: Call,
    do: Callable[[Writer, Any], dict[str, Any]],
    items: list[Any],
    kind: Callable[[Any], Any],
) -> Chunks:
    """A job for each item, in runs of one kind, as triggers get them."""
    found: Chunks = []
    for _, group in groupby(items, key=kind):
        run_of_one_kind = list(group)
        writer = desk.writer(call, len(run_of_one_kind))
        found.append([partial(do, writer, item) for item in run_of_one_kind])
    return found


def run(desk: Desk, chunks: Chunks, *, all_or_none: bool) -> list[dict[str, Any]]:
    """Does the jobs in order; with `all_or_none` one refusal undoes the rest."""
    mark = desk.org.mark()
    results = [result for jobs in chunks for result in _run_chunk(desk, jobs)]
    if not all_or_none or all(result["success"] for result in results):
        return results
    desk.org.rollback(mark)
    undone = Refused(
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "Record rolled back because not all records were valid and the request was using "
        "AllOrNone header",
    )
    return [_failed(undone) if result["success"] else result for result in results]


def _run_chunk(desk: Desk, jobs: list[Job]) -> list[dict[str, Any]]:
    """Rows that a trigger gets at once: where it fails, all fail that had not failed before."""
    mark = desk.org.mark()
    results: list[dict[str, Any]] = []
    try:
        for job in jobs:
            results.append(_outcome(desk, job))
    except ChunkRefused as refusal:
        desk.org.rollback(mark)
        rest = len(jobs) - len(results)
        kept = [_failed(refusal) if result["success"] else result for result in results]
        return kept + [_failed(refusal)] * rest
    return results


def _outcome(desk: Desk, job: Job) -> dict[str, Any]:
    try:
        return desk.attempt(job)
    except (RequestRefused, ChunkRefused):
        raise
    except Refused as refusal:
        return _failed(refusal)


def _failed(refusal: Refused) -> dict[str, Any]:
    return {"success": False, "errors": refusal.as_row()}
