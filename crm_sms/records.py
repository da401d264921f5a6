"""The CRM's words, without any vendor's: who is there, what a record of ours should look like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

Scalar = str | int | float | bool | None
"""A field's value on its way: instants are `2026-11-20T15:48:22.000Z`, dates `2026-11-20`."""


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
    settings and mapping name. A deleted person keeps id and `deleted`, the rest may be empty.
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
    """A deal; `open` is neither won nor lost."""

    id: str
    name: str
    modified_at: datetime
    account_id: str | None = None
    owner_id: str | None = None
    stage: str | None = None
    amount: float | None = None
    open: bool = True
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


MirrorRow = Person | Owner | Opportunity | Role | OwnTask


class Lane(IntEnum):
    """Waiting rows by urgency; lower goes first. Opt-outs never share a chunk with the others."""

    OPT_OUT = 0
    TASK = 1
    TIMELINE = 2
    ROLL_UP = 3


class WriteRule(StrEnum):
    """When a field may be written.

    ALWAYS: the field is ours alone. ONCE: only when the record is made. IF_EMPTY: only where the
    CRM has nothing. UNTIL_EDITED: not when the CRM's value differs from the ones we wrote.
    """

    ALWAYS = "always"
    ONCE = "once"
    IF_EMPTY = "if_empty"
    UNTIL_EDITED = "until_edited"


class Part(StrEnum):
    """What of the referenced record a field takes."""

    ID = "id"
    URL = "url"


@dataclass(frozen=True, slots=True)
class Reference:
    """Stands for a record that delivery resolves, or writes first; None where that record parked.

    `object` and `key` are those of a DesiredRecord.
    """

    object: str
    key: str
    part: Part = Part.ID


@dataclass(frozen=True, slots=True)
class Text:
    """A text with references in it, joined when they are resolved."""

    parts: tuple[str | Reference, ...]


Value = Scalar | Reference | Text


@dataclass(frozen=True, slots=True)
class DesiredField:
    """What a field should hold, and when it may be written."""

    value: Value
    rule: WriteRule = WriteRule.ALWAYS


@dataclass(frozen=True, slots=True)
class DesiredRecord:
    """The fields that one CRM record should have, as far as one lane is concerned.

    With `key_field`, `key` is the value of that unique field and the record is ours (made if
    missing). Without, `key` is the CRM's id of a record that others made; it is only updated.
    `create_only` records are never touched again once they exist, deleted or not. `partition`
    (account, else person) names what two writers must not touch at once. `starred` fields are
    those without which the record must not be written.
    """

    crm: str
    object: str
    key: str
    lane: Lane
    fields: Mapping[str, DesiredField]
    key_field: str | None = None
    create_only: bool = False
    partition: str = ""
    starred: frozenset[str] = frozenset()


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


class Reason(StrEnum):
    """Why a row was not written; shown to the admin, with a remedy each in the documentation."""

    LOCKED = "locked"
    UNAVAILABLE = "unavailable"
    QUOTA = "quota"
    TOO_LARGE = "too_large"  # time or CPU ran out: a smaller batch may pass
    AUTOMATION = "automation"  # a trigger or flow of the org failed
    DUPLICATE = "duplicate"
    DELETED = "deleted"
    CONVERTED = "converted"
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
    """Outcomes in the shape of the chunks written; `calls` is how many the CRM counted."""

    outcomes: tuple[tuple[Outcome, ...], ...]
    calls: int = 1
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A record as the CRM holds it now; values in the form of `Scalar`."""

    id: str
    fields: Mapping[str, Scalar]
    deleted: bool = False


class FieldType(StrEnum):
    """The sorts of fields that matter for a mapping."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    NUMBER = "number"
    CHECKBOX = "checkbox"
    DATE = "date"
    INSTANT = "instant"
    PICKLIST = "picklist"
    REFERENCE = "reference"
    PHONE = "phone"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class FieldDescription:
    """A field as our user sees it. `choices` are the active values; they bind if `restricted`."""

    name: str
    type: FieldType
    length: int | None = None
    choices: tuple[str, ...] = ()
    restricted: bool = False
    unique_key: bool = False
    creatable: bool = True
    updatable: bool = True
    refers_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ObjectDescription:
    """An object as our user sees it; hidden fields are absent."""

    name: str
    fields: Mapping[str, FieldDescription]
    creatable: bool = True
    updatable: bool = True


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


@dataclass(frozen=True, slots=True)
class Pull:
    """A request for what changed since `since` (None: everything), oldest change first.

    `columns` is set for PEOPLE, `key_field` for TASKS (the unique field of our own tasks).
    """

    part: MirrorPart
    since: datetime | None = None
    columns: Columns | None = None
    key_field: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a pull; `total` is how many rows the whole pull has, where the CRM says it."""

    rows: tuple[MirrorRow, ...]
    total: int | None = None
