"""Twilio as the adapter meets it: signed requests, and payloads as its documentation shows them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from crm_sms.ports import WebhookRequest
from crm_sms_twilio import Twilio

ACCOUNT = "AC" + "0123456789abcdef" * 2
TOKEN = "first-token-of-the-account"
PUBLIC_URL = "https://sms.example.com/crm-sms"
NOW = datetime(2026, 11, 20, 15, 48, 22, tzinfo=UTC)

MakeTwilio = Callable[..., Twilio]


def signature(token: str, text: str, digest: str = "sha1") -> str:
    """Base64 of the HMAC, made without the vendor's library, which the adapter uses."""
    return base64.b64encode(hmac.new(token.encode(), text.encode(), digest).digest()).decode()


@dataclass(frozen=True)
class Caller:
    """Calls webhooks as Twilio does; each part of what is signed can be replaced."""

    token: str = TOKEN
    base: str = PUBLIC_URL
    digest: str = "sha1"
    further_headers: tuple[tuple[str, str], ...] = ()

    def form(
        self,
        params: Mapping[str, str] | Sequence[tuple[str, str]],
        path: str = "/webhooks/twilio/status",
        query: str = "",
    ) -> WebhookRequest:
        """A signed POST of a form."""
        pairs = list(params.items() if isinstance(params, Mapping) else params)
        signed = "".join(name + value for name, value in sorted(set(pairs)))
        body = urlencode(pairs).encode()
        return self._request(
            path, query, body, "application/x-www-form-urlencoded; charset=utf-8", signed
        )

    def json(
        self, document: Any, path: str = "/webhooks/twilio/click", query: str = ""
    ) -> WebhookRequest:
        """A signed POST of JSON, its digest in the query."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        digest = f"bodySHA256={hashlib.sha256(body).hexdigest()}"
        query = f"{query}&{digest}" if query else digest
        return self._request(path, query, body, "application/json", "")

    def _request(
        self, path: str, query: str, body: bytes, content_type: str, signed: str
    ) -> WebhookRequest:
        url = self.base + path + (f"?{query}" if query else "")
        headers = {
            "host": "10.0.0.7:8080",
            "content-type": content_type,
            "x-twilio-signature": signature(self.token, url + signed, self.digest),
            **dict(self.further_headers),
        }
        return WebhookRequest("POST", path, query, headers, body)


@pytest.fixture(scope="session")
def account() -> str:
    """The AccountSid that is configured."""
    return ACCOUNT


@pytest.fixture(scope="session")
def now() -> datetime:
    """What the adapter's clock says."""
    return NOW


@pytest.fixture(scope="session")
def sign() -> Callable[..., str]:
    """Signs a text with a token."""
    return signature


@pytest.fixture(scope="session")
def caller() -> Caller:
    """Twilio, holding the account's token and calling the configured URL."""
    return Caller()


@pytest.fixture(scope="session")
def make_twilio() -> MakeTwilio:
    """Builds the adapter; keyword arguments replace settings."""

    def make(**settings: Any) -> Twilio:
        table = {
            "public_url": PUBLIC_URL,
            "accounts": {ACCOUNT: {"auth_token": TOKEN}},
        } | settings
        return Twilio(table, lambda: NOW)

    return make


@pytest.fixture(scope="session")
def twilio(make_twilio: MakeTwilio) -> Twilio:
    """The adapter with one account."""
    return make_twilio()


@pytest.fixture
def status_params() -> dict[str, str]:
    """A status callback as Twilio posts it for a text of a Messaging Service."""
    return {
        "SmsSid": "SM" + "1" * 32,
        "SmsStatus": "delivered",
        "MessageStatus": "delivered",
        "To": "+12025550123",
        "MessagingServiceSid": "MG" + "2" * 32,
        "MessageSid": "SM" + "1" * 32,
        "AccountSid": ACCOUNT,
        "From": "+12025550199",
        "ApiVersion": "2010-04-01",
        "RawDlrDoneDate": "2611201547",
    }


@pytest.fixture
def inbound_params() -> dict[str, str]:
    """An inbound message as Twilio posts it, blank parameters included."""
    return {
        "ToCountry": "US",
        "ToState": "DC",
        "SmsMessageSid": "SM" + "3" * 32,
        "NumMedia": "0",
        "ToCity": "",
        "FromZip": "20001",
        "SmsSid": "SM" + "3" * 32,
        "FromState": "DC",
        "SmsStatus": "received",
        "FromCity": "WASHINGTON",
        "Body": "Yes, call me tomorrow",
        "FromCountry": "US",
        "To": "+12025550199",
        "ToZip": "",
        "NumSegments": "1",
        "MessageSid": "SM" + "3" * 32,
        "AccountSid": ACCOUNT,
        "From": "+12025550123",
        "ApiVersion": "2010-04-01",
    }


@pytest.fixture
def click_params() -> dict[str, str]:
    """A click callback of Link Shortening."""
    return {
        "event_type": "click",
        "sms_sid": "SM" + "1" * 32,
        "to": "+12025550123",
        "from": "+12025550199",
        "link": "https://shop.example.com/spring?utm=sms",
        "click_time": "2026-11-20T15:47:00.000Z",
        "link_created_time": "2026-11-20T15:40:00.000Z",
        "user_agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X)",
        "account_sid": ACCOUNT,
        "messaging_service_sid": "MG" + "2" * 32,
    }


@pytest.fixture
def listed() -> dict[str, Any]:
    """A delivered outbound message as the Messages list shows it."""
    return {
        "account_sid": ACCOUNT,
        "api_version": "2010-04-01",
        "body": "Spring is here",
        "date_created": "Thu, 19 Nov 2026 10:00:00 +0000",
        "date_sent": "Thu, 19 Nov 2026 10:00:02 +0000",
        "date_updated": "Thu, 19 Nov 2026 10:00:05 +0000",
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": "+12025550199",
        "messaging_service_sid": "MG" + "2" * 32,
        "num_media": "0",
        "num_segments": "2",
        "price": "-0.01580",
        "price_unit": "USD",
        "sid": "SM" + "4" * 32,
        "status": "delivered",
        "subresource_uris": {"media": "/2010-04-01/…/Media.json"},
        "to": "+12025550123",
        "uri": "/2010-04-01/…",
    }
