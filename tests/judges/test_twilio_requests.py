"""What we ask of Twilio, held against Twilio's own OpenAPI."""

from __future__ import annotations

import importlib.util
import json
import warnings
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from crm_sms.errors import TryLater
from crm_sms.events import ErrorClass
from crm_sms.ports import OutgoingText, SendOutcome
from crm_sms_twilio import Twilio

pytestmark = pytest.mark.judges

ACCOUNT = "AC" + "0" * 32
SID = "SM" + "7" * 32
MESSAGE = {
    "sid": SID,
    "direction": "inbound",
    "status": "received",
    "date_sent": "Fri, 20 Nov 2026 10:00:02 +0000",
}
SERVICE = "MG" + "3" * 32
PUBLIC_URL = "https://sms.example.com"


def answer(request: requests.PreparedRequest) -> tuple[int, bytes]:
    """What Twilio says to a request that its OpenAPI allows."""
    if request.method == "POST":
        return 201, json.dumps({"sid": SID, "status": "queued"}).encode()
    url = urlsplit(request.url or "")
    if url.path.endswith("/IncomingPhoneNumbers.json"):
        return 200, b'{"incoming_phone_numbers": []}'
    if url.path.endswith("/Services"):
        return 200, json.dumps(
            {"services": [{"sid": SERVICE}], "meta": {"key": "services"}}
        ).encode()
    if url.path.endswith("/PhoneNumbers"):
        return 200, json.dumps({"phone_numbers": [], "meta": {"key": "phone_numbers"}}).encode()
    if url.path.endswith("/Messages.json"):
        following = f"{url.path}?{url.query}&Page=1&PageToken=PA{SID}"
        first = "PageToken" not in url.query
        page = {"messages": [MESSAGE], "next_page_uri": following if first else None}
        return 200, json.dumps(page).encode()
    return 200, json.dumps({"sid": ACCOUNT, "status": "active"}).encode()


@pytest.fixture(scope="module")
def module(shared: Path) -> ModuleType:
    """The judge's module, by its path."""
    path = shared / "judges/openapi_adapter.py"
    spec = importlib.util.spec_from_file_location("openapi_adapter", path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture(scope="module")
def judge(module: ModuleType, shared: Path) -> Any:
    """Answers 400 to what the OpenAPI does not allow."""
    spec = shared / "data/twilio/twilio_api_v2010.json"
    paths = r"/Accounts/\{(AccountSid|Sid)\}(/Messages|/IncomingPhoneNumbers)?\.json$"
    return _judge(module, spec, paths)


@pytest.fixture(scope="module")
def services_judge(module: ModuleType, shared: Path) -> Any:
    """The same for the host of Messaging Services."""
    spec = shared / "data/twilio/twilio_messaging_v1.json"
    return _judge(module, spec, r"/v1/Services(/\{ServiceSid\}/PhoneNumbers)?$")


def _judge(module: ModuleType, spec: Path, paths: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves the closing to others
        return module.Judge(str(spec), paths=paths, answer=answer)


@pytest.fixture
def twilio(judge: Any, services_judge: Any, monkeypatch: pytest.MonkeyPatch) -> Twilio:
    """The adapter, whose every request goes to the judge."""

    def session() -> requests.Session:
        judged = real()
        judged.mount("https://", judge)
        judged.mount("http://", judge)
        judged.mount("https://messaging.twilio.com", services_judge)
        return judged

    real = requests.Session
    monkeypatch.setattr(requests, "Session", session)
    judge.seen.clear()
    services_judge.seen.clear()
    settings = {"public_url": PUBLIC_URL, "accounts": {ACCOUNT: {"auth_token": "t"}}}
    return Twilio(settings, lambda: datetime(2026, 11, 20, tzinfo=UTC))


@pytest.fixture
def text(twilio: Twilio) -> OutgoingText:
    """A text with everything that one can carry."""
    metadata = {"person_id": "003A", "campaign": "Frühling & more", "arm": "b"}
    url = twilio.callback_url(PUBLIC_URL, "m-1", metadata)
    return OutgoingText("m-1", "+12025550123", "+12025550199", "Hello 👋", url)


@pytest.mark.parametrize("sender", ["+12025550199", "72345", "ACME", "MG" + "a" * 32])
def test_sends_are_allowed(twilio: Twilio, text: OutgoingText, judge: Any, sender: str) -> None:
    """Each kind of sender makes a request that the OpenAPI allows."""
    assert twilio.send(replace(text, sender=sender), "d-1") == SendOutcome(SID)
    url = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    assert judge.seen == [("POST", url, None)]


def test_the_check_is_allowed(twilio: Twilio, judge: Any, services_judge: Any) -> None:
    """So are doctor's questions for the account, its numbers, its services and theirs."""
    assert not [finding for finding in twilio.check() if finding.ok is False]
    seen = [*judge.seen, *services_judge.seen]
    assert [urlsplit(url).path.rpartition("/")[2] for _, url, _ in seen] == [
        f"{ACCOUNT}.json",
        "IncomingPhoneNumbers.json",
        "Services",
        "PhoneNumbers",
    ]
    assert [why for _, _, why in seen] == [None] * 4


def test_the_listing_is_allowed(twilio: Twilio, judge: Any) -> None:
    """Both lists and their further pages: the filter, the largest page, the token."""
    pages = list(twilio.history(ACCOUNT, datetime(2026, 11, 1, tzinfo=UTC)))
    assert [len(page.rows) for page in pages] == [0, 0, 1, 1]
    assert [why for _, _, why in judge.seen] == [None] * 4


def test_a_page_that_is_too_large_is_refused(
    twilio: Twilio, judge: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The judge does look at the parameters of a listing."""
    monkeypatch.setattr("crm_sms_twilio.history.PAGE_SIZE", 1001)
    with pytest.raises(TryLater, match="refuses to list"):
        list(twilio.history(ACCOUNT, datetime(2026, 11, 1, tzinfo=UTC)))
    assert "maximum of 1000" in str(judge.seen[-1][2])


def test_a_broken_send_is_refused(twilio: Twilio, text: OutgoingText, judge: Any) -> None:
    """The judge does refuse, so its yes above means something."""
    outcome = twilio.send(replace(text, sender="MG-not-a-sid"), "d-1")
    assert outcome == SendOutcome(error_class=ErrorClass.UNKNOWN)
    ((_, _, why),) = judge.seen
    assert "MG-not-a-sid" in str(why)
