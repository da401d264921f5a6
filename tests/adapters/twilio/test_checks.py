"""Doctor's lines on Twilio say what is wrong and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from responses import RequestsMock

from crm_sms.ports import Finding
from crm_sms.sandbox.server import Sandbox
from crm_sms.sandbox.twilio import Configure
from crm_sms.sandbox.twilio.accounts import SENDERS, SERVICE_SID
from crm_sms.sandbox.twilio.senders import number_sid, update_number, update_service
from crm_sms.testing.sandbox import sandbox
from crm_sms_twilio import Twilio

__all__ = ["sandbox"]

MakeTwilio = Callable[..., Twilio]
ANY = re.compile(r"https://(api|messaging)\.twilio\.com/.*")


@pytest.fixture
def api() -> Iterator[RequestsMock]:
    """Twilio's API, answering what a test says."""
    with RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def url(account: str) -> str:
    """Where the account is asked for."""
    return f"https://api.twilio.com/2010-04-01/Accounts/{account}.json"


def of_account(twilio: Twilio) -> list[Finding]:
    """What is said of accounts, without addresses and settings."""
    return [one for one in twilio.check() if re.search("AC[0-9a-f]{32}", one.subject)]


def by_subject(twilio: Twilio) -> dict[str, Finding]:
    """Every finding, whatever account it is about."""
    return {re.sub(" AC[0-9a-f]{32}", "", one.subject): one for one in twilio.check()}


def test_the_addresses_to_set_are_named(twilio: Twilio, api: RequestsMock) -> None:
    """To be copied, whatever Twilio says; with the fragment that has it repeat what failed."""
    api.get(ANY, status=500)
    texts = {one.subject: one.text for one in twilio.check() if one.subject.startswith("twilio: ")}
    base = "https://sms.example.com/crm-sms/webhooks/twilio"
    assert texts == {
        "twilio: a message comes in": f"{base}/inbound#rc=3&rp=all",
        "twilio: primary handler fails": f"{base}/inbound#rc=3&rp=all",
        "twilio: delivery status callback": f"{base}/status#rc=3&rp=all",
        "twilio: link shortening's clicks": f"{base}/click#rc=3&rp=all",
    }


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
    """What Twilio said, and what to do about it; nothing further is asked."""
    api.get(url, json=body, status=status)
    (finding,) = of_account(twilio)
    assert len(api.calls) == 1
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
    (finding,) = of_account(twilio)
    assert finding.ok is False
    assert "network" in finding.remedy


def test_every_account_is_asked_with_its_own_token(
    make_twilio: MakeTwilio, api: RequestsMock
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
    found = of_account(make_twilio(accounts=accounts))
    first, *_, second = [one for one in found if one.subject.startswith("twilio account")]
    assert (first.ok, second.ok) == (True, False)
    assert "2" * 32 in second.subject
    asked = [call.request for call in api.calls if "/Accounts/AC" in str(call.request.url)]
    assert len({request.headers["Authorization"] for request in asked}) == 2


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, requests.ReadTimeout()),
        (403, '{"code": 20003, "status": 403, "message": "secret"}'),
        (200, '{"meta": {"key": "secret"}}'),
    ],
)
def test_senders_that_cannot_be_asked_for_are_a_warning(
    twilio: Twilio, api: RequestsMock, url: str, status: int, body: Any
) -> None:
    """Nothing stops working by that."""
    api.get(url, json={"status": "active"})
    api.get(ANY, status=status, body=body)
    account, senders = of_account(twilio)
    assert account.ok is True
    assert senders.ok is None
    assert senders.remedy
    assert "secret" not in senders.text


def test_less_safe_settings_are_warnings(make_twilio: MakeTwilio, api: RequestsMock) -> None:
    """Report mode and a public URL without TLS work, and are said."""
    api.get(ANY, status=500)
    found = by_subject(make_twilio(signature="report", public_url="http://sms.example.com"))
    for subject in ("twilio signature", "twilio public_url"):
        assert found[subject].ok is None
        assert found[subject].remedy


@pytest.mark.parametrize(
    ("public_url", "ok"),
    [
        ("https://sms.example.com", True),
        ("https://8.8.8.8:8443", True),
        ("https://localhost:8090", False),
        ("http://127.0.0.1:8090", False),
        ("https://10.0.0.7", False),
        ("https://[::1]", False),
        ("https://sms.corp.internal", False),
        ("https://nas.local", False),
    ],
)
def test_an_address_that_twilio_cannot_reach_fails(
    make_twilio: MakeTwilio, api: RequestsMock, public_url: str, ok: bool
) -> None:
    """Unless Twilio is a sandbox on this machine, see below."""
    api.get(ANY, status=500)
    assert by_subject(make_twilio(public_url=public_url))["twilio public_url"].ok is ok


def test_the_time_of_the_last_answer_is_kept(twilio: Twilio, api: RequestsMock, url: str) -> None:
    """By Twilio's clock, also from a refusal; a Date that is none is none."""
    assert twilio.answered_at is None
    api.get(url, status=401, json={}, headers={"Date": "yesterday"})
    twilio.check()
    assert twilio.answered_at is None
    api.replace("GET", url, status=401, json={}, headers={"Date": "Fri, 20 Nov 2026 15:00:09 GMT"})
    twilio.check()
    assert twilio.answered_at == datetime(2026, 11, 20, 15, 0, 9, tzinfo=UTC)


# Against the sandbox, which shows and sets addresses as Twilio does.

OURS = "https://sms.example.com/crm-sms/webhooks/twilio"
RETRIED = f"{OURS}/inbound#rc=3&rp=all"


@pytest.fixture
def patient(sandbox: Sandbox, make_twilio: MakeTwilio) -> Twilio:
    """An installation at the sandbox, whose every sender calls as it should."""
    sandbox.twilio.configure(
        Configure(
            inbound_url=RETRIED, fallback_url=RETRIED, service_status_callback=f"{OURS}/status"
        )
    )
    account = sandbox.twilio.account
    accounts = {account.sid: {"auth_token": account.auth_token}}
    return make_twilio(base_url=sandbox.url, accounts=accounts)


def set_number(sandbox: Sandbox, **form: str) -> str:
    """As an admin does in the console; its sid."""
    account, number = sandbox.twilio.account, SENDERS[1]
    update_number(account, number, {name: [value] for name, value in form.items()})
    return number_sid(account, number)


def set_service(sandbox: Sandbox, **form: str) -> None:
    """The same of the Messaging Service."""
    account = sandbox.twilio.account
    given = {name: [value] for name, value in form.items()}
    update_service(account, account.services[SERVICE_SID], given)


def test_all_is_well(patient: Twilio, sandbox: Sandbox) -> None:
    """Every line is good and has no remedy; it takes four requests and one per service."""
    found = by_subject(patient)
    assert all(one.ok for one in found.values())
    assert not any(one.remedy for one in found.values())
    assert {"twilio account", "twilio token", "twilio replies", "twilio fallback"} <= set(found)
    assert "4 senders" in found["twilio replies"].text  # three numbers, and the service


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "they go nowhere"),
        ("https://other.example.com/hook?token=secret", "they go to other.example.com"),
        (f"{OURS}/inbound", "without #rc=3&rp=all nothing is repeated"),
        ("https://sms.example.com/webhooks/twilio/inbound", "they go to sms.example.com"),
        (f"{OURS}-old/inbound", "they go to sms.example.com"),
    ],
)
def test_a_number_that_calls_elsewhere(
    patient: Twilio, sandbox: Sandbox, url: str, why: str
) -> None:
    """It is named with the end of its number, where it calls without what may be secret there."""
    sid = set_number(sandbox, SmsUrl=url)
    finding = by_subject(patient)["twilio replies"]
    assert finding.ok is None
    assert f"{sid} (…0100): {why}" in finding.text
    assert finding.remedy.endswith(RETRIED)
    assert "secret" not in finding.text
    assert SENDERS[1] not in finding.text
    set_number(sandbox, SmsUrl=RETRIED)
    assert by_subject(patient)["twilio replies"].ok is True


@pytest.mark.parametrize("url", [f"{OURS}#rc=3&rp=all", f"{OURS}/in?a=b#ct=2000&rc=3&rp=all"])
def test_any_of_our_addresses_will_do(patient: Twilio, sandbox: Sandbox, url: str) -> None:
    """The shape of a callback says what it is."""
    set_number(sandbox, SmsUrl=url)
    assert by_subject(patient)["twilio replies"].ok is True


def test_a_service_that_calls_elsewhere(patient: Twilio, sandbox: Sandbox) -> None:
    """It decides for its numbers; if it leaves it to them, they are looked at."""
    set_service(sandbox, InboundRequestUrl="https://other.example.com")
    finding = by_subject(patient)["twilio replies"]
    assert finding.text.count("they go to other.example.com") == 1
    assert SERVICE_SID in finding.text
    set_service(sandbox, UseInboundWebhookOnNumber="true")
    finding = by_subject(patient)["twilio replies"]
    assert finding.ok is True
    assert "5 senders" in finding.text


def test_a_sender_without_a_fallback(patient: Twilio, sandbox: Sandbox) -> None:
    """Its remedy is the address to set."""
    sid = set_number(sandbox, SmsFallbackUrl="")
    finding = by_subject(patient)["twilio fallback"]
    assert finding.ok is None
    assert sid in finding.text
    assert finding.remedy.endswith(RETRIED)


def test_a_service_without_a_status_callback(patient: Twilio, sandbox: Sandbox) -> None:
    """What other systems send through it would stay unknown until it is listed."""
    set_service(sandbox, StatusCallback="")
    finding = by_subject(patient)["twilio status"]
    assert finding.ok is None
    assert f"{OURS}/status#rc=3&rp=all" in finding.remedy


def test_many_senders_are_counted(patient: Twilio, sandbox: Sandbox) -> None:
    """Five are named, so that the line can be read."""
    account = sandbox.twilio.account
    account.senders = tuple(f"+1202555{number:04d}" for number in range(200, 240))
    account.inbound_url = None
    text = by_subject(patient)["twilio replies"].text
    assert text.count("they go nowhere") == 5
    assert text.endswith("and 36 more")


def test_the_secondary_token_signs_nothing(
    make_twilio: MakeTwilio, sandbox: Sandbox, patient: Twilio
) -> None:
    """Twilio lets it in all the same, so only a comparison tells; as a further one it may stay."""
    account = sandbox.twilio.account
    account.secondary_token = "secondary"
    accounts: dict[str, Any] = {account.sid: {"auth_token": "secondary"}}
    found = by_subject(make_twilio(base_url=sandbox.url, accounts=accounts))
    assert found["twilio account"].ok is True
    assert found["twilio token"].ok is False
    assert f"accounts.{account.sid}.auth_token" in found["twilio token"].remedy
    assert account.auth_token not in str(found)
    accounts[account.sid]["further_tokens"] = [account.auth_token]
    found = by_subject(make_twilio(base_url=sandbox.url, accounts=accounts))
    assert found["twilio token"].ok is True


def test_on_a_sandbox_nothing_travels(make_twilio: MakeTwilio, sandbox: Sandbox) -> None:
    """Loopback is well reached from loopback."""
    account = sandbox.twilio.account
    accounts = {account.sid: {"auth_token": account.auth_token}}
    here = make_twilio(base_url=sandbox.url, public_url="http://127.0.0.1:8090", accounts=accounts)
    assert "twilio public_url" not in by_subject(here)
