"""What each kind of fault does to a call, or to a row."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from crm_sms.sandbox.salesforce.calls import Answer, Call, touches
from crm_sms.sandbox.salesforce.fault_rules import Rule
from crm_sms.sandbox.salesforce.refusals import Refused
from crm_sms.sandbox.salesforce.schema import SObject
from crm_sms.sandbox.salesforce.table import Row

_HTML = (
    "<html><head><title>Error</title></head><body><h1>{status}</h1><p>{message}</p></body></html>"
)


@dataclass(frozen=True, slots=True)
class Late:
    """A commit after its time."""

    after_s: float | None
    chunks: frozenset[int] | None
    hold: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes wrong with one call."""

    sleep_s: float = 0.0
    instead: Answer | None = None
    drop: str | None = None
    late: Late | None = None
    expired: str | None = None


Found = tuple[str, Any] | None
"""A part of the plan and its value."""


def _latency(rule: Rule, call: Call) -> Found:
    rows = sum(touch.rows for touch in touches(call)) if rule.params["ms_per_row"] else 0
    return "sleep_s", (rule.params["ms"] + rule.params["ms_per_row"] * rows) / 1000


def _drop(rule: Rule, call: Call) -> Found:
    return "drop", rule.params["when"]


def _timeout(rule: Rule, call: Call) -> Found:
    params = rule.params
    chunks = None if params["chunks"] is None else frozenset(params["chunks"])
    return "late", Late(params["commit_after_s"], chunks, params["hold"])


def _status(rule: Rule, call: Call) -> Found:
    status, message = rule.params["status"], rule.params["message"]
    if rule.params["body"] == "html":
        return "instead", Answer(status, _HTML.format(status=status, message=message))
    return "instead", _refusal(rule.params["code"], message, status)


def _maintenance(rule: Rule, call: Call) -> Found:
    if not any(touch.writes for touch in touches(call)):
        return None
    message = "The organization is in read-only mode during maintenance"
    return "instead", _refusal("SERVER_UNAVAILABLE", message, 503)


def _too_long(rule: Rule, call: Call) -> Found:
    if sum(touch.rows for touch in touches(call)) <= rule.params["rows"]:
        return None
    message = "Your request was running for too long, and has been stopped."
    return "instead", _refusal(rule.params["code"], message, rule.params["status"])


def _expired(rule: Rule, call: Call) -> Found:
    return "expired", rule.params["body"]


def _refusal(code: str, message: str, status: int) -> Answer:
    return Answer(status, Refused(code, message).as_top_level())


CALL_DEEDS: Mapping[str, Callable[[Rule, Call], Found]] = {
    "latency": _latency,
    "drop": _drop,
    "timeout": _timeout,
    "status": _status,
    "maintenance": _maintenance,
    "too_long": _too_long,
    "expired_token": _expired,
}


def _row_error(rule: Rule, obj: SObject, row: Row) -> None:
    params, key = rule.params, _key(obj, row)
    if params["keys"] is not None and not _holds(row, params["keys"]):
        return
    if params["share"] is not None:
        chance = random.Random(f"{params['seed']}:{obj.name}:{key}").random()
        if chance >= params["share"]:
            return
    most = params["times_per_key"]
    if (most is None or rule.struck[key] < most) and rule.strike(key):
        raise Refused(params["code"], params["message"], params["fields"])


def _lock(rule: Rule, obj: SObject, row: Row) -> None:
    for parent in rule.params["parents"]:
        if rule.struck[parent] != rule.left and _holds(row, [parent]):
            rule.struck[parent] += 1
            raise Refused(
                "UNABLE_TO_LOCK_ROW",
                "unable to obtain exclusive access to this record or 1 records: " + parent,
            )


def _key(obj: SObject, row: Row) -> str:
    """What names a row over repetitions: its unique key, else its id."""
    unique = (f.name for f in obj.fields.values() if f.unique and row.get(f.name))
    return str(row[next(unique, "Id")])


def _holds(row: Row, wanted: Iterable[Any]) -> bool:
    values = set(map(str, row.values()))
    return any(str(one) in values for one in wanted)


ROW_DEEDS: Mapping[str, Callable[[Rule, SObject, Row], None]] = {
    "row_error": _row_error,
    "lock": _lock,
}
