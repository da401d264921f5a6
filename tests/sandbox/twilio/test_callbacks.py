"""How hard Twilio tries, and what goes over the wire."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from crm_sms.sandbox.twilio.callbacks import Callback, Connection, connection_of, wire

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
URL = "https://hooks.example.com/sms"
CALLBACK = Callback(
    kind="status",
    status="sent",
    account="AC" + "a" * 32,
    sid="SM" + "a" * 32,
    url=f"{URL}?key=1#rc=3&rp=all",
    params=(("MessageStatus", "sent"), ("Body", ""), ("From", "+1202 é")),
    due=NOW,
    token="token-1",
)


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ("", Connection()),
        ("#rc=3&rp=all", Connection(retries=3, retry_on=frozenset({"all"}))),
        ("#rc=0", Connection(retries=0)),
        ("#rp=5xx,rt", Connection(retry_on=frozenset({"5xx", "rt"}))),
        ("#ct=2000&rt=100", Connection(connect_s=2.0, read_s=0.1)),
        ("#rc=6", Connection()),
        ("#rc=-1&ct=99&rt=15001", Connection()),
        ("#rc=many&ct=&rp=", Connection()),
        ("#section-2", Connection()),
    ],
)
def test_overrides(fragment: str, expected: Connection) -> None:
    """What the fragment asks for, within Twilio's bounds; anything else is left out."""
    assert connection_of(URL + fragment) == expected


@given(st.text(max_size=30))
def test_no_fragment_is_an_error(fragment: str) -> None:
    """Whatever stands behind the #, there is a connection within the bounds."""
    connection = connection_of(f"{URL}#{fragment}")
    assert 0 <= connection.retries <= 5
    assert 0.1 <= connection.read_s <= 15


@pytest.mark.parametrize(
    ("policy", "outcome", "retried"),
    [
        ("ct", "connect", True),
        ("ct", "read", False),
        ("ct", "503", False),
        ("rt", "read", True),
        ("5xx", "503", True),
        ("5xx", "404", False),
        ("4xx", "404", True),
        ("4xx,5xx", "503", True),
        ("all", "404", True),
        ("all", "read", True),
        ("all", "204", False),
        ("all", "200", False),
    ],
)
def test_what_is_retried(policy: str, outcome: str, retried: bool) -> None:
    """Only the failures that the policy names, and never a success."""
    connection = Connection(retry_on=frozenset(policy.split(",")))
    assert connection.retries_after(outcome) is retried


def test_the_fragment_is_neither_sent_nor_signed() -> None:
    """The query is both."""
    request = wire(CALLBACK, "secret")
    assert request.url == f"{URL}?key=1"
    signature = request.headers["X-Twilio-Signature"]
    validator = RequestValidator("secret")
    assert validator.validate(request.url, dict(CALLBACK.params), signature)
    assert not validator.validate(CALLBACK.url, dict(CALLBACK.params), signature)


def test_a_form_keeps_empty_values() -> None:
    """Every field arrives as it was signed."""
    request = wire(CALLBACK, "secret")
    sent = parse_qsl(request.body.decode(), keep_blank_values=True)
    assert tuple(sent) == CALLBACK.params
    assert request.headers["I-Twilio-Idempotency-Token"] == "token-1"
    assert request.headers["Content-Type"].startswith("application/x-www-form-urlencoded")


def test_json_is_signed_by_its_digest() -> None:
    """The digest of the raw body is in the query, and the URL alone is signed."""
    request = wire(replace(CALLBACK, as_json=True), "secret")
    assert json.loads(request.body) == dict(CALLBACK.params)
    assert request.url.endswith(f"&bodySHA256={hashlib.sha256(request.body).hexdigest()}")
    signature = request.headers["X-Twilio-Signature"]
    assert RequestValidator("secret").validate(request.url, request.body.decode(), signature)


@pytest.mark.parametrize("as_json", [False, True])
def test_a_truncated_body_no_longer_fits_its_signature(as_json: bool) -> None:
    """Half of it arrives, signed as a whole."""
    whole = wire(replace(CALLBACK, as_json=as_json), "secret")
    cut = wire(replace(CALLBACK, as_json=as_json, spoilt=frozenset({"truncated"})), "secret")
    assert whole.body.startswith(cut.body)
    assert len(cut.body) == len(whole.body) // 2
    assert cut.headers == whole.headers
    body = cut.body.decode() if as_json else dict(parse_qsl(cut.body.decode()))
    signature = cut.headers["X-Twilio-Signature"]
    assert not RequestValidator("secret").validate(cut.url, body, signature)
