"""The vendor's own signature vectors, for the adapter that checks and the sandbox that signs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from crm_sms.ports import WebhookRequest
from crm_sms.sandbox.twilio.signature import json_url, sign
from crm_sms_twilio.payload import read_payload
from crm_sms_twilio.settings import read_settings
from crm_sms_twilio.signature import Signatures

pytestmark = pytest.mark.judges

ACCOUNT = "AC" + "0" * 32
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


@pytest.fixture(scope="module")
def vectors(shared: Path) -> Any:
    """The vectors of Twilio's own tests."""
    return json.loads((shared / "data/vectors/twilio_signature.json").read_text())


def accepted(vectors: Any, case: Any, body: bytes, content_type: str) -> bool:
    """Whether the adapter takes this body as signed, called at the case's address."""
    parts = urlsplit(case["uri"])
    accounts = {ACCOUNT: {"auth_token": vectors["token"]}}
    public_url = f"{parts.scheme}://{parts.netloc}"
    settings = read_settings({"public_url": public_url, "accounts": accounts})
    headers = {"content-type": content_type, "x-twilio-signature": case["signature"]}
    request = WebhookRequest("POST", parts.path, parts.query, headers, body)
    return not Signatures(settings).problem(request, ACCOUNT, read_payload(request).form)


def test_the_adapter_accepts_each_vector_and_no_other_body(vectors: Any) -> None:
    """Forms with and without ports, repeated names, a JSON body by its digest."""
    pairs = [tuple(pair) for pair in vectors["duplicates"]["pairs"]]
    cases = [
        *((case, urlencode(vectors["params"]), FORM) for case in vectors["cases"]),
        (vectors["duplicates"], urlencode(pairs), FORM),
        (vectors["json_body"], vectors["json_body"]["body"], JSON),
    ]
    assert len(cases) >= 7
    for case, body, content_type in cases:
        assert accepted(vectors, case, body.encode(), content_type), case
        other = body.encode() + (b" " if content_type == JSON else b"&Further=1")
        assert not accepted(vectors, case, other, content_type), case


def test_the_sandbox_signs_as_the_vectors_are_signed(vectors: Any) -> None:
    """Over one of the spellings of the URL that Twilio uses: with its port, without, with the
    scheme's own."""
    token, params = vectors["token"], vectors["params"].items()
    for case in vectors["cases"]:
        uri = case["uri"]
        ports = {uri.replace("mycompany.com/", f"mycompany.com:{port}/") for port in (80, 443)}
        spellings = {uri, uri.replace(":1234", "")} | ports
        assert case["signature"] in {sign(token, spelling, params) for spelling in spellings}
    repeated = vectors["duplicates"]
    pairs = [tuple(pair) for pair in repeated["pairs"]]
    assert sign(token, repeated["uri"], pairs) == repeated["signature"]
    url = json_url(vectors["uri"], vectors["json_body"]["body"].encode())
    assert sign(token, url) == vectors["json_body"]["signature"]
