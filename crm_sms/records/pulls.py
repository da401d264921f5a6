"""What a pull of the mirror asks for, and what it brings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from crm_sms.records.people import MirrorRow, PersonKind


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns a pull must bring for one object of people.

    `phones` are phone fields in the order they are tried, `opt_out` the checkbox that suppresses.
    """

    object: str
    kind: PersonKind
    phones: tuple[str, ...]
    opt_out: str | None = None
    further: tuple[str, ...] = ()


class MirrorPart(StrEnum):
    """What a pull brings; each has a watermark of its own (people: one per object)."""

    PEOPLE = "people"
    OWNERS = "owners"
    OPPORTUNITIES = "opportunities"
    ROLES = "roles"
    TASKS = "tasks"
    STAGES = "stages"


@dataclass(frozen=True, slots=True)
class Pull:
    """A request for what changed since `since` (None: everything), oldest change first.

    `columns` is set for PEOPLE, `key_field` for TASKS (the unique field of our own tasks).
    `resume` is that of the last page that was kept of a pull that was cut off: the rest is brought.
    """

    part: MirrorPart
    since: datetime | None = None
    columns: Columns | None = None
    key_field: str | None = None
    resume: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a pull; `total` is how many rows the whole pull has, where the CRM says it.

    A CRM may bring very many rows in no order, which it gathered at one instant. Then each page
    but the last has `resume`, words of the CRM's for where to go on behind it, and the last has
    `until`: only with it has everything been brought that changed before that instant. Such pages
    may be empty, while the CRM still gathers.
    """

    rows: tuple[MirrorRow, ...]
    total: int | None = None
    resume: str | None = None
    until: datetime | None = None

    @property
    def in_order(self) -> bool:
        """Whether everything that changed before one of these rows was brought before it."""
        return self.resume is None and self.until is None
