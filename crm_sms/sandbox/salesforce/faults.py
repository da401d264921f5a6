"""What can be made to go wrong: rules that calls and rows use up as they meet them."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from crm_sms.sandbox.salesforce.calls import TOKEN_PATH, Answer, Call, touches
from crm_sms.sandbox.salesforce.refusals import Refused, RequestRefused
from crm_sms.sandbox.salesforce.schema import SObject
from crm_sms.sandbox.salesforce.table import Row

_HTML = (
    "<html><head><title>Error</title></head><body><h1>{status}</h1><p>{message}</p></body></html>"
)

KINDS: Mapping[str, Mapping[str, Any]] = {
    "latency": {"ms": 0, "ms_per_row": 0},
    "drop": {"when": "after_commit"},
    "timeout": {"commit_after_s": None, "chunks": None, "hold": False},
    "status": {"status": 503, "body": "html", "code": "SERVER_UNAVAILABLE", "message": "busy"},
    "maintenance": {},
    "too_long": {"rows": 0, "code": "REQUEST_RUNNING_TOO_LONG", "status": 503},
    "row_error": {
        "code": "UNKNOWN_EXCEPTION",
        "message": "made to fail",
        "fields": [],
        "keys": None,
        "share": None,
        "seed": 0,
        "times_per_key": None,
        "above_rows": None,
    },
    "lock": {"parents": []},
    "quota": {"limit": 15_000, "remaining": 0},
    "expired_token": {"body": "list", "for_good": False},
    "hidden": {"fields": []},
    "read_only": {"fields": []},
}
"""Every kind of fault with its parameters and what they are if not given.

Every rule may have `times` (calls that it strikes, rows for row_error, rows per parent for lock)
and `match` (a pattern for the path, a method, an object). The token endpoint is struck only by
rules whose `match` names a path.

latency: the call takes `ms`, and `ms_per_row` for each row it writes or reads by id.
drop: the connection is closed without an answer, `before_commit` or `after_commit`.
timeout: no answer; the call commits `commit_after_s` seconds of sandbox time later (null: never).
  `chunks` names the subrequests of a Composite that are late, the others commit at once. With
  `hold` the connection stays open until the client closes it, else it is closed at once.
status: an answer of that status instead of any work; `body` is "html" or "json".
maintenance: reads pass, writes do not.
too_long: a call of more than `rows` rows is refused, whole.
row_error: rows are refused: those with a value in `keys`, a `share` of them (chosen by `seed` and
  the row's key), else all; `times` counts rows, `times_per_key` limits it for each row. With
  `above_rows` only those of a call that has a chunk of more rows (a trigger runs out of CPU time).
lock: rows that refer to, or are, one of `parents` are refused `times` times each.
quota: the org allows `limit` calls, of which `remaining` are left.
expired_token: a call's token is refused and revoked; `body` is the shape of the answer, "list" or
  "object"; `for_good` refuses every token, and new ones as well.
hidden, read_only: field-level security for `Object.Field`.
"""

_STANDING = frozenset({"quota", "hidden", "read_only"})
"""Kinds that describe the org, not calls: the last rule of a kind holds."""


@dataclass(slots=True)
class Rule:
    """A fault that is on. `left` is how often it may still strike; None is without end."""

    id: int
    kind: str
    params: Mapping[str, Any]
    left: int | None = None
    match: Mapping[str, str] = field(default_factory=dict)
    struck: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        """The rule as it stands now."""
        shown = {"id": self.id, "kind": self.kind, "times": self.left, "match": dict(self.match)}
        return shown | dict(self.params) | {"struck": sum(self.struck.values())}

    def strike(self, key: str = "") -> bool:
        """Uses it up once; False if it is used up."""
        if self.left is not None:
            if self.left <= 0:
                return False
            self.left -= 1
        self.struck[key] += 1
        return True


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


class Faults:
    """The rules that are on. `changed` is called after every change."""

    def __init__(self, changed: Callable[[Faults], None]) -> None:
        self.rules: list[Rule] = []
        self._changed = changed
        self._numbers = count(1)

    def add(self, given: Any) -> list[Rule]:
        """Switches rules on; a wrong one is RequestRefused and none is added."""
        rules = [self._rule(one) for one in (given if isinstance(given, list) else [given])]
        before, self.rules = self.rules, self.rules + rules
        try:
            self._changed(self)
        except RequestRefused:
            self.rules = before
            raise
        return rules

    def clear(self) -> None:
        """Switches all of them off."""
        self.rules = []
        self._changed(self)

    def standing(self, kind: str) -> Rule | None:
        """The last rule of a standing kind."""
        return next((rule for rule in reversed(self.rules) if rule.kind == kind), None)

    def names(self, kind: str) -> frozenset[str]:
        """The fields that `hidden` or `read_only` rules name, together."""
        rules = (rule for rule in self.rules if rule.kind == kind)
        return frozenset(name for rule in rules for name in rule.params["fields"])

    def token_refused(self) -> bool:
        """Whether no token is given or taken any more."""
        return any(rule.kind == "expired_token" and rule.params["for_good"] for rule in self.rules)

    def plan(self, call: Call, path: str) -> Plan:
        """What strikes this call; rules are used up by it."""
        parts: dict[str, Any] = {"sleep_s": 0.0}
        for rule in self.rules:
            deed = _DEEDS.get(rule.kind)
            if deed is None or not _meets(rule, call, path):
                continue
            found = deed(rule, call)
            if found is None or not rule.strike():
                continue
            name, value = found
            parts[name] = parts["sleep_s"] + value if name == "sleep_s" else value
        return Plan(**parts)

    def guard(self, call: Call, path: str) -> Callable[[SObject, Row], None]:
        """Refuses the rows of a call that a row rule strikes."""
        rules = [
            rule
            for rule in self.rules
            if rule.kind in _ROW_DEEDS and _meets_path(rule, call, path) and _is_full(rule, call)
        ]

        def check(obj: SObject, row: Row) -> None:
            for rule in rules:
                if rule.match.get("object", obj.name) == obj.name:
                    _ROW_DEEDS[rule.kind](rule, obj, row)

        return check

    def _rule(self, given: Any) -> Rule:
        if not isinstance(given, dict) or given.get("kind") not in KINDS:
            raise _wrong(f"`kind` must be one of {', '.join(KINDS)}")
        kind, known = given["kind"], KINDS[given["kind"]]
        unknown = set(given) - set(known) - {"kind", "times", "match"}
        if unknown:
            raise _wrong(f"{kind} does not know {', '.join(sorted(unknown))}")
        match = given.get("match", {})
        if not isinstance(match, dict) or set(match) - {"path", "method", "object"}:
            raise _wrong("`match` may hold path (a pattern), method and object")
        times = given.get("times")
        if times is not None and (not isinstance(times, int) or times < 1):
            raise _wrong("`times` must be a whole number from 1 on")
        params = {name: given.get(name, default) for name, default in known.items()}
        return Rule(next(self._numbers), kind, params, times, match)


def _wrong(message: str) -> RequestRefused:
    return RequestRefused("BAD_FAULT", message)


def _meets_path(rule: Rule, call: Call, path: str) -> bool:
    if "path" not in rule.match and path == TOKEN_PATH:
        return False
    if not re.search(rule.match.get("path", ""), path):
        return False
    return rule.match.get("method", call.method) == call.method


def _is_full(rule: Rule, call: Call) -> bool:
    most = rule.params.get("above_rows")
    return most is None or any(touch.rows > most for touch in touches(call))


def _meets(rule: Rule, call: Call, path: str) -> bool:
    if not _meets_path(rule, call, path):
        return False
    wanted = rule.match.get("object")
    return wanted is None or any(wanted in touch.objects for touch in touches(call))


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


_DEEDS: Mapping[str, Callable[[Rule, Call], Found]] = {
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


_ROW_DEEDS: Mapping[str, Callable[[Rule, SObject, Row], None]] = {
    "row_error": _row_error,
    "lock": _lock,
}
