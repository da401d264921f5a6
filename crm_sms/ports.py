"""What an adapter must do: a Protocol for CRMs, one for SMS providers, what each can as data."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Protocol

from crm_sms.events import ErrorClass, Event, OptOutRules
from crm_sms.records import (
    Chunk,
    Columns,
    Found,
    NeededField,
    ObjectDescription,
    Page,
    Person,
    Pull,
    Scalar,
    Usage,
    WriteResult,
)

Clock = Callable[[], datetime]
"""Now, in UTC."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of doctor: `ok` None is a warning. `remedy` is empty only if ok."""

    subject: str
    ok: bool | None
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A request as it arrived. `path` is decoded by nobody, `query` has no `?`; header names are
    lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class OutgoingText:
    """A text to hand over. `callback_url` carries our key and the metadata back to us."""

    key: str
    recipient: str
    sender: str
    body: str
    callback_url: str


@dataclass(frozen=True, slots=True)
class SendOutcome:
    """What a provider said. With `ambiguous` the text may have left: never send it again."""

    provider_message_id: str | None = None
    error_code: str | None = None
    error_class: ErrorClass | None = None
    ambiguous: bool = False


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One row of a provider's export or listing: an event, or why the row was refused, never both.

    `place` is where an admin finds the row in the file or on the page, such as `line 17`, counted
    from 1. `changed_at` is when the provider last had news of the text, if the row says so.
    """

    place: str
    event: Event | None = None
    refused: str = ""
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Some rows of a provider's own listing of texts. `after` says, in words of the provider's,
    where to go on behind this page; None behind the last one."""

    rows: tuple[ExportRow, ...]
    after: str | None = None


class SmsProvider(Protocol):
    """A provider of text messages.

    Adapters are built as `Adapter(settings, clock)`, where `settings` is the provider's own table
    of the settings file; they raise BadSettings for what is missing, naming every problem at once.
    """

    name: ClassVar[str]
    opt_out_rules: ClassVar[OptOutRules]

    def __init__(self, settings: Mapping[str, Any], clock: Clock) -> None: ...

    def receive(self, request: WebhookRequest, kind: str | None) -> list[Event]:
        """Verify, then parse. Raises Forged (nothing may be kept) or Unreadable.

        An authentic request that is not understood gives one event of kind UNKNOWN; a test callback
        of our own gives none.
        """
        ...

    def read_export(self, path: Path) -> Iterator[ExportRow]:
        """The events in a file that the provider exported, row by row, in constant memory where
        the format allows it. Raises Unreadable if the file as a whole is not such an export."""
        ...

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts that can be listed."""
        ...

    def history(
        self, account: str, since: datetime, after: str | None = None
    ) -> Iterator[HistoryPage]:
        """The provider's own listing of an account's texts since then, in and out, sent or not, as
        the snapshots that an export of the same texts gives; nothing if it has no listing.

        A text may come twice; none that was there at the first page is left out, whatever comes in
        meanwhile. `after` is that of the last page that was kept. Raises AccessRefused or TryLater.
        """
        ...

    def callback_url(self, public_url: str, key: str, metadata: Mapping[str, str]) -> str:
        """The status callback URL that brings our key and metadata back, signed by the provider."""
        ...

    def send(self, text: OutgoingText, decision_id: str) -> SendOutcome:
        """Hand one text over, once, without any retry; `decision_id` names the gate's decision."""
        ...

    def check(self) -> list[Finding]:
        """What doctor says of settings and credentials, and of what is set at the provider."""
        ...

    @property
    def answered_at(self) -> datetime | None:
        """When the provider last answered a check, by its own clock; None if it did not say."""
        ...

    def test_callback(self, address: str) -> list[Finding]:
        """What becomes of a callback that is signed as the provider's and posted to `address`,
        where our service takes them; of another one that is signed wrongly. `receive` gives no
        event for the first and raises Forged for the second."""
        ...


@dataclass(frozen=True, slots=True)
class CrmLimits:
    """What a CRM takes, as data; the sources are in the adapter's README.

    `late_commit_s` is the longest time after which a request that timed out may still commit.
    `slow_s`: a batch grows again while a call stays below it.
    """

    rows_per_chunk: int
    chunks_per_request: int
    write_timeout_s: float
    late_commit_s: float
    slow_s: float = 10.0
    keys_per_read: int = 1000
    rows_per_page: int = 2000
    least_rows: int = 1

    @property
    def rows_per_request(self) -> int:
        """The most rows one request carries."""
        return self.rows_per_chunk * self.chunks_per_request


@dataclass(frozen=True, slots=True)
class Room:
    """What a CRM has room for, each as used and allowed: calls of its own period, and megabytes of
    records. None where it does not tell our user."""

    calls: Usage | None = None
    storage_mb: Usage | None = None


class Crm(Protocol):
    """A CRM org or portal.

    Adapters are built as `Adapter(settings, clock)` like providers. Every call has a time-out.
    Only `write` turns failures into outcomes; the other calls raise AccessRefused, QuotaEnded or
    TryLater. A Crm may be used from one thread at a time.
    """

    name: ClassVar[str]
    limits: CrmLimits

    def __init__(self, settings: Mapping[str, Any], clock: Clock) -> None: ...

    @staticmethod
    def lead_fields(last_name: str, company: str) -> Mapping[str, Scalar]:
        """What a new lead must have besides its phone, by this CRM's own names."""
        ...

    @staticmethod
    def full_id(id: str) -> str:
        """The id that this CRM's API gives for one that people took from a URL or a report, which
        may be shorter; what it does not know comes back as it is."""
        ...

    def describe(self, objects: Collection[str]) -> Mapping[str, ObjectDescription]:
        """What our user sees of these objects; an object that is missing or hidden is absent."""
        ...

    def write(self, chunks: Sequence[Chunk]) -> WriteResult:
        """Write chunks in their order, one request, each chunk its own transaction, each row its
        own outcome. A request that got no answer gives MAYBE for every row; one that never
        left gives RETRY. Raises only AccessRefused, with nothing written.

        A DUPLICATE on the key field of a CREATE is DONE: the row is there.
        """
        ...

    def read(
        self,
        object: str,
        key_field: str | None,
        keys: Sequence[str],
        fields: Collection[str],
        *,
        deleted: bool = False,
    ) -> Mapping[str, Found]:
        """Records by key (None: the CRM's id), absent where there is none; at most
        `limits.keys_per_read` keys. With `deleted`, deleted records are found too and a living one
        wins over a deleted one with the same key."""
        ...

    def newest_write(self, object: str, key_field: str, since: datetime | None) -> datetime | None:
        """When our user last wrote one of these records that have a key of ours, by the CRM's own
        clock; None if not after `since`, or if our user does not see them. One call."""
        ...

    def keys(self, object: str, key_field: str) -> Iterator[Mapping[str, str]]:
        """Every living record of this object that has a key, page by page: the CRM's id → the
        key."""
        ...

    def pull(self, pull: Pull) -> Iterator[Page]:
        """What changed since `pull.since` inclusive, oldest first, deletions included; very many
        rows may come in no order, see `Page`. A `pull.resume` that the CRM no longer knows is as if
        there were none."""
        ...

    def find_people(self, columns: Sequence[Columns], numbers: Collection[str]) -> Sequence[Person]:
        """Living people of these objects who may hold one of these E.164 numbers, in whatever way
        it is typed there, each once, with their phones as they stand; at most
        `limits.keys_per_read` numbers.

        Somebody with another number that looks alike may be among them, and somebody whose phone
        was typed a moment ago, or in a way that the CRM cannot look for, may be missing.
        """
        ...

    def url(self, object: str, id: str) -> str:
        """Where a rep opens this record."""
        ...

    @property
    def usage(self) -> Usage | None:
        """Calls used, from the last answer that said it."""
        ...

    @property
    def calls(self) -> int:
        """Requests made since this object was built, tokens not counted."""
        ...

    def room(self) -> Room:
        """What is left of the CRM's limits, asked for now."""
        ...

    def check(self) -> list[Finding]:
        """What doctor says of credentials, API version, permissions and limits."""
        ...

    @property
    def answered_at(self) -> datetime | None:
        """When the CRM last answered, by its own clock; None before, or if it did not say."""
        ...


@dataclass(frozen=True, slots=True)
class Project:
    """Files by their path, which an admin brings into a CRM with tools of their own, and what to
    know of them: failed is what they leave out, a warning what somebody should look at first."""

    files: Mapping[str, str]
    findings: tuple[Finding, ...] = ()


class CrmInstaller(Protocol):
    """What a CRM must have before texts can be put on its records.

    The adapter of such a CRM names the class as `installer`; it is built as `Installer(settings)`.
    It signs in nowhere, so settings that only a connection needs may be missing; raises BadSettings
    for one that is wrong. `record_kb` is what a record takes of the CRM's storage, full or empty.
    """

    record_kb: ClassVar[float]

    def __init__(self, settings: Mapping[str, Any]) -> None: ...

    def project(self, needs: Sequence[NeededField]) -> Project:
        """What these fields ask for and a CRM does not have by itself, and who may see it. The same
        needs give the same files."""
        ...


@dataclass(frozen=True, slots=True)
class Adapters:
    """The adapters an installation uses, by their configured names."""

    crms: Mapping[str, Crm] = field(default_factory=dict)
    providers: Mapping[str, SmsProvider] = field(default_factory=dict)
