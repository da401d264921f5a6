"""A page of the ledger against what the CRM holds of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from crm_sms.ledger.texts import stored_after
from crm_sms.ledger.verified import opportunities_after, people_after
from crm_sms.records import Found, ObjectDescription
from crm_sms.use_cases.verify.comparing import compare, readable
from crm_sms.use_cases.verify.expecting import (
    Judged,
    expected_of_opportunities,
    expected_of_people,
    expected_of_texts,
)
from crm_sms.use_cases.verify.words import DIFFERENCES, Expected, Finding, Verifying

Descriptions = Mapping[str, ObjectDescription]


@dataclass(frozen=True, slots=True)
class Part:
    """What is gone through page by page: `after` gives so many ids after one, from `first` on."""

    name: str
    first: Any
    after: Callable[[Connection, str, Any, int], Sequence[Any]]
    expected: Callable[[Verifying, Connection, Collection[Any]], Judged]


PARTS = (
    Part("texts", 0, lambda c, crm, id, most: stored_after(c, id, most), expected_of_texts),
    Part("people", "", people_after, expected_of_people),
    Part("opportunities", "", opportunities_after, expected_of_opportunities),
)


def pages(verifying: Verifying, part: Part) -> Iterator[Sequence[Any]]:
    """The ids of a part, as many at a time as one call reads."""
    last, most = part.first, verifying.crm.limits.keys_per_read
    while True:
        with verifying.ledger.read() as connection:
            ids = part.after(connection, verifying.planner.crm, last, most)
        if not ids:
            return
        yield ids
        last = ids[-1]


def verified_page(
    verifying: Verifying,
    part: Part,
    ids: Collection[Any],
    described: Descriptions,
    compared: Counter[str],
) -> list[Finding]:
    """What is to be said of these; `compared` counts their records, by object.

    Where something differs and the ledger has changed since it was read, all is read again: a
    worker may have written what was only planned then.
    """
    judged = _judged(verifying, part, ids)
    while True:
        findings = _compared(verifying, judged, described)
        if not any(one.kind in DIFFERENCES for one in findings):
            break
        before, judged = judged, _judged(verifying, part, ids)
        if judged == before:
            break
    compared.update(one.record.object for one in judged[0])
    return findings


def _judged(verifying: Verifying, part: Part, ids: Collection[Any]) -> Judged:
    with verifying.ledger.read() as connection:
        return part.expected(verifying, connection, ids)


def _compared(verifying: Verifying, judged: Judged, described: Descriptions) -> list[Finding]:
    records, findings = judged
    held = _read(verifying, records, described)
    fingerprint = verifying.ledger.fingerprint
    return [
        *findings,
        *(
            finding
            for one in records
            for finding in compare(
                one, described.get(one.record.object), held.get(one.place), fingerprint
            )
        ),
    ]


def _read(
    verifying: Verifying, records: Sequence[Expected], described: Descriptions
) -> dict[tuple[str, str], Found]:
    """What the CRM holds of these records, deleted ones included."""
    groups: dict[tuple[str, str | None], tuple[dict[str, None], set[str]]] = {}
    for one in records:
        description = described.get(one.record.object)
        if description is not None:
            group = one.record.object, one.record.key_field
            keys, fields = groups.setdefault(group, ({}, set()))
            keys[one.record.key] = None
            fields |= readable(one, description)
    found: dict[tuple[str, str], Found] = {}
    size = verifying.crm.limits.keys_per_read
    for (object_name, key_field), (wanted, fields) in groups.items():
        every = list(wanted)
        for start in range(0, len(every), size):
            some = every[start : start + size]
            read = verifying.crm.read(object_name, key_field, some, sorted(fields), deleted=True)
            found |= {(object_name, key): record for key, record in read.items()}
    return found
