"""What happened to a text: the words that every provider's callbacks and listings become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from crm_sms.phone import Address


class EventKind(StrEnum):
    """What sort of fact an event is."""

    STATUS = "status"
    REPLY = "reply"
    CLICK = "click"
    SNAPSHOT = "snapshot"  # a provider's listing of a message: completes what callbacks left out
    UNKNOWN = "unknown"  # authentic, kept, not understood


class Direction(StrEnum):
    """Seen from the company: outbound goes to a person."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"


class Status(StrEnum):
    """Where a text stands; `RANK` orders them."""

    SCHEDULED = "scheduled"
    ACCEPTED = "accepted"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    UNCONFIRMED = "unconfirmed"  # the provider gave up waiting for a receipt
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELED = "canceled"
    READ = "read"
    RECEIVED = "received"  # inbound
    UNKNOWN = "unknown"  # a provider's word that we do not know; kept verbatim beside it


RANK: Mapping[Status, int] = {
    Status.UNKNOWN: 0,
    Status.SCHEDULED: 10,
    Status.ACCEPTED: 20,
    Status.QUEUED: 30,
    Status.SENDING: 40,
    Status.SENT: 50,
    Status.UNCONFIRMED: 60,
    Status.DELIVERED: 100,
    Status.UNDELIVERED: 100,
    Status.FAILED: 100,
    Status.EXPIRED: 100,
    Status.CANCELED: 100,
    Status.RECEIVED: 100,
    Status.READ: 110,
}


class ErrorClass(StrEnum):
    """Why a text failed, named by what follows from it."""

    CONSENT = "consent"  # the person said no: an opt-out
    INVALID_RECIPIENT = "invalid_recipient"
    UNREACHABLE_TEMPORARY = "unreachable_temporary"
    CONTENT = "content"
    SENDER_CONFIG = "sender_config"
    RATE = "rate"
    AUTH = "auth"
    PROVIDER_TRANSIENT = "provider_transient"
    AMBIGUOUS = "ambiguous"  # may have been sent
    EXPIRED = "expired"
    COMPLIANCE_HOLD = "compliance_hold"
    UNKNOWN = "unknown"


class ClickClass(StrEnum):
    """Who clicked; only human clicks are counted, all are kept."""

    HUMAN = "human"
    BOT = "bot"
    PREVIEW = "preview"
    UNKNOWN = "unknown"


class OptOutType(StrEnum):
    """What a provider or its keyword table says a reply asks for."""

    STOP = "stop"
    START = "start"
    HELP = "help"


@dataclass(frozen=True, slots=True)
class OptOutRules:
    """A provider's words as data: the keywords it obeys, in its own default set, upper case."""

    keywords: Mapping[str, OptOutType]


@dataclass(frozen=True, slots=True)
class Click:
    """One request for a short link, as the provider reports it; times and agent may be missing."""

    link: str
    user_agent: str | None = None
    clicked_at: datetime | None = None
    click_class: ClickClass = ClickClass.UNKNOWN


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the sender said about a text when sending it; other systems pass it in the callback URL.

    `person_id` is the CRM's id of the person meant, the first rule of matching.
    """

    campaign: str | None = None
    offer: str | None = None
    template: str | None = None
    template_version: str | None = None
    purpose: str | None = None
    segment: str | None = None
    journey: str | None = None
    arm: str | None = None
    decision_id: str | None = None
    person_id: str | None = None


@dataclass(frozen=True, slots=True)
class Raw:
    """The exact bytes received, to verify and to parse again after a fix."""

    body: bytes
    content_type: str
    query: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One fact received, normalised; never changed once stored.

    `key` is unique within (provider, account): storing the same event twice has no second effect.
    `provider_message_id` is the provider's id of the text, `message_key` ours if we or the sending
    system gave one. `occurred_at` is the provider's time, only if it came with a zone; all instants
    are UTC. `verified` is False for what a report-only signature check let through: such events are
    kept and may suppress, but never make a task.
    """

    provider: str
    account: str
    key: str
    kind: EventKind
    received_at: datetime
    provider_message_id: str | None = None
    message_key: str | None = None
    direction: Direction = Direction.OUTBOUND
    status: Status | None = None
    provider_status: str | None = None
    error_code: str | None = None
    error_class: ErrorClass | None = None
    sender: Address | None = None
    recipient: Address | None = None
    body: str | None = None
    media: tuple[str, ...] = ()
    media_count: int | None = None
    segments: int | None = None
    price: float | None = None
    occurred_at: datetime | None = None
    sent_at: datetime | None = None
    opt_out_type: OptOutType | None = None
    click: Click | None = None
    metadata: Metadata = field(default_factory=Metadata)
    verified: bool = True
    raw: Raw | None = None

    @property
    def person_address(self) -> Address | None:
        """The end of the text that is not ours."""
        return self.sender if self.direction is Direction.INBOUND else self.recipient

    @property
    def our_address(self) -> Address | None:
        """The end of the text that is ours."""
        return self.recipient if self.direction is Direction.INBOUND else self.sender
