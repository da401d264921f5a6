"""Rows on their way to a CRM, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from crm_sms.records.desired import Scalar


class Op(StrEnum):
    """How a row reaches the CRM."""

    UPSERT = "upsert"  # by unique key
    UPDATE = "update"  # by the CRM's id
    CREATE = "create"  # insert; its unique key makes a second one fail


@dataclass(frozen=True, slots=True)
class Write:
    """One row on its way. `key` is the unique key's value, or the CRM's id for UPDATE."""

    key: str
    fields: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows of one object and one operation that share a transaction; their keys are distinct."""

    object: str
    op: Op
    key_field: str | None
    rows: tuple[Write, ...]


class Verdict(StrEnum):
    """What became of a row.

    MAYBE: the request may have committed; settled by looking or writing again, not guessed.
    """

    DONE = "done"
    RETRY = "retry"
    MAYBE = "maybe"
    PARK = "park"


class State(StrEnum):
    """Where a desired record stands on its way. SETTLING: written, to be written once more when no
    late writer can be under way."""

    WAITING = "waiting"
    SETTLING = "settling"
    PARKED = "parked"


class Reason(StrEnum):
    """Why a row was not written; shown to the admin, with a remedy each in the documentation."""

    LOCKED = "locked"
    UNAVAILABLE = "unavailable"
    QUOTA = "quota"
    UNCLEAR = "unclear"  # alone, and still nobody says whether it was written
    TOO_LARGE = "too_large"  # time or CPU ran out: a smaller batch may pass
    AUTOMATION = "automation"  # a trigger or flow of the org failed
    DUPLICATE = "duplicate"
    DELETED = "deleted"
    CONVERTED = "converted"
    REFERENCE = "reference"  # what the record names is gone
    VALIDATION = "validation"
    FIELD = "field"  # missing or hidden
    ACCESS = "access"
    OWNER = "owner"
    DATA = "data"
    SETUP = "setup"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row's fate. `detail` is the vendor's words, `fields` the CRM's names it complains of.

    `shrink` asks for smaller batches. `wait_s` is the least time before another try.
    """

    verdict: Verdict
    crm_id: str | None = None
    created: bool = False
    reason: Reason | None = None
    detail: str = ""
    fields: tuple[str, ...] = ()
    shrink: bool = False
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Usage:
    """Calls used of those allowed in the CRM's own period (Salesforce: rolling 24 h)."""

    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class WriteResult:
    """Outcomes in the shape of the chunks written; `calls` is how many the CRM counted, `at` when
    it answered by its own clock, if it did and says so."""

    outcomes: tuple[tuple[Outcome, ...], ...]
    calls: int = 1
    usage: Usage | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A record as the CRM holds it now; values in the form of `Scalar`."""

    id: str
    fields: Mapping[str, Scalar]
    deleted: bool = False
