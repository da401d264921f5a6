"""Composite: up to 25 calls in one, counted as one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from crm_sms.sandbox.salesforce.calls import Answer, Call, split_url
from crm_sms.sandbox.salesforce.desk import Desk, flag, json_object
from crm_sms.sandbox.salesforce.refusals import Refused, RequestRefused

MAX_SUBREQUESTS = 25
MAX_HEAVY = 5
"""Subrequests that may be Collections or queries."""

_REFERENCE_ID = re.compile(r"[A-Za-z0-9_]+")
_REFERENCE = re.compile(r"@\{([A-Za-z0-9_]+)((?:\.[A-Za-z0-9_]+|\[\d+\])*)\}")
Answers = dict[str | None, Answer]
"""What the parts answered, by reference, in their order."""

_METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE", "HEAD")


class _TooMany(RequestRefused):
    """More parts than a request may have."""

    def __init__(self, what: str, most: int) -> None:
        super().__init__("LIMIT_EXCEEDED", f"The request can't contain more than {most} {what}.")


def composite(dispatch: Callable[[Desk, Call], Answer], desk: Desk, call: Call) -> Answer:
    """200 whatever the parts said; each has its own status.

    A request with too many parts is a 200 as well, with one refused part that has no reference.
    """
    body = json_object(call.body)
    try:
        parts = _checked(body.get("compositeRequest"))
    except _TooMany as refused:
        return _reply({None: Answer(400, refused.as_top_level())})
    all_or_none = flag(body, "allOrNone")
    mark = desk.org.mark()
    answers: Answers = {}
    for part in parts:
        answers[part["referenceId"]] = _one(dispatch, desk, call, part, answers)
        if all_or_none and answers[part["referenceId"]].status >= 400:
            desk.org.rollback(mark)
            return _reply(_halted(parts, answers, part["referenceId"]))
    return _reply(answers)


def _checked(parts: Any) -> list[dict[str, Any]]:
    if not isinstance(parts, list) or not parts:
        raise RequestRefused("REQUIRED_FIELD_MISSING", "compositeRequest is required")
    if len(parts) > MAX_SUBREQUESTS:
        raise _TooMany("operations", MAX_SUBREQUESTS)
    for part in parts:
        _check_part(part)
    names = [part["referenceId"] for part in parts]
    if len(set(names)) < len(names):
        raise RequestRefused("JSON_PARSER_ERROR", "Duplicate referenceId in the composite request")
    if sum(map(_is_heavy, parts)) > MAX_HEAVY:
        raise _TooMany("Query or sObject Collections operations", MAX_HEAVY)
    return parts


def _check_part(part: Any) -> None:
    for name in ("method", "url", "referenceId"):
        if not isinstance(part, dict) or not isinstance(part.get(name), str) or not part[name]:
            raise RequestRefused(
                "REQUIRED_FIELD_MISSING", f"Missing {name} in a subrequest", [name]
            )
    if not _REFERENCE_ID.fullmatch(part["referenceId"]):
        raise RequestRefused(
            "JSON_PARSER_ERROR", f"Invalid reference id {part['referenceId']!r}", ["referenceId"]
        )
    if part["method"] not in _METHODS:
        raise RequestRefused("METHOD_NOT_ALLOWED", f"Invalid method {part['method']}", status=405)


def _is_heavy(part: dict[str, Any]) -> bool:
    try:
        _, path, _ = split_url(part["url"])
    except RequestRefused:
        return False
    return path[:2] == ("composite", "sobjects") or path[:1] in (("query",), ("queryAll",))


def _one(
    dispatch: Callable[[Desk, Call], Answer],
    desk: Desk,
    call: Call,
    part: dict[str, Any],
    earlier: Answers,
) -> Answer:
    try:
        version, path, params = split_url(_filled(part["url"], earlier))
        if path[:1] == ("composite",) and path[:2] != ("composite", "sobjects"):
            raise RequestRefused("INVALID_OPERATION", "A composite cannot hold a composite")
        given = json_object(part.get("httpHeaders") or {})
        headers = {name.lower(): str(value) for name, value in given.items()}
        body = _filled(part.get("body"), earlier)
        return dispatch(desk, Call(part["method"], version, path, params, headers, body))
    except Refused as refusal:
        return Answer(refusal.status, refusal.as_top_level())


def _filled(value: Any, earlier: Answers) -> Any:
    """`value` with every `@{reference.field}` replaced by what an earlier part answered."""
    if isinstance(value, dict):
        return {name: _filled(item, earlier) for name, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, earlier) for item in value]
    if isinstance(value, str) and "@{" in value:
        return _REFERENCE.sub(lambda match: _referred(match, earlier), value)
    return value


def _referred(match: re.Match[str], earlier: Answers) -> str:
    answer = earlier.get(match[1])
    found = None if answer is None or answer.status >= 400 else answer.body
    for step in re.findall(r"\.([A-Za-z0-9_]+)|\[(\d+)\]", match[2]):
        try:
            found = found[step[0] or int(step[1])]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            found = None
    if not isinstance(found, str | int | float):
        raise RequestRefused("PROCESSING_HALTED", f"Invalid reference specified. {match[0]}")
    return str(found)


def _halted(parts: list[dict[str, Any]], answers: Answers, bad: str) -> Answers:
    halted = Refused(
        "PROCESSING_HALTED",
        "The transaction was rolled back since another operation in the same transaction failed.",
    )
    undone = Answer(400, halted.as_top_level())
    return {
        part["referenceId"]: answers[bad] if part["referenceId"] == bad else undone
        for part in parts
    }


def _reply(answers: Answers) -> Answer:
    return Answer(
        body={
            "compositeResponse": [
                {
                    "body": answer.body,
                    "httpHeaders": dict(answer.headers),
                    "httpStatusCode": answer.status,
                    "referenceId": name,
                }
                for name, answer in answers.items()
            ]
        }
    )
