"""Callbacks are believed only when Twilio signed them."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import structlog

from crm_sms.errors import Forged, MissingExtra
from crm_sms.ports import WebhookRequest
from crm_sms_twilio import Twilio
from crm_sms_twilio.payload import read_payload
from crm_sms_twilio.settings import read_settings
from crm_sms_twilio.signature import Signatures

SUBACCOUNT = "AC" + "f" * 32
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def vectors(shared: Path) -> dict[str, Any]:
    """The vectors of the vendor's own tests."""
    text = (shared / "data/vectors/twilio_signature.json").read_text()
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def problem(vectors: dict[str, Any], uri: str, given: str, body: bytes, content: str) -> str:
    """What the adapter's check says of a request to `uri`, whose origin is the public URL."""
    account = "AC" + "0" * 32
    parts = urlsplit(uri)
    settings = read_settings(
        {
            "public_url": f"{parts.scheme}://{parts.netloc}",
            "accounts": {account: {"auth_token": vectors["token"]}},
        }
    )
    headers = {"content-type": content, "x-twilio-signature": given}
    request = WebhookRequest("POST", parts.path, parts.query, headers, body)
    return Signatures(settings).problem(request, account, read_payload(request).form)


def test_the_vendors_vectors_pass(vectors: dict[str, Any]) -> None:
    """Forms verify with and without ports, as in the vendor's tests."""
    body = urlencode(vectors["params"]).encode()
    for case in vectors["cases"]:
        said = problem(vectors, case["uri"], case["signature"], body, FORM)
        assert (said == "") is case["valid"], case["what"]


def test_the_vendors_vectors_fail_when_a_value_changes(vectors: dict[str, Any]) -> None:
    """The same vectors with one digit changed are refused."""
    body = urlencode(vectors["params"] | {"Digits": "1235"}).encode()
    for case in vectors["cases"]:
        assert problem(vectors, case["uri"], case["signature"], body, FORM), case["what"]


def test_the_vector_with_repeated_keys_passes(vectors: dict[str, Any]) -> None:
    """Repeated keys are signed sorted and once."""
    case = vectors["duplicates"]
    body = urlencode([tuple(pair) for pair in case["pairs"]]).encode()
    assert problem(vectors, case["uri"], case["signature"], body, FORM) == ""


def test_the_vector_with_a_json_body_passes(vectors: dict[str, Any]) -> None:
    """A JSON body counts through its digest in the query."""
    case = vectors["json_body"]
    body = case["body"].encode()
    assert problem(vectors, case["uri"], case["signature"], body, "application/json") == ""


def test_the_vector_with_a_json_body_fails_when_the_body_changes(vectors: dict[str, Any]) -> None:
    """A digest that does not fit the body is refused though the URL is signed."""
    case = vectors["json_body"]
    body = case["body"].encode() + b" "
    assert "bodySHA256" in problem(
        vectors, case["uri"], case["signature"], body, "application/json"
    )


def test_a_good_signature_is_accepted(
    twilio: Twilio, caller: Any, status_params: dict[str, str]
) -> None:
    """A signed callback becomes a verified event."""
    (event,) = twilio.receive(caller.form(status_params, query="key=m-1"), "status")
    assert event.verified


def test_a_tampered_body_is_refused(
    twilio: Twilio, caller: Any, status_params: dict[str, str]
) -> None:
    """A changed value no longer fits."""
    request = caller.form(status_params)
    forged = replace(request, body=request.body.replace(b"delivered", b"undelivered"))
    with pytest.raises(Forged):
        twilio.receive(forged, "status")


def test_an_added_parameter_is_refused(
    twilio: Twilio, caller: Any, status_params: dict[str, str]
) -> None:
    """All parameters are signed, those we do not read as well."""
    request = caller.form(status_params)
    with pytest.raises(Forged):
        twilio.receive(replace(request, body=request.body + b"&Unheard=1"), "status")


@pytest.mark.parametrize(
    ("name", "value"),
    [("query", "key=m-2"), ("query", ""), ("path", "/webhooks/twilio/inbound")],
)
def test_a_tampered_url_is_refused(
    twilio: Twilio, caller: Any, status_params: dict[str, str], name: str, value: str
) -> None:
    """Our key cannot be replaced, nor the path."""
    request = replace(caller.form(status_params, query="key=m-1"), **{name: value})
    with pytest.raises(Forged):
        twilio.receive(request, "status")


def test_a_wrong_token_is_refused(
    twilio: Twilio, caller: Any, status_params: dict[str, str]
) -> None:
    """Another account's token does not sign for this one."""
    with pytest.raises(Forged):
        twilio.receive(replace(caller, token="another").form(status_params), "status")


@pytest.mark.parametrize("given", [None, "", "é", "\udc80", "RSOYDt4T1cUTdK1PDd93/VVr8B8="])
def test_a_missing_or_strange_signature_is_refused(
    twilio: Twilio, caller: Any, status_params: dict[str, str], given: str | None
) -> None:
    """No header and headers that are not ASCII are Forged, not errors of ours."""
    request = caller.form(status_params)
    headers = dict(request.headers) | {"x-twilio-signature": given}
    if given is None:
        del headers["x-twilio-signature"]
    with pytest.raises(Forged):
        twilio.receive(replace(request, headers=headers), "status")


def test_each_token_in_a_rotation_is_accepted(
    make_twilio: Callable[..., Twilio], caller: Any, account: str, status_params: dict[str, str]
) -> None:
    """The old and the new token verify while the settings name both."""
    twilio = make_twilio(accounts={account: {"auth_token": "new", "further_tokens": ["old"]}})
    for token in ("new", "old"):
        assert twilio.receive(replace(caller, token=token).form(status_params), "status")
    with pytest.raises(Forged):
        twilio.receive(replace(caller, token="older").form(status_params), "status")


def test_the_account_in_the_payload_chooses_the_token(
    make_twilio: Callable[..., Twilio], caller: Any, account: str, status_params: dict[str, str]
) -> None:
    """A subaccount signs with its own token, and its parent's does not do for it."""
    twilio = make_twilio(
        accounts={account: {"auth_token": "parent"}, SUBACCOUNT: {"auth_token": "child"}}
    )
    params = status_params | {"AccountSid": SUBACCOUNT}
    (event,) = twilio.receive(replace(caller, token="child").form(params), "status")
    assert event.account == SUBACCOUNT
    with pytest.raises(Forged):
        twilio.receive(replace(caller, token="parent").form(params), "status")


@pytest.mark.parametrize("claimed", ["", SUBACCOUNT, "AC\x00", None])
def test_an_unknown_account_is_refused(
    twilio: Twilio, caller: Any, status_params: dict[str, str], claimed: str | None
) -> None:
    """A signature proves nothing without an account of ours."""
    params = {name: value for name, value in status_params.items() if name != "AccountSid"}
    if claimed is not None:
        params["AccountSid"] = claimed
    with pytest.raises(Forged, match="AccountSid"):
        twilio.receive(caller.form(params), "status")


def test_the_host_header_is_not_trusted(
    twilio: Twilio, caller: Any, status_params: dict[str, str]
) -> None:
    """Behind a TLS proxy the request's own host says nothing; a signature over it fails."""
    inside = replace(caller, base="http://10.0.0.7:8080").form(status_params)
    with pytest.raises(Forged):
        twilio.receive(inside, "status")


def test_forwarded_headers_are_not_trusted(
    twilio: Twilio, caller: Any, status_params: dict[str, str]
) -> None:
    """Nobody moves the URL by a header."""
    request = replace(caller, base="https://evil.example.net").form(status_params)
    headers = dict(request.headers) | {
        "x-forwarded-host": "evil.example.net",
        "x-forwarded-proto": "https",
    }
    with pytest.raises(Forged):
        twilio.receive(replace(request, headers=headers), "status")


@pytest.mark.parametrize("prefix", ["", "/crm-sms"])
def test_the_prefix_may_be_cut_off_by_the_proxy_or_not(
    twilio: Twilio, caller: Any, status_params: dict[str, str], prefix: str
) -> None:
    """The public URL's path counts once, whether or not the proxy passes it on."""
    signed = caller.form(status_params, "/webhooks/twilio_eu/status")
    request = replace(signed, path=prefix + signed.path)
    assert twilio.receive(request, "status")[0].verified


def test_a_public_url_without_a_path_works(
    make_twilio: Callable[..., Twilio], caller: Any, status_params: dict[str, str]
) -> None:
    """A service at the root of a host is the plain case; a last slash does not count."""
    twilio = make_twilio(public_url="https://sms.example.com/")
    request = replace(caller, base="https://sms.example.com").form(
        status_params, "/webhooks/twilio"
    )
    assert twilio.receive(request, None)[0].verified


@pytest.mark.parametrize(
    ("public_url", "signed"),
    [
        ("https://sms.example.com", "https://sms.example.com:443"),
        ("https://sms.example.com:8443", "https://sms.example.com"),
        ("https://sms.example.com:8443", "https://sms.example.com:8443"),
        ("http://sms.example.com", "http://sms.example.com:80"),
        ("http://127.0.0.1:4010", "http://127.0.0.1:4010"),
        ("http://[::1]:4010", "http://[::1]:4010"),
    ],
)
def test_ports_may_be_signed_or_not(
    make_twilio: Callable[..., Twilio],
    caller: Any,
    status_params: dict[str, str],
    public_url: str,
    signed: str,
) -> None:
    """Twilio's back end signs the URL now with the port, now without."""
    request = replace(caller, base=signed).form(status_params)
    assert make_twilio(public_url=public_url).receive(request, "status")[0].verified


def test_another_port_is_refused(
    make_twilio: Callable[..., Twilio], caller: Any, status_params: dict[str, str]
) -> None:
    """Only the configured port and none at all are tried."""
    request = replace(caller, base="https://sms.example.com:444").form(status_params)
    with pytest.raises(Forged):
        make_twilio(public_url="https://sms.example.com:443").receive(request, "status")


def test_a_json_body_is_verified_by_its_digest(
    twilio: Twilio, caller: Any, click_params: dict[str, str]
) -> None:
    """The digest is in the signed URL, so the body is covered."""
    assert twilio.receive(caller.json(click_params), "click")[0].verified


def test_a_json_body_other_than_its_digest_is_refused(
    twilio: Twilio, caller: Any, click_params: dict[str, str]
) -> None:
    """The URL's signature is good, the body is not the one it speaks of."""
    request = caller.json(click_params)
    changed = replace(request, body=request.body.replace(b"spring", b"winter"))
    with pytest.raises(Forged, match="bodySHA256"):
        twilio.receive(changed, "click")


def test_a_json_body_without_digest_is_refused(
    twilio: Twilio, caller: Any, click_params: dict[str, str], sign: Callable[..., str]
) -> None:
    """The vendor's validator raises TypeError here; ours refuses."""
    request = caller.json(click_params)
    url = f"{caller.base}{request.path}?x=1"
    headers = dict(request.headers) | {"x-twilio-signature": sign(caller.token, url)}
    with pytest.raises(Forged):
        twilio.receive(replace(request, query="x=1", headers=headers), "click")


def test_a_digest_in_the_query_of_a_form_does_not_replace_its_parameters(
    twilio: Twilio, caller: Any, status_params: dict[str, str], sign: Callable[..., str]
) -> None:
    """A signed JSON URL cannot carry a forged form."""
    request = caller.form(status_params)
    query = f"bodySHA256={hashlib.sha256(request.body).hexdigest()}"
    over_url_alone = sign(caller.token, f"{caller.base}{request.path}?{query}")
    headers = dict(request.headers) | {"x-twilio-signature": over_url_alone}
    with pytest.raises(Forged):
        twilio.receive(replace(request, query=query, headers=headers), "status")


@pytest.mark.parametrize(
    ("settings_header", "accepted"),
    [
        ("key=webhooks_sharedkey_1,algorithm=HMAC_SHA256", True),
        ("algorithm=HMAC_SHA256, key=webhooks_sharedkey_1", True),
        ("key=webhooks_sharedkey_2,algorithm=HMAC_SHA256", False),
        ("key=webhooks_sharedkey_1,algorithm=HMAC_SHA1", False),
        ("key=webhooks_sharedkey_1", False),
        ("rubbish", False),
    ],
)
def test_shared_keys_sign_with_sha256_only(
    make_twilio: Callable[..., Twilio],
    caller: Any,
    account: str,
    status_params: dict[str, str],
    settings_header: str,
    accepted: bool,
) -> None:
    """The header names the key, and the algorithm is bound to it."""
    keys = {"webhooks_sharedkey_1": "shared"}
    twilio = make_twilio(accounts={account: {"auth_token": "t", "shared_keys": keys}})
    header = ("x-twilio-webhooks-signature-settings", settings_header)
    shared = replace(caller, token="shared", digest="sha256", further_headers=(header,))
    request = shared.form(status_params)
    if accepted:
        assert twilio.receive(request, "status")[0].verified
    else:
        with pytest.raises(Forged):
            twilio.receive(request, "status")


def test_a_shared_key_without_its_header_does_not_sign(
    make_twilio: Callable[..., Twilio], caller: Any, account: str, status_params: dict[str, str]
) -> None:
    """Without the header only tokens and SHA-1 count."""
    twilio = make_twilio(accounts={account: {"auth_token": "t", "shared_keys": {"k": "shared"}}})
    with pytest.raises(Forged):
        twilio.receive(replace(caller, token="shared", digest="sha256").form(status_params), None)


def test_report_mode_keeps_what_does_not_verify(
    make_twilio: Callable[..., Twilio],
    caller: Any,
    status_params: dict[str, str],
) -> None:
    """In report mode a bad signature gives the same event, unverified, and the log says why."""
    twilio = make_twilio(signature="report")
    params = status_params | {"AccountSid": SUBACCOUNT}
    with structlog.testing.capture_logs() as logs:
        (event,) = twilio.receive(replace(caller, token="another").form(params), "status")
    assert not event.verified
    assert event.account == SUBACCOUNT
    assert event.provider_status == "delivered"
    assert [log["reason"] for log in logs] == [
        "its AccountSid is not among the configured accounts"
    ]


def test_report_mode_marks_what_verifies(
    make_twilio: Callable[..., Twilio], caller: Any, status_params: dict[str, str]
) -> None:
    """Report mode still tells good from bad."""
    assert make_twilio(signature="report").receive(caller.form(status_params), None)[0].verified


def test_an_unverified_event_cannot_take_the_place_of_a_verified_one(
    make_twilio: Callable[..., Twilio], caller: Any, status_params: dict[str, str]
) -> None:
    """The ledger keeps the first event of a key: a forgery must not have the authentic key."""
    twilio = make_twilio(signature="report")
    (forged,) = twilio.receive(replace(caller, token="another").form(status_params), "status")
    (authentic,) = twilio.receive(caller.form(status_params), "status")
    assert forged.key != authentic.key


def test_no_secret_shows(
    make_twilio: Callable[..., Twilio],
    caller: Any,
    account: str,
    status_params: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither repr nor errors nor logs hold a token."""
    caplog.set_level(logging.DEBUG)
    twilio = make_twilio(accounts={account: {"auth_token": "s3cret", "further_tokens": ["t0ken"]}})
    with pytest.raises(Forged) as caught:
        twilio.receive(caller.form(status_params), "status")
    shown = f"{twilio!r} {vars(twilio)!r} {caught.value!r} {caplog.text}"
    assert "s3cret" not in shown
    assert "t0ken" not in shown
    assert "+12025550123" not in str(caught.value)


def test_a_missing_library_names_the_extra(
    make_twilio: Callable[..., Twilio], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the vendor's package the message holds the pip command."""
    monkeypatch.setitem(sys.modules, "twilio", None)
    monkeypatch.setitem(sys.modules, "twilio.request_validator", None)
    with pytest.raises(MissingExtra, match=r"pip install 'crm-sms\[twilio\]'"):
        make_twilio()


def test_a_refusal_names_the_url_that_was_expected(
    twilio: Twilio, caller: Any, status_params: dict[str, str]
) -> None:
    """Most refusals of honest callbacks are a wrong public_url, which the message shows."""
    request = replace(caller, base="https://old.example.com").form(status_params)
    with pytest.raises(Forged, match=r"called at https://sms\.example\.com/crm-sms"):
        twilio.receive(request, "status")
