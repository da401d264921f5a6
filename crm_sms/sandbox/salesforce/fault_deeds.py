"""What each kind of fault does to a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from crm_sms.sandbox.salesforce.calls import Answer, Call, touches
from crm_sms.sandbox.salesforce.fault_rules import Rule
from crm_sms.sandbox.salesforce.refusals import Refused

_HTML = (
    "<html><head><title>Error</title></head><body><h1>{status}</h1><p>{message}</p></body></html>"
)
MAINTENANCE = "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE"
MAINTENANCE_MESSAGE = (
    "Updates can't be made during maintenance. Try again when maintenance is complete."
)
_EXPIRED = (
    "The users password has expired, you must call SetPassword before attempting any other API "
    "operations"
)
_API_OFF: Mapping[str, tuple[int, str]] = {
    "API_DISABLED_FOR_ORG": (403, "The REST API is not enabled for this Organization."),
    "API_CURRENTLY_DISABLED": (403, "API is currently disabled for this user."),
    "INVALID_OPERATION_WITH_EXPIRED_PASSWORD": (401, _EXPIRED),
}
"""Status and message of a call that the org or the user may not make."""


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


def _api_off(rule: Rule, call: Call) -> Found:
    status, message = _API_OFF[rule.params["code"]]
    return "instead", _refusal(rule.params["code"], message, status)


def _maintenance(rule: Rule, call: Call) -> Found:
    """Query jobs are not taken; rows are refused one by one, see row_deeds."""
    if call.path != ("jobs", "query") or call.method != "POST":
        return None
    return "instead", _refusal(MAINTENANCE, MAINTENANCE_MESSAGE, 503)


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
    "api_off": _api_off,
    "maintenance": _maintenance,
    "too_long": _too_long,
    "expired_token": _expired,
}
