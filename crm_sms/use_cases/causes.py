"""Parked rows by their cause: what is one thing to mend, and what a retry of it would free."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from crm_sms.delivery.gist import gist
from crm_sms.ledger.parked import Parked
from crm_sms.phone import masked
from crm_sms.records import Lane, Reason
from crm_sms.use_cases.parked import REMEDIES

_NUMBER = re.compile(r"(?<![A-Za-z0-9])\+?\d{7,15}(?![A-Za-z0-9])")


@dataclass(frozen=True, slots=True)
class Cause:
    """Rows of one CRM and object that are parked with the same reason and, but for what is of one
    record, the same words. `id` is the same in each list; `row` and `example` are one of the rows
    and its key, the oldest one's."""

    id: str
    crm: str
    object: str
    reason: Reason
    detail: str
    rows: int
    lanes: tuple[str, ...]
    since: datetime
    row: int
    example: str
    remedy: str


def causes(rows: Iterable[Parked]) -> list[Cause]:
    """The causes of these rows, the one with the most rows first."""
    found: dict[str, list[Parked]] = {}
    for row in rows:
        found.setdefault(cause_of(row), []).append(row)
    return sorted((_cause(id, some) for id, some in found.items()), key=_order)


def cause_of(row: Parked) -> str:
    """The id of a row's cause."""
    words = "\n".join((row.crm, row.object, row.reason, gist(row.detail)))
    return hashlib.blake2b(words.encode(), digest_size=4).hexdigest()


def _cause(id: str, rows: list[Parked]) -> Cause:
    first = min(rows, key=lambda row: (row.since, row.id))
    return Cause(
        id=id,
        crm=first.crm,
        object=first.object,
        reason=first.reason,
        detail=gist(first.detail),
        rows=len(rows),
        lanes=tuple(lane.name.lower() for lane in Lane if any(row.lane is lane for row in rows)),
        since=first.since,
        row=first.id,
        example=_NUMBER.sub(lambda found: masked(found[0]), first.key),
        remedy=REMEDIES[first.reason],
    )


def _order(cause: Cause) -> tuple[int, str, str]:
    return -cause.rows, cause.crm, cause.id
