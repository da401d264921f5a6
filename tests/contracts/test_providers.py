"""Every provider that we have keeps the contract that we ask of others."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlencode

import pytest

from crm_sms.clock import machine_clock
from crm_sms.ports import SmsProvider, WebhookRequest
from crm_sms.testing.provider_contract import ProviderContract
from crm_sms_twilio import Twilio

ACCOUNT, TOKEN, URL = "AC" + "0" * 32, "a token", "https://sms.example.com"


def signed(kind: str, **params: str) -> WebhookRequest:
    """A callback of Twilio's."""
    path, form = f"/webhooks/twilio/{kind}", {"AccountSid": ACCOUNT, **params}
    text = URL + path + "".join(name + value for name, value in sorted(form.items()))
    mark = base64.b64encode(hmac.new(TOKEN.encode(), text.encode(), hashlib.sha1).digest())
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-twilio-signature": mark.decode(),
    }
    return WebhookRequest("POST", path, "", headers, urlencode(form).encode())


class TestTwilio(ProviderContract):
    """Twilio's adapter."""

    kinds: ClassVar = {"reply": "inbound", "status": "status"}

    @pytest.fixture
    def provider(self) -> SmsProvider:
        accounts = {ACCOUNT: {"auth_token": TOKEN}}
        return Twilio({"public_url": URL, "accounts": accounts}, machine_clock)

    @pytest.fixture
    def callbacks(self) -> Mapping[str, WebhookRequest]:
        ends = {"From": "+12025550123", "To": "+12025550100"}
        reply = {"SmsStatus": "received", "Body": "Yes", **ends}
        return {
            "status": signed("status", MessageSid="SM" + "1" * 32, MessageStatus="sent", **ends),
            "reply": signed("inbound", MessageSid="SM" + "2" * 32, **reply),
        }


class TestAcme(ProviderContract):
    """The adapter of a provider that exists in tests only."""

    @pytest.fixture
    def provider(self, acme: Any) -> SmsProvider:
        adapter: SmsProvider = acme.Acme({"secret": "a secret"}, machine_clock)
        return adapter

    @pytest.fixture
    def callbacks(self, acme: Any) -> Mapping[str, WebhookRequest]:
        def signed(**row: str) -> WebhookRequest:
            body, path = json.dumps(row).encode(), "/webhooks/acme"
            mark = acme.signature("a secret", path, body)
            return WebhookRequest("POST", path, "", {"x-acme-signature": mark}, body)

        return {
            "status": signed(id="1", status="sent"),
            "reply": signed(id="2", text="Yes", **{"from": "+12025550123", "to": "+12025550100"}),
        }
