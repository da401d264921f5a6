"""Every SOQL and SOSL statement the adapter can send is built here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from crm_sms_salesforce.library import format_soql

MAX_STATEMENT = 100_000

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*")


def select_changed(
    object: str,
    fields: Sequence[str],
    since: datetime | None,
    having: str | None = None,
    *,
    in_order: bool = True,
) -> str:
    """Rows changed at or after `since`, oldest change first if `in_order`; `having` is a field that
    must not be empty. Whole seconds: earlier by less than one, never later."""
    conditions = [f"{_name(having)} != null"] if having else []
    if since is not None:
        conditions.append(f"SystemModstamp >= {since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    order = " ORDER BY SystemModstamp, Id" if in_order else ""
    return f"{_select(object, fields)}{where}{order}"


def select_written(object: str, key_field: str, user_id: str, since: datetime | None) -> str:
    """When a user last changed one of the rows that have a key, if after `since`. Bounded by
    SystemModstamp, which is indexed and never earlier."""
    conditions = [format_soql("LastModifiedById = {}", user_id), f"{_name(key_field)} != null"]
    if since is not None:
        bound = f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        conditions += [f"SystemModstamp >= {bound}", f"LastModifiedDate > {bound}"]
    where = f" WHERE {' AND '.join(conditions)}"
    return f"{_select(object, ['LastModifiedDate'])}{where} ORDER BY SystemModstamp DESC LIMIT 1"


def select_permissions(names: Iterable[str]) -> str:
    """Whether our user has these permissions, which every user may ask of itself."""
    return f"{_select('UserPermissionAccess', list(names))} LIMIT 1"


def select_keyed(object: str, key_field: str) -> str:
    """Every row whose key is not empty."""
    return f"{_select(object, ['Id', key_field])} WHERE {_name(key_field)} != null ORDER BY Id"


def select_by_key(
    object: str, key_field: str, keys: Iterable[str], fields: Sequence[str]
) -> Iterator[str]:
    """Statements that together find all keys, each within the length Salesforce takes."""
    return _select_among(object, [key_field], keys, fields)


def select_by_phones(
    object: str, phones: Sequence[str], spellings: Iterable[str], fields: Sequence[str]
) -> Iterator[str]:
    """Living rows with one of these spellings in one of the phone fields, which Salesforce reads
    through once for each statement: they are hardly ever indexed."""
    return _select_among(object, phones, spellings, fields)


def _select_among(
    object: str, places: Sequence[str], values: Iterable[str], fields: Sequence[str]
) -> Iterator[str]:
    starts = [f"{_name(place)} IN (" for place in places]
    room = MAX_STATEMENT - len(_in_any(_select(object, fields), starts, []))
    literals: list[str] = []
    length = 0
    for literal in (format_soql("{}", value) for value in values):
        cost = len(places) * (len(literal) + 1)
        if literals and length + cost > room:
            yield _in_any(_select(object, fields), starts, literals)
            literals, length = [], 0
        literals.append(literal)
        length += cost
    if literals:
        yield _in_any(_select(object, fields), starts, literals)


def _in_any(head: str, starts: Sequence[str], literals: Sequence[str]) -> str:
    listed = ",".join(literals)
    return f"{head} WHERE {' OR '.join(f'{start}{listed})' for start in starts)}"


def find_phones(object: str, digits: Iterable[str], fields: Sequence[str]) -> str:
    """A search for phones with these digits, whatever marks stand between them."""
    wanted = " OR ".join(f'"{_digits(one)}"' for one in digits)
    returning = f"{_name(object)}({', '.join(map(_name, fields))})"
    return f"FIND {{{wanted}}} IN PHONE FIELDS RETURNING {returning}"


def _select(object: str, fields: Sequence[str]) -> str:
    return f"SELECT {', '.join(map(_name, fields))} FROM {_name(object)}"


def _name(name: str) -> str:
    """The name itself: a name comes from a mapping file, so it is checked before it is code."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a name of Salesforce")
    return name


def _digits(text: str) -> str:
    if not (text.isascii() and text.isdecimal()):
        raise ValueError("a search for phones is one for digits")
    return text
