"""The requests Twilio makes to its customer: what they say, and how they are signed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import parse_qsl, urldefrag, urlencode

from crm_sms.sandbox.twilio.accounts import Account
from crm_sms.sandbox.twilio.signature import json_url, sign
from crm_sms.sandbox.twilio.texts import API_VERSION, Text

#: North American inbound texts come with places; these are the sandbox's.
PLACES = {"City": "WASHINGTON", "State": "DC", "Zip": "20001", "Country": "US"}


@dataclass(frozen=True, slots=True)
class Callback:
    """One request to come; `status` is the text's status that it tells of.

    Twins of one callback share their `token`, as Twilio's do.
    """

    kind: str
    status: str
    account: str
    sid: str
    url: str
    params: tuple[tuple[str, str], ...]
    due: datetime
    token: str
    as_json: bool = False
    spoilt: frozenset[str] = field(default=frozenset())


@dataclass(frozen=True, slots=True)
class Wire:
    """A request as it goes out."""

    url: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Connection:
    """How hard Twilio tries, from the fragment of the URL: seconds, retries, and after what."""

    connect_s: float = 5.0
    read_s: float = 15.0
    retries: int = 1
    retry_on: frozenset[str] = frozenset({"ct"})

    def retries_after(self, outcome: str) -> bool:
        """Whether an answer's status, or `connect` or `read`, is one to retry."""
        reason = {"connect": "ct", "read": "rt"}.get(outcome, f"{outcome[0]}xx")
        return outcome[0] != "2" and bool({reason, "all"} & self.retry_on)


def connection_of(url: str) -> Connection:
    """Reads the overrides `#ct=…&rt=…&rc=…&rp=…`; what is malformed or out of range is left out."""
    given = dict(parse_qsl(urldefrag(url).fragment))
    numbers = {name: int(value) for name, value in given.items() if value.isdecimal()}
    connection = Connection()
    if 100 <= numbers.get("ct", 0) <= 10_000:
        connection = replace(connection, connect_s=numbers["ct"] / 1000)
    if 100 <= numbers.get("rt", 0) <= 15_000:
        connection = replace(connection, read_s=numbers["rt"] / 1000)
    if 0 <= numbers.get("rc", -1) <= 5:
        connection = replace(connection, retries=numbers["rc"])
    if given.get("rp"):
        connection = replace(connection, retry_on=frozenset(given["rp"].split(",")))
    return connection


def wire(callback: Callback, secret: str) -> Wire:
    """The request with its signature; the fragment is neither sent nor signed."""
    url = urldefrag(callback.url).url
    if callback.as_json:
        body = json.dumps(dict(callback.params)).encode()
        url = json_url(url, body)
        content_type, signature = "application/json", sign(secret, url)
    else:
        body = urlencode(callback.params).encode()
        content_type = "application/x-www-form-urlencoded; charset=utf-8"
        signature = sign(secret, url, callback.params)
    if "truncated" in callback.spoilt:
        body = body[: len(body) // 2]
    headers = {
        "Content-Type": content_type,
        "User-Agent": "TwilioProxy/1.1",
        "X-Twilio-Signature": signature,
        "I-Twilio-Idempotency-Token": callback.token,
    }
    return Wire(url, body, headers)


def status_params(text: Text) -> tuple[tuple[str, str], ...]:
    """The fields of a status callback. They hold no time of the event, and no body."""
    params = {
        "MessageSid": text.sid,
        "MessageStatus": text.status,
        "SmsSid": text.sid,
        "SmsStatus": text.status,
        "AccountSid": text.account,
        "From": text.from_ or "",
        "To": text.to,
        "ApiVersion": API_VERSION,
    }
    if text.service:
        params["MessagingServiceSid"] = text.service
    if text.error_code is not None:
        params["ErrorCode"] = str(text.error_code)
    if text.status in ("delivered", "undelivered"):
        params["RawDlrDoneDate"] = text.updated.strftime("%y%m%d%H%M")
    return tuple(params.items())


def inbound_params(text: Text, opt_out: str | None) -> tuple[tuple[str, str], ...]:
    """The fields of an inbound text; `opt_out` is there with Advanced Opt-Out only."""
    params = {
        "ToCountry": PLACES["Country"],
        **{f"From{name}": value for name, value in PLACES.items()},
        "SmsMessageSid": text.sid,
        "NumMedia": str(len(text.media)),
        "SmsSid": text.sid,
        "SmsStatus": "received",
        "Body": text.body,
        "To": text.to,
        "NumSegments": str(text.segments),
        "MessageSid": text.sid,
        "AccountSid": text.account,
        "From": text.from_ or "",
        "ApiVersion": API_VERSION,
    }
    for number, url in enumerate(text.media):
        params |= {f"MediaUrl{number}": url, f"MediaContentType{number}": "image/jpeg"}
    if text.service:
        params["MessagingServiceSid"] = text.service
    if opt_out:
        params["OptOutType"] = opt_out
    return tuple(params.items())


def click_params(
    text: Text, account: Account, link: str, user_agent: str, event_type: str, at: datetime
) -> tuple[tuple[str, str], ...]:
    """The fields of link shortening's direct callback."""
    return (
        ("event_type", event_type),
        ("sms_sid", text.sid),
        ("to", text.to),
        ("from", text.from_ or ""),
        ("link", link),
        ("click_time", at.isoformat()),
        ("link_created_time", text.created.isoformat()),
        ("user_agent", user_agent),
        ("account_sid", account.sid),
        ("messaging_service_sid", text.service or ""),
    )
