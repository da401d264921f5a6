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

import pytest
import requests

from crm_sms.events import ErrorClass
from crm_sms.ports import OutgoingText, SendOutcome
from crm_sms_twilio import Twilio

pytestmark = pytest.mark.judges

ACCOUNT = "AC" + "0" * 32
SID = "SM" + "7" * 32
PUBLIC_URL = "https://sms.example.com"


def answer(request: requests.PreparedRequest) -> tuple[int, bytes]:
    """What Twilio says to a request that its OpenAPI allows."""
    if request.method == "POST":
        return 201, json.dumps({"sid": SID, "status": "queued"}).encode()
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
    paths = r"/Accounts/\{(AccountSid|Sid)\}(/Messages)?\.json$"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves the closing to others
        return module.Judge(str(spec), paths=paths, answer=answer)


@pytest.fixture
def twilio(judge: Any, monkeypatch: pytest.MonkeyPatch) -> Twilio:
    """The adapter, whose every request goes to the judge."""

    def session() -> requests.Session:
        judged = real()
        judged.mount("https://", judge)
        judged.mount("http://", judge)
        return judged

    real = requests.Session
    monkeypatch.setattr(requests, "Session", session)
    judge.seen.clear()
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


def test_the_check_is_allowed(twilio: Twilio, judge: Any) -> None:
    """So is doctor's question for the account."""
    assert [finding.ok for finding in twilio.check()] == [True] * 4  # account and addresses
    assert [why for _, _, why in judge.seen] == [None]


def test_a_broken_send_is_refused(twilio: Twilio, text: OutgoingText, judge: Any) -> None:
    """The judge does refuse, so its yes above means something."""
    outcome = twilio.send(replace(text, sender="MG-not-a-sid"), "d-1")
    assert outcome == SendOutcome(error_class=ErrorClass.UNKNOWN)
    ((_, _, why),) = judge.seen
    assert "MG-not-a-sid" in str(why)
