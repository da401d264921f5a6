"""A rule that is on, and how it is read from JSON."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crm_sms.sandbox.salesforce.calls import TOKEN_PATH, Call, touches
from crm_sms.sandbox.salesforce.fault_kinds import CHOICES, KINDS, OPTIONAL
from crm_sms.sandbox.salesforce.refusals import RequestRefused

_NAMES = ("fields", "ids", "objects", "values")
"""Parameters that are lists of texts."""


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
        _check(kind, name, value, known[name])
    return Rule(number, kind, params, times, _match(given.get("match", {})))


def _check(kind: str, name: str, value: Any, default: Any) -> None:
    """A parameter is of the type of its default; those without one are in OPTIONAL."""
    wanted = OPTIONAL.get(name, (int, float) if type(default) is int else type(default))
    if name in OPTIONAL and value is None:
        return
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise _wrong(f"`{name}` cannot be {value!r}")
    of_texts = isinstance(value, list) and all(isinstance(one, str) for one in value)
    if name in _NAMES and not of_texts:
        raise _wrong(f"`{name}` is a list of texts")
    choices = CHOICES.get((kind, name))
    if choices and value not in choices:
        raise _wrong(f"`{name}` must be one of {', '.join(choices)}")


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
