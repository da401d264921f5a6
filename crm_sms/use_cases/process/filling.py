"""Fields that records went without, and that look different in the CRM now: plan those again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import structlog

from crm_sms.ledger import inbox
from crm_sms.ledger.left_out import LeftOut, forget_left_out, left_out, records_without
from crm_sms.ledger.matched import due_to
from crm_sms.ledger.notes import note, put_note
from crm_sms.use_cases.descriptions import Described, last_described
from crm_sms.use_cases.process.opt_outs import opt_out_again
from crm_sms.use_cases.process.words import Planner, Processing

log = structlog.get_logger(__name__)

_ROWS = 500
"""Records a commit, so that webhooks need not wait."""


def fill(processing: Processing, planner: Planner) -> int:
    """Have every record planned again that went without a field which the CRM shows, grants or
    describes otherwise by now; how many those are.

    Records that are made once and never touched again stay as they are. Safe to repeat and to cut
    off: it goes on where it was.
    """
    with processing.ledger.read() as connection:
        waiting = left_out(connection, planner.crm)
        filling = note(connection, _name(planner))
    described = last_described(processing.ledger, planner.crm) if waiting else None
    if described and (shown := _shown(waiting, described)):
        filling = _begin(processing, planner, shown)
    count = 0
    while filling:
        filling, done = _slice(processing, planner)
        count += done
    if count:
        log.info("records that went without a field are planned again", crm=planner.crm, rows=count)
    return count


def _name(planner: Planner) -> str:
    return f"filling:{planner.crm}"


def _shown(waiting: LeftOut, described: Described) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in waiting.keys() & described.asked:
        now = described.objects[name].fields if name in described.objects else {}
        changed = [field for field, then in waiting[name].items() if now.get(field) != then]
        if changed:
            found[name] = sorted(changed)
    return found


def _begin(
    processing: Processing, planner: Planner, shown: Mapping[str, Collection[str]]
) -> dict[str, Any]:
    """From here on this is to be done, whoever does it: by object, the fields, and after which key
    it goes on."""
    ledger, name = processing.ledger, _name(planner)
    with ledger.write("process.replan") as connection:
        # Excludes another processor, which may have begun the same, or be in the middle of it.
        ledger.lock(connection, ["mirror"])
        filling = dict(note(connection, name) or {})
        for object_name, fields in shown.items():
            before = filling.get(object_name, {"fields": []})["fields"]
            filling[object_name] = {"fields": sorted({*before, *fields}), "after": ""}
        forget_left_out(ledger, connection, planner.crm, shown)
        put_note(ledger, connection, name, filling)
    return filling


def _slice(processing: Processing, planner: Planner) -> tuple[dict[str, Any], int]:
    """What is left to do after the next records, and how many of them are planned again."""
    ledger, crm, name = processing.ledger, planner.crm, _name(planner)
    with ledger.write("process.replan", give_way=True) as connection:
        # Excludes processors: one that plans such a text now would take its inbox row out.
        ledger.lock(connection, ["mirror"])
        filling = dict(note(connection, name) or {})
        if not filling:
            return {}, 0
        object_name, todo = next(iter(filling.items()))
        rows = records_without(connection, crm, object_name, todo["after"], _ROWS)
        keys = [key for key, names in rows.items() if not names.isdisjoint(todo["fields"])]
        inbox.put_back(ledger, connection, due_to(connection, crm, keys), processing.clock())
        opt_out_again(processing, planner, connection, keys)
        if len(rows) == _ROWS:
            filling[object_name] = {**todo, "after": list(rows)[-1]}
        else:
            del filling[object_name]
        put_note(ledger, connection, name, filling)
    return filling, len(keys)
