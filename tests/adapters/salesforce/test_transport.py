"""The HTTP session given to simple-salesforce."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import requests
import responses
from urllib3.exceptions import (
    ConnectTimeoutError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from crm_sms.errors import AccessRefused, TryLater, Unclear
from crm_sms.records import Usage
from crm_sms_salesforce.auth import Token, Tokens
from crm_sms_salesforce.settings import load_settings
from crm_sms_salesforce.transport import Session, at_instance, never_left, parse_usage

ORG = "https://acme.my.salesforce.com"
LIMITS = f"{ORG}/services/data/v66.0/limits"
COMPOSITE = f"{ORG}/services/data/v66.0/composite"
LIST_401 = [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}]
OBJECT_401 = {"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}
POOL: Any = None


@pytest.fixture
def org() -> Iterator[responses.RequestsMock]:
    """An org whose token host gives a new token each time."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for number in range(1, 6):
            body = {"access_token": f"token-{number}", "instance_url": ORG}
            mock.post(f"{ORG}/services/oauth2/token", json=body)
        yield mock


@pytest.fixture
def session(good: dict[str, Any], now: datetime) -> Session:
    """A session for client credentials."""
    settings = load_settings(good)
    return Session(settings, Tokens(settings, lambda: now))


def sent(org: responses.RequestsMock, url: str) -> list[Any]:
    """The requests that went to this URL."""
    return [call.request for call in org.calls if str(call.request.url) == url]


def test_reads_and_writes_have_time_outs(org: responses.RequestsMock, session: Session) -> None:
    """A write waits longer than a read, and a time-out that a caller brings is replaced."""
    org.get(LIMITS, json={})
    org.post(COMPOSITE, json={})
    session.request("GET", LIMITS)
    session.request("POST", COMPOSITE, timeout=None)
    assert sent(org, LIMITS)[0].req_kwargs["timeout"] == (10, 60)
    assert sent(org, COMPOSITE)[0].req_kwargs["timeout"] == (10, 120)


def test_our_token_wins_over_the_librarys_and_netrc(
    org: responses.RequestsMock, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library sends the token it was built with, requests would take one from .netrc."""
    monkeypatch.setattr("requests.sessions.get_netrc_auth", lambda url: ("user", "password"))
    org.get(LIMITS, json={})
    session.request("GET", LIMITS, headers={"Authorization": "Bearer old", "X-PrettyPrint": "1"})
    (request,) = sent(org, LIMITS)
    assert request.headers["Authorization"] == "Bearer token-1"
    assert "X-PrettyPrint" not in request.headers


@pytest.mark.parametrize("body", [LIST_401, OBJECT_401, "no json"])
def test_refused_token_is_refreshed_once(
    org: responses.RequestsMock, session: Session, body: Any
) -> None:
    """Whatever a 401 says, a new token is fetched and the request replayed with it."""
    org.get(LIMITS, status=401, json=body)
    org.get(LIMITS, json={"ok": 1})
    assert session.request("GET", LIMITS).json() == {"ok": 1}
    tokens = [request.headers["Authorization"] for request in sent(org, LIMITS)]
    assert tokens == ["Bearer token-1", "Bearer token-2"]
    assert session.calls == 1


def test_a_token_refused_for_ever_is_not_asked_for_for_ever(
    org: responses.RequestsMock, session: Session
) -> None:
    """Two attempts and two tokens, then the admin is asked."""
    org.get(LIMITS, status=401, json=LIST_401)
    with pytest.raises(AccessRefused, match="check the session policies"):
        session.request("GET", LIMITS)
    assert len(org.calls) == 4
    assert session.calls == 0


@pytest.mark.parametrize(("took_s", "attempts"), [(29.9, 2), (30.1, 1)])
def test_a_late_refusal_is_not_replayed(
    org: responses.RequestsMock, good: dict[str, Any], now: datetime, took_s: float, attempts: int
) -> None:
    """A replay that begins late would outlast the lease of the rows: they are retried instead."""
    settings = load_settings(good)
    times = iter([100.0, 100.0 + took_s])
    session = Session(settings, Tokens(settings, lambda: now), lambda: next(times))
    org.post(COMPOSITE, status=401, json=LIST_401)
    org.post(COMPOSITE, json={})
    if attempts == 1:
        with pytest.raises(TryLater, match="too long"):
            session.request("POST", COMPOSITE)
    else:
        session.request("POST", COMPOSITE)
    assert len(sent(org, COMPOSITE)) == attempts


def test_redirects_are_not_followed(org: responses.RequestsMock, session: Session) -> None:
    """A followed POST becomes a GET, and the token may go to another host."""
    org.post(COMPOSITE, status=302, headers={"Location": "https://elsewhere.example/"})
    assert session.request("POST", COMPOSITE).status_code == 302


def test_calls_and_usage_are_kept(org: responses.RequestsMock, session: Session) -> None:
    """Tokens are not counted; the last usage that was said stays."""
    org.get(LIMITS, json={}, headers={"Sforce-Limit-Info": "api-usage=18/5000"})
    org.get(LIMITS, status=500, json={})
    session.request("GET", LIMITS)
    session.request("GET", LIMITS)
    assert session.calls == 2
    assert session.usage == Usage(18, 5000)


@pytest.mark.parametrize(
    ("header", "usage"),
    [
        ("api-usage=18/5000", Usage(18, 5000)),
        ("api-usage=25/5000; per-app-api-usage=17/250(appName=x)", Usage(25, 5000)),
        ("per-app-api-usage=17/250(appName=x); api-usage=25/5000", Usage(25, 5000)),
        ("per-app-api-usage=17/250(appName=x)", None),
        ("api-usage=?", None),
        ("", None),
    ],
)
def test_limit_header(header: str, usage: Usage | None) -> None:
    """The org's own figure is taken, not that of one app."""
    assert parse_usage(header) == usage


@pytest.mark.parametrize(
    ("instance", "url"),
    [
        (ORG, "https://acme.my.salesforce.com/a/b?q=1"),
        ("http://127.0.0.1:4060", "http://127.0.0.1:4060/a/b?q=1"),
        ("https://moved.my.salesforce.com", "https://moved.my.salesforce.com/a/b?q=1"),
    ],
)
def test_requests_go_where_the_token_says(instance: str, url: str) -> None:
    """Scheme and host are the token's, path and query the library's."""
    assert at_instance(f"{ORG}/a/b?q=1", Token("t", instance)) == url


def wrapped(reason: Exception) -> requests.ConnectionError:
    """An error of urllib3 as requests passes it on."""
    return requests.ConnectionError(MaxRetryError(POOL, "/", reason))


@pytest.mark.parametrize(
    "error",
    [
        wrapped(NewConnectionError(POOL, "refused")),
        wrapped(NameResolutionError("acme", POOL, socket.gaierror())),
        requests.ConnectTimeout(MaxRetryError(POOL, "/", ConnectTimeoutError())),
        requests.exceptions.ProxyError(MaxRetryError(POOL, "/", None)),
        requests.exceptions.SSLError(
            MaxRetryError(POOL, "/", SSLError(ssl.SSLCertVerificationError()))
        ),
    ],
)
def test_errors_before_anything_was_sent(error: requests.RequestException) -> None:
    """Without a connection nothing can have been written."""
    assert never_left(error) is True


@pytest.mark.parametrize(
    "error",
    [
        requests.ReadTimeout(ReadTimeoutError(POOL, "/", "slow")),
        requests.ConnectionError(ProtocolError("aborted", ConnectionResetError())),
        requests.exceptions.ChunkedEncodingError(ProtocolError("broken")),
        requests.exceptions.SSLError(MaxRetryError(POOL, "/", SSLError("bad record"))),
        requests.ConnectionError(),
        requests.RequestException("?"),
    ],
)
def test_errors_after_something_may_have_been_sent(error: requests.RequestException) -> None:
    """All else may have reached Salesforce."""
    assert never_left(error) is False


def test_unsent_and_unclear_are_told_apart(org: responses.RequestsMock, session: Session) -> None:
    """What never left may be sent again at once and is no call; the rest is unclear."""
    org.post(COMPOSITE, body=wrapped(NewConnectionError(POOL, "refused")))
    org.post(COMPOSITE, body=requests.ReadTimeout("slow"))
    with pytest.raises(TryLater, match="cannot be reached"):
        session.request("POST", COMPOSITE)
    assert session.calls == 0
    with pytest.raises(Unclear, match="no answer to a POST"):
        session.request("POST", COMPOSITE)
    assert session.calls == 1
