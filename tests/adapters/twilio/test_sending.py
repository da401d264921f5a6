"""A text is handed over once, and what may have left is never called a failure."""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
import responses
from responses import RequestsMock
from urllib3.exceptions import ProtocolError

from crm_sms.errors import MissingExtra
from crm_sms.events import ErrorClass
from crm_sms.ports import OutgoingText, SendOutcome
from crm_sms_twilio import Twilio

SID = "SM" + "7" * 32
CALLBACK = "https://sms.example.com/crm-sms/webhooks/twilio/status?key=m-1#rc=3&rp=all"
TEXT = OutgoingText("m-1", "+12025550123", "+12025550199", "Hello 👋", CALLBACK)
AMBIGUOUS = SendOutcome(error_class=ErrorClass.AMBIGUOUS, ambiguous=True)


@pytest.fixture
def api() -> Iterator[RequestsMock]:
    """Twilio's API, answering what a test says."""
    with RequestsMock() as mock:
        yield mock


@pytest.fixture
def url(account: str) -> str:
    """Where texts are posted."""
    return f"https://api.twilio.com/2010-04-01/Accounts/{account}/Messages.json"


def test_the_request(twilio: Twilio, api: RequestsMock, url: str, account: str) -> None:
    """The parameters, the credentials, and the decision in the callback's query."""
    api.post(url, json={"sid": SID, "status": "queued", "error_code": None}, status=201)
    outcome = twilio.send(TEXT, "d-1")
    assert outcome == SendOutcome(provider_message_id=SID)
    request = api.calls[0].request
    assert request.headers["Authorization"] == requests.auth._basic_auth_str(
        account, "first-token-of-the-account"
    )
    assert parse_qs(str(request.body)) == {
        "To": ["+12025550123"],
        "From": ["+12025550199"],
        "Body": ["Hello 👋"],
        "StatusCallback": [CALLBACK.replace("#", "&decision=d-1#")],
    }


def test_a_messaging_service_is_a_sender(twilio: Twilio, api: RequestsMock, url: str) -> None:
    """A sender that begins with MG goes into the parameter of its own."""
    api.post(url, json={"sid": SID}, status=201)
    service = "MG" + "2" * 32
    twilio.send(OutgoingText("m-1", "+12025550123", service, "Hi", CALLBACK), "d-1")
    form = parse_qs(str(api.calls[0].request.body))
    assert form["MessagingServiceSid"] == [service]
    assert "From" not in form


def test_a_decision_is_required(twilio: Twilio, api: RequestsMock) -> None:
    """Nothing is handed over without the gate."""
    with pytest.raises(ValueError, match="decision"):
        twilio.send(TEXT, "")
    assert not api.calls


@pytest.mark.parametrize(
    ("status", "code", "error_class"),
    [
        (400, 21610, ErrorClass.CONSENT),
        (400, 21211, ErrorClass.INVALID_RECIPIENT),
        (400, 21606, ErrorClass.SENDER_CONFIG),
        (400, 21617, ErrorClass.CONTENT),
        (400, 99999, ErrorClass.UNKNOWN),
        (401, 20003, ErrorClass.AUTH),
        (403, 99998, ErrorClass.AUTH),
        (429, 20429, ErrorClass.RATE),
    ],
)
def test_a_refusal_is_clear(
    twilio: Twilio, api: RequestsMock, url: str, status: int, code: int, error_class: ErrorClass
) -> None:
    """A 4xx with a code was not sent."""
    api.post(url, json={"code": code, "message": "no", "status": status}, status=status)
    expected = SendOutcome(error_code=str(code), error_class=error_class, ambiguous=False)
    assert twilio.send(TEXT, "d-1") == expected


@pytest.mark.parametrize(
    ("status", "error_class"),
    [(401, ErrorClass.AUTH), (429, ErrorClass.RATE), (404, ErrorClass.UNKNOWN)],
)
def test_a_refusal_without_a_code(
    twilio: Twilio, api: RequestsMock, url: str, status: int, error_class: ErrorClass
) -> None:
    """A proxy's HTML has only its status."""
    api.post(url, body="<html>no</html>", status=status)
    assert twilio.send(TEXT, "d-1") == SendOutcome(error_class=error_class)


def test_an_rfc_9457_refusal_is_read(twilio: Twilio, api: RequestsMock, url: str) -> None:
    """The newer form of errors has the same code."""
    body = {"type": "t", "title": "Unsubscribed", "status": 400, "code": 21610}
    api.post(url, json=body, status=400)
    assert twilio.send(TEXT, "d-1").error_class is ErrorClass.CONSENT


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, '{"code": 20500, "message": "oops", "status": 500}'),
        (503, '{"code": 20503, "message": "busy", "status": 503}'),
        (502, "<html>Bad gateway</html>"),
        (504, ""),
        (408, ""),
        (302, "{}"),
        (302, ""),
        (201, ""),
        (201, "<html>Welcome to the hotel</html>"),
        (201, "[]"),
        (201, '{"status": "queued"}'),
        (200, "null"),
        (400, '{"type": "t", "title": "x", "status": "odd", "code": 1}'),
    ],
)
def test_an_unclear_answer_is_ambiguous(
    twilio: Twilio, api: RequestsMock, url: str, status: int, body: str
) -> None:
    """Server errors, redirects, garbage and half answers may follow a text that left."""
    api.post(url, body=body, status=status)
    outcome = twilio.send(TEXT, "d-1")
    assert outcome.ambiguous
    assert outcome.error_class is ErrorClass.AMBIGUOUS
    assert outcome.provider_message_id is None


@pytest.mark.parametrize(
    "error",
    [
        requests.ReadTimeout("slow"),
        requests.ConnectionError(ProtocolError("Connection aborted.")),
        requests.ConnectionError(),
        requests.exceptions.ChunkedEncodingError("cut"),
        requests.exceptions.SSLError("alert"),
    ],
)
def test_a_broken_exchange_is_ambiguous_and_not_repeated(
    twilio: Twilio, api: RequestsMock, url: str, error: Exception
) -> None:
    """After the request left, nothing proves that it did not arrive."""
    api.post(url, body=error)
    assert twilio.send(TEXT, "d-1") == AMBIGUOUS
    assert len(api.calls) == 1


def test_a_request_that_never_left_may_be_repeated(make_twilio: Callable[..., Twilio]) -> None:
    """Nobody listens there, so nobody got the text."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    outcome = make_twilio(base_url=f"http://127.0.0.1:{port}").send(TEXT, "d-1")
    assert outcome == SendOutcome(error_class=ErrorClass.PROVIDER_TRANSIENT, ambiguous=False)


def test_a_server_that_never_answers_is_not_waited_for(make_twilio: Callable[..., Twilio]) -> None:
    """The read time-out holds; without ours the vendor's client waits for ever."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        outcome = make_twilio(base_url=url, read_timeout_s=0.1).send(TEXT, "d-1")
    assert outcome == AMBIGUOUS


def test_a_server_error_is_asked_once(twilio: Twilio, api: RequestsMock, url: str) -> None:
    """No layer below repeats a POST."""
    api.post(url, status=503)
    twilio.send(TEXT, "d-1")
    assert len(api.calls) == 1


def test_the_environment_does_not_move_the_api(
    make_twilio: Callable[..., Twilio],
    api: RequestsMock,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """TWILIO_EDGE and TWILIO_REGION of the process change neither host nor account."""
    for name in ("EDGE", "REGION", "ACCOUNT_SID", "AUTH_TOKEN"):
        monkeypatch.setenv(f"TWILIO_{name}", "sydney")
    api.post(url, json={"sid": SID}, status=201)
    assert make_twilio().send(TEXT, "d-1").provider_message_id == SID


def test_the_named_account_sends(
    make_twilio: Callable[..., Twilio], api: RequestsMock, account: str, url: str
) -> None:
    """With several accounts, sending_account has the say."""
    accounts = {"AC" + "1" * 32: {"auth_token": "one"}, account: {"auth_token": "two"}}
    api.post(url, json={"sid": SID}, status=201)
    twilio = make_twilio(accounts=accounts, sending_account=account)
    assert twilio.send(TEXT, "d-1").provider_message_id == SID


def test_sending_logs_nothing_of_the_text(
    twilio: Twilio, api: RequestsMock, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even at debug level: the vendor's own client logs its requests."""
    caplog.set_level(logging.DEBUG)
    api.add(responses.POST, url, json={"code": 21211, "message": "bad"}, status=400)
    twilio.send(TEXT, "d-1")
    assert "Hello" not in caplog.text
    assert "2025550123" not in caplog.text
    assert "first-token" not in caplog.text


@pytest.mark.parametrize("call", ["send", "check"])
def test_a_missing_library_names_the_extra(
    make_twilio: Callable[..., Twilio], monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Without the vendor's package the message holds the pip command."""
    twilio = make_twilio()
    for name in list(sys.modules):
        if name.startswith(("twilio.rest", "crm_sms_twilio.c", "crm_sms_twilio.sending")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "twilio", None)
    action: dict[str, Callable[[], Any]] = {
        "send": lambda: twilio.send(TEXT, "d-1"),
        "check": twilio.check,
    }
    with pytest.raises(MissingExtra, match=r"pip install 'crm-sms\[twilio\]'"):
        action[call]()
