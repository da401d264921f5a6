"""The kinds of faults, and a rule that is on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crm_sms.sandbox.salesforce.calls import TOKEN_PATH, Call, touches
from crm_sms.sandbox.salesforce.refusals import RequestRefused

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


_OPTIONAL: Mapping[str, type | tuple[type, ...]] = {
    "commit_after_s": (int, float),
    "chunks": list,
    "keys": list,
    "share": (int, float),
    "times_per_key": int,
    "above_rows": int,
}
"""Parameters that may be null, with what they are otherwise."""


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

    def meets_path(self, call: Call, path: str) -> bool:
        """Whether path and method are those that the rule is for."""
        if "path" not in self.match and path == TOKEN_PATH:
            return False
        if not re.search(self.match.get("path", ""), path):
            return False
        return self.match.get("method", call.method) == call.method

    def meets(self, call: Call, path: str) -> bool:
        """The same, and whether the call has to do with the rule's object."""
        wanted = self.match.get("object")
        return self.meets_path(call, path) and (
            wanted is None or any(wanted in touch.objects for touch in touches(call))
        )


def read(number: int, given: Any) -> Rule:
    """A rule from its JSON, or RequestRefused with what is wrong about it."""
    if not isinstance(given, dict) or given.get("kind") not in KINDS:
        raise _wrong(f"`kind` must be one of {', '.join(KINDS)}")
    kind, known = given["kind"], KINDS[given["kind"]]
    unknown = set(given) - set(known) - {"kind", "times", "match"}
    if unknown:
        raise _wrong(f"{kind} does not know {', '.join(sorted(unknown))}")
    times = given.get("times")
    if times is not None and (not isinstance(times, int) or times < 1):
        raise _wrong("`times` must be a whole number from 1 on")
    params = {name: given.get(name, default) for name, default in known.items()}
    for name, value in params.items():
        _check(name, value, known[name])
    return Rule(number, kind, params, times, _match(given.get("match", {})))


def _check(name: str, value: Any, default: Any) -> None:
    """A parameter is of the type of its default; those without one are in _OPTIONAL."""
    wanted = _OPTIONAL.get(name, (int, float) if type(default) is int else type(default))
    if name in _OPTIONAL and value is None:
        return
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise _wrong(f"`{name}` cannot be {value!r}")


def _match(given: Any) -> Mapping[str, str]:
    texts = isinstance(given, dict) and all(isinstance(value, str) for value in given.values())
    if not texts or set(given) - {"path", "method", "object"}:
        raise _wrong("`match` may hold path (a pattern), method and object")
    try:
        re.compile(given.get("path", ""))
    except re.error as error:
        raise _wrong(f"`match.path` is no pattern: {error}") from None
    return dict(given)


def _wrong(message: str) -> RequestRefused:
    return RequestRefused("BAD_FAULT", message)
