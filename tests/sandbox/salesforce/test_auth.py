"""Tokens: every grant, every refusal, what a token is good for."""

from __future__ import annotations

import time as clock
from datetime import UTC
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa

JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def post(api: Any, **form: str) -> tuple[int, dict[str, Any]]:
    answer = requests.post(api.credentials["token_url"], data=form, timeout=10)
    return answer.status_code, answer.json()


def assertion(api: Any, key: Any = None, **claims: Any) -> str:
    """A JWT as the org wants it, with the claims that a test gives instead."""
    known = api.credentials
    if key is None:
        key = requests.get(known["private_key_url"], timeout=10).text
    now = api.sandbox.clock.now().astimezone(UTC).timestamp()
    wanted = {
        "iss": known["client_id"],
        "sub": known["username"],
        "aud": "https://login.salesforce.com",
        "exp": int(now) + 180,
    }
    return jwt.encode(wanted | claims, key, algorithm="RS256")


def works(api: Any, answer: dict[str, Any]) -> bool:
    headers = {"Authorization": f"{answer['token_type']} {answer['access_token']}"}
    url = f"{answer['instance_url']}/services/data/v66.0/limits"
    return requests.get(url, headers=headers, timeout=10).status_code == 200


def test_client_credentials(api: Any) -> None:
    """The answer has the token, the server's own address and what else an org sends."""
    answer = api.token().json()
    assert works(api, answer)
    assert answer["instance_url"] == api.sandbox.url
    wanted = {"access_token", "instance_url", "id", "token_type", "issued_at", "signature", "scope"}
    assert wanted <= set(answer)


def test_client_credentials_by_basic_authentication(api: Any) -> None:
    """Id and secret may come in the Authorization header."""
    known = api.credentials
    answer = requests.post(
        known["token_url"],
        data={"grant_type": "client_credentials"},
        auth=(known["client_id"], known["client_secret"]),
        timeout=10,
    )
    assert works(api, answer.json())


def test_refresh_token(api: Any) -> None:
    """The refresh token gives a new access token, with or without the secret."""
    known = api.credentials
    form = {
        "grant_type": "refresh_token",
        "client_id": known["client_id"],
        "refresh_token": known["refresh_token"],
    }
    assert works(api, post(api, **form)[1])
    assert works(api, post(api, **form, client_secret=known["client_secret"])[1])


def test_jwt_bearer(api: Any) -> None:
    """An assertion signed by the registered key gives a token."""
    status, answer = post(api, grant_type=JWT, assertion=assertion(api))
    assert (status, works(api, answer)) == (200, True)


def test_jwt_bearer_for_the_orgs_own_address(api: Any) -> None:
    """The audience may be the org itself."""
    signed = assertion(api, aud=api.sandbox.url)
    assert post(api, grant_type=JWT, assertion=signed)[0] == 200


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"iss": "somebody"}, "invalid_client_id"),
        ({"sub": "nobody@example.com"}, "invalid_grant"),
        ({"aud": "https://evil.example"}, "invalid_grant"),
        ({"exp": 1}, "invalid_grant"),
        ({"exp": clock.time() + 10**9}, "invalid_grant"),
        ({"exp": None}, "invalid_grant"),
    ],
)
def test_jwt_bearer_refuses_wrong_claims(api: Any, claims: dict[str, Any], error: str) -> None:
    """Issuer, subject, audience and time are checked."""
    status, answer = post(api, grant_type=JWT, assertion=assertion(api, **claims))
    assert (status, answer["error"]) == (400, error)
    assert answer["error_description"]


def test_jwt_bearer_refuses_another_key(api: Any) -> None:
    """A signature by a key that is not registered is no proof."""
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    status, answer = post(api, grant_type=JWT, assertion=assertion(api, other))
    assert (status, answer["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("signed", ["", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
def test_jwt_bearer_refuses_what_is_not_signed(api: Any, signed: str) -> None:
    """Neither rubbish nor the algorithm `none` is an assertion."""
    status, answer = post(api, grant_type=JWT, assertion=signed)
    assert (status, answer["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "invalid_client_id"),
        ({"grant_type": "client_credentials", "client_id": "x"}, "invalid_client_id"),
        ({"grant_type": "client_credentials", "client_id": "*"}, "invalid_client"),
        (
            {"grant_type": "client_credentials", "client_id": "*", "client_secret": "x"},
            "invalid_client",
        ),
        ({"grant_type": "refresh_token", "client_id": "x"}, "invalid_client_id"),
        ({"grant_type": "refresh_token", "client_id": "*"}, "invalid_grant"),
        (
            {"grant_type": "refresh_token", "client_id": "*", "client_secret": "x"},
            "invalid_client",
        ),
    ],
)
def test_wrong_forms(api: Any, form: dict[str, str], error: str) -> None:
    """Each is 400 with `error` and `error_description`; `*` stands for the right client id."""
    known = api.credentials["client_id"]
    filled = {name: known if value == "*" else value for name, value in form.items()}
    status, answer = post(api, **filled)
    assert (status, answer["error"], bool(answer["error_description"])) == (400, error, True)


def test_the_token_endpoint_takes_post_only(api: Any) -> None:
    """GET is 405."""
    assert requests.get(api.credentials["token_url"], timeout=10).status_code == 405


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic eDp5"])
def test_calls_need_a_token(api: Any, header: str) -> None:
    """Without a valid token every call is 401 INVALID_SESSION_ID, as a list."""
    answer = api("GET", "limits", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.json()[0]["errorCode"] == "INVALID_SESSION_ID"


@pytest.mark.parametrize(
    ("scope", "good"), [("refresh_token", False), ("", False), ("web full", True), ("api", True)]
)
def test_a_token_serves_what_its_scope_says(api: Any, scope: str, good: bool) -> None:
    """Without one for the API every call is refused; older tokens stay what they are."""
    known = api.credentials
    form = {"grant_type": "client_credentials"} | {
        name: known[name] for name in ("client_id", "client_secret")
    }
    _, before = post(api, **form)
    api.fault("scopes", scope=scope)
    _, answer = post(api, **form)
    assert answer["scope"] == scope
    assert (works(api, answer), works(api, before)) == (good, True)


def test_tokens_are_not_counted(api: Any) -> None:
    """Neither logins nor refused calls use up the allowance."""
    api.token()
    api("GET", "limits", headers={"Authorization": "Bearer wrong"})
    assert api.sandbox.salesforce.stats()["calls"] == 0
