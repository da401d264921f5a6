"""Every SOQL statement the adapter can send is built here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from crm_sms_salesforce.library import format_soql

MAX_STATEMENT = 100_000

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*")


def select_changed(
    object: str, fields: Sequence[str], since: datetime | None, having: str | None = None
) -> str:
    """Rows changed at or after `since`, oldest change first; `having` is a field that must not be
    empty. Whole seconds: earlier by less than one, never later."""
    conditions = [f"{_name(having)} != null"] if having else []
    if since is not None:
        conditions.append(f"SystemModstamp >= {since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"{_select(object, fields)}{where} ORDER BY SystemModstamp, Id"


def select_by_key(
    object: str, key_field: str, keys: Iterable[str], fields: Sequence[str]
) -> Iterator[str]:
    """Statements that together find all keys, each within the length Salesforce takes."""
    head = f"{_select(object, fields)} WHERE {_name(key_field)} IN ("
    literals: list[str] = []
    length = 0
    for literal in (format_soql("{}", key) for key in keys):
        if literals and len(head) + length + len(literal) + 1 > MAX_STATEMENT:
            yield f"{head}{','.join(literals)})"
            literals, length = [], 0
        literals.append(literal)
        length += len(literal) + 1
    if literals:
        yield f"{head}{','.join(literals)})"


def _select(object: str, fields: Sequence[str]) -> str:
    return f"SELECT {', '.join(map(_name, fields))} FROM {_name(object)}"


def _name(name: str) -> str:
    """The name itself: a name comes from a mapping file, so it is checked before it is code."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a name of Salesforce")
    return name
