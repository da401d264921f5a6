"""Finds what answers a call: the table of resources, and what every one of them works with."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar

from crm_sms.sandbox.salesforce.calls import Answer, Call
from crm_sms.sandbox.salesforce.guard import Guard
from crm_sms.sandbox.salesforce.jobs import Jobs
from crm_sms.sandbox.salesforce.org import Org
from crm_sms.sandbox.salesforce.query import Result
from crm_sms.sandbox.salesforce.refusals import Refused, RequestRefused, not_found
from crm_sms.sandbox.salesforce.schema import SObject
from crm_sms.sandbox.salesforce.writing import Writer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A result that is read page by page."""

    result: Result
    size: int


@dataclass(frozen=True, slots=True)
class Desk:
    """What a handler works with; `guard` refuses rows by the faults that are on."""

    org: Org
    guard: Guard
    cursors: OrderedDict[str, Cursor] = field(default_factory=OrderedDict)
    numbers: count[int] = field(default_factory=lambda: count(1))
    jobs: Jobs = field(default_factory=Jobs)
    limits: Callable[[], tuple[int, int]] = lambda: (0, 0)

    def writer(self, call: Call, chunk: int = 1) -> Writer:
        """Writes rows as the API's user; `chunk` of them are saved together."""
        return Writer(self.org, self.guard, chunk, _allows_save(call))

    def object(self, name: str) -> SObject:
        """The object of a path, or 404."""
        obj = self.org.access.object(name)
        if obj is None:
            raise not_found()
        return obj

    def attempt(self, do: Callable[[], T]) -> T:
        """Does it wholly or not at all."""
        mark = self.org.mark()
        try:
            return do()
        except Refused:
            self.org.rollback(mark)
            raise


def _allows_save(call: Call) -> bool:
    """What Sforce-Duplicate-Rule-Header says of alerts; a part of a Composite has its own."""
    options = call.headers.get("sforce-duplicate-rule-header", "").lower().replace(" ", "")
    return "allowsave=true" in options.split(";")


Handler = Callable[..., Answer]
"""Takes the desk, the call, and the parts of the path that the pattern leaves open."""

Resources = Mapping[tuple[str | None, ...], Mapping[str, Handler]]
"""Handlers by method, by pattern of the path; None stands for any one part."""


def dispatch(resources: Resources, desk: Desk, call: Call) -> Answer:
    """The answer of the resource that the call's path names; refusals become answers."""
    try:
        handlers, open_parts = _match(resources, call.path)
        handler = handlers.get(call.method)
        if handler is None:
            raise RequestRefused(
                "METHOD_NOT_ALLOWED",
                f"HTTP Method '{call.method}' not allowed. Allowed are {','.join(handlers)}",
                status=405,
            )
        return handler(desk, call, *open_parts)
    except Refused as refusal:
        return Answer(refusal.status, refusal.as_top_level())


def _match(resources: Resources, path: tuple[str, ...]) -> tuple[Mapping[str, Handler], list[str]]:
    for pattern, handlers in resources.items():
        if len(pattern) == len(path) and all(
            want is None or want == part for want, part in zip(pattern, path, strict=True)
        ):
            parts = [part for want, part in zip(pattern, path, strict=True) if want is None]
            return handlers, parts
    raise not_found()


def json_object(body: Any) -> dict[str, Any]:
    """The body as an object, or 400."""
    if not isinstance(body, dict):
        raise RequestRefused("JSON_PARSER_ERROR", "The HTTP entity body is required, as an object")
    return body


def flag(body: dict[str, Any], name: str) -> bool:
    """A boolean of the body that is false if not given, or 400."""
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise RequestRefused("JSON_PARSER_ERROR", f"{name} must be a boolean")
    return value
