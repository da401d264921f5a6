"""The word for one text, in or out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from crm_sms.events import Direction, ErrorClass, Metadata, Status
from crm_sms.phone import Address


@dataclass(frozen=True, slots=True)
class Message:
    """One text as its facts leave it.

    `key` is ours if the sender gave one, else `provider:account:id`. `status` is the highest rank
    seen, with the exceptions of `fold`; `conflict` marks two finals that contradict each other.
    `occurred_at` is the sortable time of both directions: the provider's if it gave one, else the
    earliest receipt; likewise the other instants. `click_count` counts human clicks only.
    `replied_at` is when the person answered this (outbound) text, `response_seconds` how long they
    took (on both the reply and the text it answers).
    """

    key: str
    provider: str
    account: str
    direction: Direction
    status: Status
    occurred_at: datetime
    received_at: datetime
    provider_message_id: str | None = None
    provider_status: str | None = None
    conflict: bool = False
    sender: Address | None = None
    recipient: Address | None = None
    body: str | None = None
    media_count: int | None = None
    segments: int | None = None
    price: float | None = None
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    first_clicked_at: datetime | None = None
    last_clicked_at: datetime | None = None
    click_count: int = 0
    replied_at: datetime | None = None
    response_seconds: int | None = None
    error_code: str | None = None
    error_class: ErrorClass | None = None
    metadata: Metadata = field(default_factory=Metadata)
    verified: bool = True

    @property
    def person_address(self) -> Address | None:
        """The end of the text that is not ours."""
        return self.sender if self.direction is Direction.INBOUND else self.recipient

    @property
    def our_address(self) -> Address | None:
        """The end of the text that is ours."""
        return self.recipient if self.direction is Direction.INBOUND else self.sender

    @property
    def number(self) -> str | None:
        """The person's number, if their end is one."""
        address = self.person_address
        return address.e164 if address else None
