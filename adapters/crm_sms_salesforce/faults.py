"""What Salesforce says when it refuses: one shape for its lists, its objects and plain text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

MAX_WORDS = 300

HIDDEN = frozenset({"INVALID_FIELD", "INVALID_TYPE"})
"""What Salesforce says of a field or an object that our user does not see, or that is not there."""

_MASKS = (
    # The value that was too long stands in the message: it may be the body of a text.
    (re.compile(r"(data value too large: ).*( \(max length=\d+\))", re.DOTALL), r"\1…\2"),
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+"), "…"),
    # Not inside a record id, which may hold a long run of digits.
    (re.compile(r"(?<![A-Za-z0-9])\+?\(?\d[\d\s().\-]{5,}\d(?![A-Za-z0-9])"), "…"),
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One complaint. `message` may quote a person's data: show `words` instead."""

    code: str
    message: str = ""
    fields: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """Code and message, masked and cut, fit for a log or a screen."""
        return clean(f"{self.code}: {self.message}" if self.message else self.code)


class ApiError(Exception):
    """An answer with an HTTP status of 300 or more; never leaves the adapter."""

    def __init__(self, status: int, faults: tuple[Fault, ...]) -> None:
        words = "; ".join(fault.words for fault in faults)
        super().__init__(f"HTTP {status}: {words}" if words else f"HTTP {status}")
        self.status = status
        self.faults = faults

    @property
    def codes(self) -> frozenset[str]:
        """The vendor's codes; empty if the answer did not come from Salesforce."""
        return frozenset(fault.code for fault in self.faults)


def parse_faults(content: object) -> tuple[Fault, ...]:
    """Faults of an error body: a list of errors, one object (OAuth and a few others), or text,
    which Salesforce does not send and so gives none. Row errors have `statusCode` as their code."""
    items = content if isinstance(content, list) else [content]
    return tuple(_fault(item) for item in items if isinstance(item, Mapping))


def _fault(item: Mapping[str, object]) -> Fault:
    code = item.get("errorCode") or item.get("statusCode") or item.get("error") or "UNKNOWN"
    message = item.get("message") or item.get("error_description") or ""
    fields = item.get("fields")
    names = tuple(str(name) for name in fields) if isinstance(fields, list) else ()
    return Fault(str(code), str(message), names)


def clean(text: str) -> str:
    """Without values that may be a person's, in one line, and never longer than `MAX_WORDS`."""
    for pattern, replacement in _MASKS:
        text = pattern.sub(replacement, text)
    text = " ".join(text.split())
    return text if len(text) <= MAX_WORDS else text[: MAX_WORDS - 1] + "…"
