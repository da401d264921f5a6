"""A Message resource: its way through the statuses, and its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Literal

Outcome = Literal["delivered", "undelivered", "failed", "sent", "read"]
Step = Literal["queued", "sending", "sent", "delivered", "undelivered", "failed", "read"]

API_VERSION = "2010-04-01"
PRICE_PER_SEGMENT = 0.0079

#: What a carrier makes of a text, as the statuses after `queued`.
OUTCOMES: dict[Outcome, tuple[Step, ...]] = {
    "delivered": ("sending", "sent", "delivered"),
    "undelivered": ("sending", "sent", "undelivered"),
    "failed": ("failed",),
    "sent": ("sending", "sent"),
    "read": ("sending", "sent", "delivered", "read"),
}
#: Seconds after the text was accepted, unless the text has delays of its own.
DELAYS: dict[Step, float] = {
    "queued": 0.5,
    "sending": 1,
    "sent": 2,
    "delivered": 5,
    "undelivered": 5,
    "failed": 5,
    "read": 60,
}
FINAL = frozenset({"delivered", "undelivered", "failed", "canceled", "read", "received", "sent"})
DEFAULT_ERRORS = {"undelivered": 30003, "failed": 30008}
ERROR_MESSAGES = {
    30001: "Queue overflow",
    30003: "Unreachable destination handset",
    30004: "Message blocked",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Carrier violation",
    30008: "Unknown error",
}


@dataclass(slots=True)
class Text:
    """One Message; `number` counts the texts of the sandbox in the order they were made."""

    number: int
    sid: str
    account: str
    to: str
    from_: str | None
    body: str
    status: str
    direction: str
    segments: int
    created: datetime
    updated: datetime
    sent: datetime | None = None
    service: str | None = None
    media: tuple[str, ...] = ()
    status_callback: str | None = None
    error_code: int | None = None

    def move(self, status: str, at: datetime, error_code: int | None = None) -> None:
        """Enters a status; the time it was sent and a final error are kept with it."""
        self.status, self.updated = status, at
        if status in ("sent", "received"):
            self.sent = at
        if status in DEFAULT_ERRORS:
            self.error_code = error_code or DEFAULT_ERRORS[status]

    @property
    def uri(self) -> str:
        """The path of the resource, without its ending."""
        return f"/{API_VERSION}/Accounts/{self.account}/Messages/{self.sid}"

    @property
    def billed_segments(self) -> int:
        """None are counted until a Messaging Service has chosen a sender."""
        return self.segments if self.from_ else 0

    @property
    def price(self) -> str | None:
        """Filled in once the text has left, or come in."""
        return f"-{PRICE_PER_SEGMENT * self.segments:.5f}" if self.sent else None


def resource(text: Text) -> dict[str, Any]:
    """The Message resource as JSON."""
    return {
        "account_sid": text.account,
        "api_version": API_VERSION,
        "body": text.body,
        "date_created": format_datetime(text.created),
        "date_sent": format_datetime(text.sent) if text.sent else None,
        "date_updated": format_datetime(text.updated),
        "direction": text.direction,
        "error_code": text.error_code,
        "error_message": error_message(text.error_code),
        "from": text.from_,
        "messaging_service_sid": text.service,
        "num_media": str(len(text.media)),
        "num_segments": str(text.billed_segments),
        "price": text.price,
        "price_unit": "USD" if text.price else None,
        "sid": text.sid,
        "status": text.status,
        "subresource_uris": {"media": f"{text.uri}/Media.json"},
        "to": text.to,
        "uri": f"{text.uri}.json",
    }


def error_message(code: int | None) -> str | None:
    """Twilio's words for an error of delivery."""
    return None if code is None else ERROR_MESSAGES.get(code, f"Error {code}")


def way(
    outcome: Outcome, via_service: bool, delays: Mapping[Step, float]
) -> list[tuple[Step, float]]:
    """The statuses after the first, each with its seconds after acceptance, in order of time.

    A Messaging Service accepts first and queues when it has chosen a sender. `delays` overrides
    DELAYS by status.
    """
    first: tuple[Step, ...] = ("queued",) if via_service else ()
    steps = first + OUTCOMES[outcome]
    seconds = {**DELAYS, **delays}
    latest = 0.0
    timed = []
    for status in steps:
        latest = max(latest, seconds[status])
        timed.append((status, latest))
    return timed
