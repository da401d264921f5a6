"""The body of a callback, read before its signature can be checked: nothing in it is trusted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from crm_sms.errors import Unreadable
from crm_sms.events import Raw
from crm_sms.ports import WebhookRequest
from crm_sms_twilio.values import clean_text

# Twilio sends about 20 to 40; a million tiny fields in one body would only cost us time.
_MOST_FIELDS = 1000

_ACCOUNT_NAMES = ("AccountSid", "account_sid", "accountSid")


class Form(dict[str, list[str]]):
    """Form parameters with all their values, in the shape the SDK's validator reads fastest."""

    def getall(self, name: str) -> list[str]:
        """The values of one parameter."""
        return self[name]


@dataclass(frozen=True, slots=True)
class Payload:
    """`fields` holds the first value of each parameter; `form` is None for a JSON body."""

    fields: Mapping[str, str]
    form: Form | None
    raw: Raw

    @property
    def account(self) -> str:
        """The AccountSid that the body claims, or an empty text."""
        for name in _ACCOUNT_NAMES:
            if name in self.fields:
                return self.fields[name]
        return ""


def read_payload(request: WebhookRequest) -> Payload:
    """Raises Unreadable for what is neither a UTF-8 form nor UTF-8 JSON.

    Values keep every blank and every space: they are part of what was signed.
    """
    content_type = request.headers.get("content-type", "")
    raw = Raw(request.body, content_type, request.query)
    if content_type.partition(";")[0].strip().lower().endswith("json"):
        return Payload(_json_fields(request.body), None, raw)
    form = _form(request.body)
    return Payload({name: values[0] for name, values in form.items()}, form, raw)


def _form(body: bytes) -> Form:
    form = Form()
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError as error:
        raise Unreadable(_refusal("form", error)) from None
    for name, value in pairs:
        form.setdefault(name, []).append(value)
    return form


def _json_fields(body: bytes) -> dict[str, str]:
    try:
        document = json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise Unreadable(_refusal("JSON", error)) from None
    return scalar_fields(document) if isinstance(document, dict) else {}


def scalar_fields(document: Mapping[str, Any]) -> dict[str, str]:
    """The texts, numbers and truths of a JSON object as texts; null and what nests is left out."""
    return {
        clean_text(name): clean_text(str(value))
        for name, value in document.items()
        if isinstance(value, str | int | float)
    }


def _refusal(kind: str, error: Exception) -> str:
    """Says what failed without the exception's own text, which can quote the body."""
    reason = "it is not UTF-8" if isinstance(error, UnicodeError) else "it is broken or cut off"
    return (
        f"a callback with a {kind} body could not be read: {reason}. Twilio sends it again only "
        "with retries in the callback URL (#rc=3&rp=all); a proxy in between must not change bodies"
    )
