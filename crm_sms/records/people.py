"""Who is there: people, owners, opportunities, and our tasks, as a CRM holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from crm_sms.records.desired import Scalar
from crm_sms.records.stages import Stage


class PersonKind(StrEnum):
    """A contact comes before a lead when both hold a number."""

    CONTACT = "contact"
    LEAD = "lead"


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone as it stands in the CRM: `field` is the CRM's name, `raw` what somebody typed."""

    field: str
    raw: str


@dataclass(frozen=True, slots=True)
class Person:
    """A CRM contact or lead as mirrored; `object` is the CRM's own name for its kind.

    `opted_out` is None where the CRM hides the field. `fields` holds the further columns that
    settings and mapping name. A deleted person keeps id and `deleted`, the rest may be empty;
    `became` is the id of the record that took their place, by a merge or a conversion. `covered`
    is no word of the CRM's: whether texts may concern them, by the mapping.
    """

    object: str
    id: str
    kind: PersonKind
    modified_at: datetime
    name: str = ""
    owner_id: str | None = None
    account_id: str | None = None
    phones: tuple[Phone, ...] = ()
    opted_out: bool | None = None
    fields: Mapping[str, Scalar] = field(default_factory=dict)
    deleted: bool = False
    became: str | None = None
    covered: bool = True


@dataclass(frozen=True, slots=True)
class Owner:
    """A user of the CRM who owns records."""

    id: str
    name: str
    modified_at: datetime
    email: str | None = None
    active: bool = True


@dataclass(frozen=True, slots=True)
class Opportunity:
    """A deal; `open` is neither won nor lost. `close_date` is when it is expected to close, or
    did."""

    id: str
    name: str
    modified_at: datetime
    account_id: str | None = None
    owner_id: str | None = None
    stage: str | None = None
    amount: float | None = None
    close_date: date | None = None
    open: bool = True
    won: bool = False
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Role:
    """A person's part in an opportunity."""

    id: str
    opportunity_id: str
    person_id: str
    modified_at: datetime
    role: str | None = None
    primary: bool = False
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class OwnTask:
    """A task of ours as it stands in the CRM now; `key` is the key we made it with."""

    id: str
    key: str
    modified_at: datetime
    closed: bool = False
    deleted: bool = False


MirrorRow = Person | Owner | Opportunity | Role | OwnTask | Stage
