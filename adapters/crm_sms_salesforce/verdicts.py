"""Which of Salesforce's error codes means what for a row, as a table of data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from crm_sms.records import Reason, Verdict
from crm_sms_salesforce.faults import Fault


@dataclass(frozen=True, slots=True)
class Rule:
    """What follows from a code. `wait_s` is the least time before another try."""

    verdict: Verdict
    reason: Reason
    shrink: bool = False
    wait_s: float = 0.0


def _retry(reason: Reason, wait_s: float = 1.0, *, shrink: bool = False) -> Rule:
    return Rule(Verdict.RETRY, reason, shrink, wait_s)


def _park(reason: Reason) -> Rule:
    return Rule(Verdict.PARK, reason)


LOCKED = _retry(Reason.LOCKED)
UNAVAILABLE = _retry(Reason.UNAVAILABLE, 5)
TOO_LARGE = _retry(Reason.TOO_LARGE, 0, shrink=True)
QUOTA_ENDED = _retry(Reason.QUOTA, 900)  # rolling 24 hours: frees in minutes to hours
TOO_MANY_AT_ONCE = _retry(Reason.QUOTA, 10)
DUPLICATE_RACE = _retry(Reason.DUPLICATE)
DUPLICATE_IN_LIST = _retry(Reason.DUPLICATE, 0, shrink=True)
AUTOMATION = _retry(Reason.AUTOMATION, shrink=True)  # a trigger may fail only in bulk
CHANGED = _retry(Reason.FIELD, 0)  # values are fitted to what was described: it was changed since
MAYBE = Rule(Verdict.MAYBE, Reason.UNAVAILABLE)
UNKNOWN = _park(Reason.UNKNOWN)

RULES: Mapping[str, Rule] = {
    "UNABLE_TO_LOCK_ROW": LOCKED,
    "SERVER_UNAVAILABLE": UNAVAILABLE,
    "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE": UNAVAILABLE,  # the org is read-only
    "UNKNOWN_EXCEPTION": UNAVAILABLE,
    "PROCESSING_HALTED": UNAVAILABLE,
    "ALL_OR_NONE_OPERATION_ROLLED_BACK": UNAVAILABLE,
    "INVALID_SESSION_ID": UNAVAILABLE,
    "INVALID_QUERY_LOCATOR": UNAVAILABLE,  # its pages are gone: the pull begins again
    "REQUEST_LIMIT_EXCEEDED": QUOTA_ENDED,
    "QUERY_TIMEOUT": TOO_LARGE,
    "QUERY_TOO_COMPLICATED": TOO_LARGE,
    "REQUEST_RUNNING_TOO_LONG": TOO_LARGE,
    "EXCEEDED_ID_LIMIT": TOO_LARGE,
    "LIMIT_EXCEEDED": TOO_LARGE,
    "APEX_ERROR": AUTOMATION,
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": AUTOMATION,
    "CANNOT_EXECUTE_FLOW_TRIGGER": AUTOMATION,
    "DUPLICATE_VALUE": _park(Reason.DUPLICATE),
    "DUPLICATES_DETECTED": _park(Reason.DUPLICATE),
    "DUPLICATE_EXTERNAL_ID": _park(Reason.DUPLICATE),
    "ENTITY_IS_DELETED": _park(Reason.DELETED),
    "NOT_FOUND": _park(Reason.DELETED),
    "CANNOT_UPDATE_CONVERTED_LEAD": _park(Reason.CONVERTED),
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": _park(Reason.VALIDATION),
    "FIELD_FILTER_VALIDATION_EXCEPTION": _park(Reason.VALIDATION),
    "REQUIRED_FIELD_MISSING": _park(Reason.VALIDATION),
    "INVALID_FIELD": _park(Reason.FIELD),
    "INVALID_FIELD_FOR_INSERT_UPDATE": _park(Reason.FIELD),
    "INVALID_TYPE": _park(Reason.SETUP),
    "INSUFFICIENT_ACCESS": _park(Reason.ACCESS),
    "INSUFFICIENT_ACCESS_OR_READONLY": _park(Reason.ACCESS),
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": _park(Reason.ACCESS),
    "TRANSFER_REQUIRES_READ": _park(Reason.OWNER),
    "OP_WITH_INVALID_USER_TYPE_EXCEPTION": _park(Reason.OWNER),
    "INACTIVE_OWNER_OR_USER": _park(Reason.OWNER),
    "BAD_OWNER": _park(Reason.OWNER),
    "STRING_TOO_LONG": CHANGED,
    "NUMBER_OUTSIDE_VALID_RANGE": _park(Reason.DATA),
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": CHANGED,
    "INVALID_EMAIL_ADDRESS": _park(Reason.DATA),
    "FIELD_INTEGRITY_EXCEPTION": _park(Reason.DATA),
    "INVALID_CROSS_REFERENCE_KEY": _park(Reason.DATA),
    "INVALID_ID_FIELD": _park(Reason.DATA),
    "MALFORMED_ID": _park(Reason.DATA),
    "MALFORMED_QUERY": _park(Reason.DATA),
    "JSON_PARSER_ERROR": _park(Reason.DATA),
    "METHOD_NOT_ALLOWED": _park(Reason.SETUP),
    "STORAGE_LIMIT_EXCEEDED": _park(Reason.SETUP),
    "API_DISABLED_FOR_ORG": _park(Reason.SETUP),
    "API_CURRENTLY_DISABLED": _park(Reason.SETUP),
    "INVALID_OPERATION_WITH_EXPIRED_PASSWORD": _park(Reason.SETUP),
}

REFERENCE_GONE = _park(Reason.REFERENCE)

GONE: Mapping[str, Rule] = {
    "ENTITY_IS_DELETED": RULES["ENTITY_IS_DELETED"],
    "CANNOT_UPDATE_CONVERTED_LEAD": RULES["CANNOT_UPDATE_CONVERTED_LEAD"],
    "INVALID_CROSS_REFERENCE_KEY": _park(Reason.DELETED),  # no such id any more: purged
}
"""What codes say of the record that a row updates; of one that it refers to, `REFERENCE_GONE`. That
a complaint about a reference names its field was never checked against a live org."""

_AUTOMATION_CODES = frozenset(
    {"APEX_ERROR", "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "CANNOT_EXECUTE_FLOW_TRIGGER"}
)

CLUES: tuple[tuple[frozenset[str], str, Rule], ...] = (
    (frozenset({"REQUEST_LIMIT_EXCEEDED"}), "concurrent", TOO_MANY_AT_ONCE),
    (frozenset({"DUPLICATE_VALUE"}), "duplicate external id specified", DUPLICATE_IN_LIST),
    (frozenset({"DUPLICATE_VALUE"}), "duplicate id in list", DUPLICATE_IN_LIST),
    (frozenset({"PROCESSING_HALTED"}), "invalid reference", _park(Reason.DATA)),
    (frozenset({"NOT_FOUND"}), "external id field", _park(Reason.FIELD)),
    (
        frozenset({"CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"}),
        "entity type cannot",
        _park(Reason.ACCESS),
    ),
    (_AUTOMATION_CODES, "unable_to_lock_row", LOCKED),
    (_AUTOMATION_CODES, "cpu time limit", TOO_LARGE),
    (_AUTOMATION_CODES, "limitexception", TOO_LARGE),
)
"""Words in a message, lower case, that say more than the code; the first that fits wins."""

REFUSED_CODES: Mapping[str, str] = {
    "API_DISABLED_FOR_ORG": "enable the API for this org, and `API Enabled` for the run-as user",
    "API_CURRENTLY_DISABLED": "the API is switched off for now; ask Salesforce Support",
    "INVALID_OPERATION_WITH_EXPIRED_PASSWORD": "set `Password Never Expires` for the run-as user",
    "UNSUPPORTED_API_VERSION": "set api_version to one that the org still serves",
}
"""Codes with which the org refuses us as a whole, with the remedy."""

REFUSED_STATUSES: Mapping[int, str] = {
    404: "check api_version and that login_url is your My Domain",
    410: "set api_version to one that the org still serves",
}
"""HTTP statuses of a whole request that mean the same."""

TOO_LARGE_STATUSES = frozenset({413, 414, 431})


def rule_for(fault: Fault) -> Rule:
    """The rule for a complaint about a row; a code that is not in the table parks it."""
    message = fault.message.lower()
    for codes, words, rule in CLUES:
        if fault.code in codes and words in message:
            return rule
    return RULES.get(fault.code, UNKNOWN)


def rule_for_many(fault: Fault, status: int) -> Rule:
    """The rule for a complaint about a whole chunk or request.

    A 5xx says nothing of what was committed before it, unless its code says why it stopped.
    """
    if status in TOO_LARGE_STATUSES:
        return TOO_LARGE
    rule = rule_for(fault)
    if rule is RULES["NOT_FOUND"]:  # not a record but the object is missing
        rule = _park(Reason.SETUP)
    stopped = rule.verdict is Verdict.RETRY and rule.reason is not Reason.UNAVAILABLE
    return MAYBE if status >= 500 and not stopped else rule
