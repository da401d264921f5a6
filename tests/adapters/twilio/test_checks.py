"""Doctor's lines on Twilio say what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import requests
from responses import RequestsMock

from crm_sms.ports import Finding
from crm_sms_twilio import Twilio


@pytest.fixture
def api() -> Iterator[RequestsMock]:
    """Twilio's API, answering what a test says."""
    with RequestsMock() as mock:
        yield mock


@pytest.fixture
def url(account: str) -> str:
    """Where the account is asked for."""
    return f"https://api.twilio.com/2010-04-01/Accounts/{account}.json"


def test_good_credentials(twilio: Twilio, api: RequestsMock, url: str, account: str) -> None:
    """One good line, no remedy; then the addresses to set at Twilio, to be copied."""
    api.get(url, json={"sid": account, "status": "active"})
    first, *webhooks = twilio.check()
    assert first == Finding(f"twilio account {account}", True, "the credentials are accepted")
    assert [finding.text.partition("/webhooks/twilio/")[2] for finding in webhooks] == [
        "inbound#rc=3&rp=all",
        "status#rc=3&rp=all",
        "click#rc=3&rp=all",
    ]


@pytest.mark.parametrize(
    ("status", "body", "text", "remedy"),
    [
        (401, {"code": 20003, "status": 401}, "does not accept", "auth_token"),
        (404, {"code": 20404, "status": 404}, "does not know", "AccountSid"),
        (500, {"code": 20500, "status": 500}, "answered 500", "few minutes"),
        (200, {"status": "suspended"}, "suspended", "support"),
        (200, {"status": "closed"}, "closed", "take the account out"),
        (200, [], "without a JSON object", "base_url"),
    ],
)
def test_each_failure_has_a_remedy(
    twilio: Twilio, api: RequestsMock, url: str, status: int, body: object, text: str, remedy: str
) -> None:
    """What Twilio said, and what to do about it."""
    api.get(url, json=body, status=status)
    finding, *webhooks = twilio.check()
    assert len(webhooks) == 3
    assert finding.ok is False
    assert text in finding.text
    assert remedy in finding.remedy
    assert "first-token" not in str(finding)


@pytest.mark.parametrize("error", [requests.ConnectTimeout(), requests.ReadTimeout()])
def test_no_connection_is_a_finding(
    twilio: Twilio, api: RequestsMock, url: str, error: Exception
) -> None:
    """Doctor goes on with the rest."""
    api.get(url, body=error)
    finding, *webhooks = twilio.check()
    assert len(webhooks) == 3
    assert finding.ok is False
    assert "network" in finding.remedy


def test_every_account_is_asked_with_its_own_token(
    make_twilio: Callable[..., Twilio], api: RequestsMock
) -> None:
    """One wrong token does not hide behind a good one."""
    accounts = {"AC" + digit * 32: {"auth_token": digit} for digit in "12"}
    for sid in accounts:
        status = 200 if sid.endswith("1") else 401
        api.get(
            f"https://api.twilio.com/2010-04-01/Accounts/{sid}.json",
            json={"status": "active"},
            status=status,
        )
    first, second, *webhooks = make_twilio(accounts=accounts).check()
    assert (first.ok, second.ok, len(webhooks)) == (True, False, 3)
    assert "2" * 32 in second.subject
    tokens = {call.request.headers["Authorization"] for call in api.calls}
    assert len(tokens) == 2


def test_less_safe_settings_are_warnings(
    make_twilio: Callable[..., Twilio], api: RequestsMock, url: str
) -> None:
    """Report mode and a public URL without TLS work, and are said."""
    api.get(url, json={"status": "active"})
    twilio = make_twilio(signature="report", public_url="http://sms.example.com")
    warnings = [finding for finding in twilio.check() if finding.ok is None]
    assert [finding.subject for finding in warnings] == ["twilio signature", "twilio public_url"]
    assert all(finding.remedy for finding in warnings)
