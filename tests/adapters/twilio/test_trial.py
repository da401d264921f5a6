"""A test callback: taken and forgotten if authentic, refused if not; and what answers tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from responses import RequestsMock

from crm_sms.errors import Forged
from crm_sms.ports import Finding, WebhookRequest
from crm_sms_twilio import Twilio
from crm_sms_twilio.trial import MARK

MakeTwilio = Callable[..., Twilio]
ADDRESS = "https://sms.example.com/crm-sms/webhooks/twilio"
URL = f"{ADDRESS}/test"
HEALTH = "https://sms.example.com/crm-sms/healthz"
PATH = "/webhooks/twilio/test"


@pytest.fixture
def trial(account: str) -> dict[str, str]:
    """The fields of a test callback."""
    return {"AccountSid": account, MARK: "x"}


@pytest.mark.parametrize("mode", ["enforce", "report"])
def test_one_that_is_signed_gives_no_event(
    make_twilio: MakeTwilio, caller: Any, trial: dict[str, str], mode: str
) -> None:
    """There is nothing to keep."""
    twilio = make_twilio(signature=mode)
    assert twilio.receive(caller.form(trial, PATH, "key=a%20b"), "test") == []


@pytest.mark.parametrize("mode", ["enforce", "report"])
@pytest.mark.parametrize("header", ["", "AAAA"])
def test_one_that_is_not_is_refused_in_every_mode(
    make_twilio: MakeTwilio, caller: Any, trial: dict[str, str], mode: str, header: str
) -> None:
    """What is only reported on elsewhere would be kept, and this must not be."""
    request: WebhookRequest = caller.form(trial, PATH)
    headers = {**request.headers, "x-twilio-signature": header}
    forged = WebhookRequest("POST", PATH, "", headers, request.body)
    with pytest.raises(Forged, match="test callback"):
        make_twilio(signature=mode).receive(forged, "test")


@pytest.mark.parametrize("name", ["MessageSid", "SmsSid", "SmsMessageSid"])
def test_a_message_is_never_taken_for_a_test(
    twilio: Twilio, caller: Any, trial: dict[str, str], name: str
) -> None:
    """Whatever else it has, and wherever it is posted to."""
    fields = {**trial, name: "SM" + "1" * 32, "MessageStatus": "sent"}
    (event,) = twilio.receive(caller.form(fields, PATH), "test")
    assert event.provider_message_id == "SM" + "1" * 32


@pytest.mark.parametrize("kind", ["status", "inbound", None])
def test_the_mark_alone_is_none(
    twilio: Twilio, caller: Any, trial: dict[str, str], kind: str | None
) -> None:
    """Elsewhere it is a callback that nobody understands, and kept as one."""
    assert len(twilio.receive(caller.form(trial, "/webhooks/twilio"), kind)) == 1


def test_the_kind_alone_is_none(twilio: Twilio, caller: Any, account: str) -> None:
    """Whoever calls there without the mark is kept."""
    assert len(twilio.receive(caller.form({"AccountSid": account}, PATH), "test")) == 1


@pytest.fixture
def web() -> Iterator[RequestsMock]:
    """What answers at public_url."""
    with RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.get(HEALTH, status=200)
        yield mock


class Service:
    """Our service behind a proxy, which may change what it passes on."""

    def __init__(self, twilio: Twilio, change: Callable[[str], str] = lambda query: query) -> None:
        self.twilio = twilio
        self.change = change
        self.seen: list[requests.PreparedRequest] = []

    def __call__(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], bytes]:
        self.seen.append(request)
        parts = urlsplit(str(request.url))
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        passed = WebhookRequest("POST", parts.path, self.change(parts.query), headers, body)
        try:
            events = self.twilio.receive(passed, "test")
        except Forged:
            return 403, {}, b""
        return (500 if events else 204), {}, b""


def the_only(twilio: Twilio) -> Finding:
    """What a test callback shows."""
    (finding,) = twilio.test_callback(ADDRESS)
    return finding


def test_one_that_arrives(twilio: Twilio, web: RequestsMock, account: str) -> None:
    """As it was signed; then one with a wrong signature, which must be refused."""
    service = Service(twilio)
    web.add_callback("POST", URL, service)
    finding = the_only(twilio)
    assert (finding.subject, finding.ok) == (f"test callback {account}", True)
    assert len(service.seen) == 2
    for request in service.seen:
        fields = dict(parse_qsl(str(request.body), keep_blank_values=True))
        assert fields["AccountSid"] == account
        assert not [name for name in fields if name.endswith("Sid") and name != "AccountSid"]
        assert "Authorization" not in request.headers
        assert "first-token" not in str(request.headers) + str(request.body)


def test_every_account_is_tried(make_twilio: MakeTwilio, web: RequestsMock) -> None:
    """Each signs with a token of its own."""
    twilio = make_twilio(accounts={f"AC{digit * 32}": {"auth_token": digit} for digit in "12"})
    web.add_callback("POST", URL, Service(twilio))
    assert [finding.ok for finding in twilio.test_callback(ADDRESS)] == [True, True]


@pytest.mark.parametrize(
    "change",
    [lambda query: query.replace("%20", "+"), lambda query: "", lambda query: query + "&a"],
)
def test_a_proxy_that_changes_the_query(
    twilio: Twilio, web: RequestsMock, change: Callable[[str], str]
) -> None:
    """Found by one without a query, which arrives as it is."""
    web.add_callback("POST", URL, Service(twilio, lambda query: query and change(query)))
    finding = the_only(twilio)
    assert finding.ok is False
    assert "the query arrives changed" in finding.text
    assert "proxy_pass" in finding.remedy


@pytest.mark.parametrize(
    "other",
    [
        {"public_url": "https://old.example.com"},
        {"accounts": {"AC" + "9" * 32: {"auth_token": "t"}}},
    ],
)
def test_a_service_with_other_settings(
    twilio: Twilio, make_twilio: MakeTwilio, web: RequestsMock, other: dict[str, Any]
) -> None:
    """Such as one that was not started again since they were changed."""
    web.add_callback("POST", URL, Service(make_twilio(**other)))
    finding = the_only(twilio)
    assert finding.ok is False
    assert "restart crm-sms serve" in finding.remedy


@pytest.mark.parametrize(
    ("answer", "text", "remedy"),
    [
        ({"status": 204}, "one with a wrong signature is answered 204", "/webhooks/"),
        ({"status": 200, "body": "<Response/>"}, "with a page", "log-in"),
        ({"status": 403, "body": "blocked"}, "something else than crm-sms", "/webhooks/"),
        ({"status": 404}, "does not know this address", "/webhooks/"),
        ({"status": 301, "headers": {"Location": "https://www.example.com/x?y"}},
         "redirected to https://www.example.com", "set public_url"),
        ({"status": 308, "headers": {"Location": "/x/"}}, "to another path", "set public_url"),
        ({"status": 502, "body": "Bad Gateway"}, "nothing behind the proxy", "start crm-sms serve"),
        ({"body": requests.exceptions.SSLError("expired")}, "certificate", "renew the certificate"),
        ({"body": requests.ConnectTimeout()}, "does not answer within 15 s", "firewall"),
        ({"body": requests.ReadTimeout()}, "does not answer within 15 s", "serve runs"),
        ({"body": requests.ConnectionError("no such host")}, "cannot be reached", "public_url"),
    ],
)  # fmt: skip
def test_each_failure_names_its_likely_cause(
    twilio: Twilio, web: RequestsMock, answer: dict[str, Any], text: str, remedy: str
) -> None:
    """And what to do about it."""
    web.post(URL, **answer)
    finding = the_only(twilio)
    assert finding.ok is False
    assert text in finding.text
    assert remedy in finding.remedy


def test_where_nothing_answers_nothing_is_posted(twilio: Twilio, web: RequestsMock) -> None:
    """One look is enough."""
    web.replace("GET", HEALTH, body=requests.ConnectionError("refused"))
    finding = the_only(twilio)
    assert (finding.subject, finding.ok) == ("test callback", False)
    assert len(web.calls) == 1
