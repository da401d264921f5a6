"""A provider that exists only here: the smallest adapter that keeps every promise of the port."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from crm_sms.errors import BadSettings, Forged, Unreadable
from crm_sms.events import (
    Direction,
    ErrorClass,
    Event,
    EventKind,
    OptOutRules,
    OptOutType,
    Raw,
    Status,
)
from crm_sms.phone import parse_address
from crm_sms.ports import (
    Clock,
    ExportRow,
    Finding,
    HistoryPage,
    OutgoingText,
    SendOutcome,
    WebhookRequest,
)

_STATUSES = {status.value: status for status in Status}


def signature(secret: str, path: str, body: bytes) -> str:
    """What Acme sends in `x-acme-signature`."""
    return hmac.digest(secret.encode(), path.encode() + b"\n" + body, hashlib.sha256).hex()


class Acme:
    """Callbacks are a JSON object or a list of them; the signature covers path and body."""

    name: ClassVar[str] = "acme"
    opt_out_rules: ClassVar[OptOutRules] = OptOutRules(
        {"STOP": OptOutType.STOP, "START": OptOutType.START, "HELP": OptOutType.HELP}
    )

    def __init__(self, settings: Mapping[str, Any], clock: Clock) -> None:
        if not settings.get("secret"):
            raise BadSettings("secret: missing; copy it from Acme's console")
        self._secret = str(settings["secret"])
        self._report_only = settings.get("signature") == "report"
        self._clock = clock

    def receive(self, request: WebhookRequest, kind: str | None) -> list[Event]:
        right = signature(self._secret, request.path, request.body)
        verified = hmac.compare_digest(right, request.headers.get("x-acme-signature", ""))
        if not (verified or self._report_only):
            raise Forged("the signature fits no secret")
        raw = Raw(request.body, request.headers.get("content-type", ""), request.query)
        try:
            parsed = json.loads(request.body)
            rows = parsed if isinstance(parsed, list) else [parsed]
            return [self._event(row, kind, verified, raw) for row in rows]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Unreadable("not a callback of Acme's") from None

    def _event(
        self, row: Mapping[str, Any], kind: str | None, verified: bool, raw: Raw | None
    ) -> Event:
        inbound = "text" in row
        status = None if inbound else _STATUSES.get(row["status"], Status.UNKNOWN)
        at = datetime.fromisoformat(row["at"]) if "at" in row else None
        return Event(
            provider=self.name,
            account=row.get("account", "main"),
            key=f"{row['id']}:{row.get('status', 'in')}",
            kind=EventKind.SNAPSHOT
            if kind == "export"
            else EventKind.REPLY
            if inbound
            else EventKind.STATUS,
            received_at=self._clock(),
            provider_message_id=row["id"],
            direction=Direction.INBOUND if inbound else Direction.OUTBOUND,
            status=status,
            provider_status=row.get("status"),
            error_class=ErrorClass.CONSENT if row.get("error") == "blocked" else None,
            error_code=row.get("error"),
            sender=parse_address(row["from"]) if "from" in row else None,
            recipient=parse_address(row["to"]) if "to" in row else None,
            body=row.get("text"),
            occurred_at=at,
            segments=row.get("segments"),
            verified=verified,
            raw=raw,
        )

    def read_export(self, path: Path) -> Iterator[ExportRow]:
        with path.open(encoding="utf-8", errors="replace") as lines:
            if next(lines, "").strip() != "acme export":
                raise Unreadable(f"{path.name}: not an export of Acme's")
            for number, line in enumerate(lines, 2):
                place = f"line {number}"
                try:
                    yield ExportRow(place, self._event(json.loads(line), "export", True, None))
                except (ValueError, KeyError):
                    yield ExportRow(place, refused="not a message")

    accounts = ("main",)

    def history(
        self, account: str, since: datetime, after: str | None = None
    ) -> Iterator[HistoryPage]:
        yield from ()

    def callback_url(self, public_url: str, key: str, metadata: Mapping[str, str]) -> str:
        return f"{public_url}/webhooks/acme?key={key}"

    def send(self, text: OutgoingText, decision_id: str) -> SendOutcome:
        return SendOutcome(provider_message_id=f"acme-{text.key}")

    def check(self) -> list[Finding]:
        return [Finding("acme", True, "a secret is set")]

    answered_at = None

    def test_callback(self, address: str) -> list[Finding]:
        return [Finding("test callback acme", True, "is taken")]
