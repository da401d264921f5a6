"""Access tokens: the three forms and what their refusals mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import jwt
import pytest
import requests
import responses
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from crm_sms.errors import AccessRefused, TryLater
from crm_sms_salesforce.auth import FORMS, REMEDIES, Token, Tokens
from crm_sms_salesforce.settings import load_settings

Raw = dict[str, Any]
TOKEN_URL = "https://acme.my.salesforce.com/services/oauth2/token"
GIVEN = {"access_token": "00D!tok", "instance_url": "https://acme.my.salesforce.com"}


@pytest.fixture
def host() -> Iterator[responses.RequestsMock]:
    """A token host that says what a test tells it."""
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def tokens(good: Raw, now: datetime) -> Tokens:
    """Tokens for client credentials."""
    return Tokens(load_settings(good), lambda: now)


def form(raw: Raw, now: datetime) -> dict[str, str]:
    """What would be posted for these settings."""
    settings = load_settings(raw)
    return FORMS[settings.auth](settings, now)


def test_client_credentials(good: Raw, now: datetime) -> None:
    """Id and secret of the app, no user."""
    assert form(good, now) == {
        "grant_type": "client_credentials",
        "client_id": "3MVG9.id",
        "client_secret": "s3cret-value",
    }


def test_refresh_token_with_and_without_secret(good: Raw, now: datetime) -> None:
    """A public client has no secret and sends none."""
    raw = good | {"auth": "refresh_token", "refresh_token": "r-1"}
    expected = {"grant_type": "refresh_token", "client_id": "3MVG9.id", "refresh_token": "r-1"}
    assert form(raw | {"client_secret": None}, now) == expected
    assert form(raw, now) == expected | {"client_secret": "s3cret-value"}


@pytest.mark.parametrize(("sandbox", "host"), [(False, "login"), (True, "test")])
def test_jwt_is_signed_and_short_lived(
    good: Raw, now: datetime, private_key: str, sandbox: bool, host: str
) -> None:
    """RS256, issuer, subject and audience as Salesforce asks, at most three minutes."""
    raw = good | {
        "auth": "jwt",
        "username": "api@acme.example",
        "private_key": private_key,
        "sandbox": sandbox,
    }
    sent = form(raw, now)
    assert sent["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    public = load_pem_private_key(private_key.encode(), None).public_key()
    claims = jwt.decode(
        sent["assertion"],
        public,
        algorithms=["RS256"],
        audience=f"https://{host}.salesforce.com",
        options={"verify_exp": False},
    )
    assert (claims["iss"], claims["sub"]) == ("3MVG9.id", "api@acme.example")
    life = claims["exp"] - now.timestamp()
    assert 0 < life <= timedelta(minutes=3).total_seconds()


def test_token_is_kept_until_it_is_forgotten(tokens: Tokens, host: responses.RequestsMock) -> None:
    """One sign-in serves all calls; after a refusal another is made."""
    host.post(TOKEN_URL, json=GIVEN)
    assert tokens.current() == tokens.current() == Token(**GIVEN)
    assert len(host.calls) == 1
    tokens.forget()
    tokens.current()
    assert len(host.calls) == 2


def test_token_request_has_a_time_out_and_nothing_of_netrc(
    tokens: Tokens, host: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The form alone signs us in: a .netrc entry for the host is not sent along."""
    monkeypatch.setattr("requests.sessions.get_netrc_auth", lambda url: ("user", "password"))
    host.post(TOKEN_URL, json=GIVEN)
    tokens.current()
    request = host.calls[0].request
    assert request.req_kwargs["timeout"] == (10, 20)
    assert "Authorization" not in request.headers


def test_token_is_not_shown() -> None:
    """A token's representation is safe to log."""
    assert "00D!tok" not in repr(Token(**GIVEN))


@pytest.mark.parametrize("status", [400, 401])
@pytest.mark.parametrize("error", sorted(REMEDIES))
def test_refusal_names_the_remedy(
    tokens: Tokens, host: responses.RequestsMock, status: int, error: str
) -> None:
    """What the token host does not accept is for the admin to correct."""
    host.post(TOKEN_URL, status=status, json={"error": error, "error_description": "why"})
    with pytest.raises(AccessRefused) as caught:
        tokens.current()
    assert str(caught.value) == (
        f"https://acme.my.salesforce.com refuses our credentials: {error}: why; {REMEDIES[error]}"
    )


def test_unknown_refusal_names_what_to_check(tokens: Tokens, host: responses.RequestsMock) -> None:
    """A code that is not in the table has a remedy too."""
    host.post(TOKEN_URL, status=400, json={"error": "brand_new"})
    with pytest.raises(AccessRefused, match="brand_new; check login_url"):
        tokens.current()


@pytest.mark.parametrize(("status", "body"), [(404, "<html>"), (302, ""), (200, "<html>")])
def test_host_that_is_not_salesforce(
    tokens: Tokens, host: responses.RequestsMock, status: int, body: str
) -> None:
    """A page instead of a token means a wrong address."""
    host.post(TOKEN_URL, status=status, body=body, headers={"Location": "https://x.example/"})
    with pytest.raises(AccessRefused, match="check login_url"):
        tokens.current()


@pytest.mark.parametrize(
    "body",
    [
        {"access_token": "t", "instance_url": "http://acme.my.salesforce.com"},
        {"access_token": "t", "instance_url": "http://evil.example"},
        {"access_token": "t"},
        {"instance_url": "https://acme.my.salesforce.com"},
        {"access_token": "", "instance_url": "https://acme.my.salesforce.com"},
    ],
)
def test_token_is_not_used_in_clear_or_half(
    tokens: Tokens, host: responses.RequestsMock, body: dict[str, str]
) -> None:
    """An answer that would send the token in clear, or lacks a part, is refused."""
    host.post(TOKEN_URL, json=body)
    with pytest.raises(AccessRefused, match="no usable token"):
        tokens.current()


@pytest.mark.parametrize(
    "arrange",
    [
        lambda host: host.post(TOKEN_URL, status=500),
        lambda host: host.post(TOKEN_URL, status=503, body="down"),
        lambda host: host.post(TOKEN_URL, status=429),
        lambda host: host.post(TOKEN_URL, body=requests.ConnectionError("no route")),
        lambda host: host.post(TOKEN_URL, body=requests.ReadTimeout("slow")),
    ],
)
def test_host_that_cannot_answer_now(
    tokens: Tokens,
    host: responses.RequestsMock,
    arrange: Callable[[responses.RequestsMock], None],
) -> None:
    """Nothing happened, so the same may be tried later."""
    arrange(host)
    with pytest.raises(TryLater) as caught:
        tokens.current()
    assert caught.value.wait_s > 0


@pytest.mark.parametrize("words", ["login rate exceeded", "Retry your request"])
def test_refusals_that_pass(tokens: Tokens, host: responses.RequestsMock, words: str) -> None:
    """Too many sign-ins at once is not a wrong credential."""
    body = {"error": "invalid_grant", "error_description": words}
    host.post(TOKEN_URL, status=400, json=body)
    with pytest.raises(TryLater):
        tokens.current()
