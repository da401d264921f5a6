"""Access tokens: three ways of signing in, each a form that Salesforce's token host takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import jwt
import requests

from crm_sms.errors import AccessRefused, TryLater
from crm_sms.ports import Clock
from crm_sms_salesforce.faults import Fault, parse_faults
from crm_sms_salesforce.settings import TOKEN_READ_S, Settings, url_problem

JWT_LIFE = timedelta(minutes=2)
"""Salesforce takes at most three; the rest is for clocks that differ."""

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, the instance that takes it, whose it is, and what it may be used for; the
    last two are empty where the org does not say."""

    access_token: str = field(repr=False)
    instance_url: str
    user_id: str = ""
    scopes: frozenset[str] = frozenset()


Form = dict[str, str]


def client_credentials_form(settings: Settings, now: datetime) -> Form:
    """The External Client App signs in as its run-as user."""
    assert settings.client_secret is not None
    return {
        "grant_type": "client_credentials",
        "client_id": settings.client_id,
        "client_secret": settings.client_secret.get_secret_value(),
    }


def jwt_form(settings: Settings, now: datetime) -> Form:
    """A user who pre-authorised the app, by an RS256 signature; there is no refresh token."""
    claims = {
        "iss": settings.client_id,
        "sub": settings.username,
        "aud": f"https://{'test' if settings.sandbox else 'login'}.salesforce.com",
        "exp": int((now + JWT_LIFE).timestamp()),
    }
    assertion = jwt.encode(claims, settings.signing_key, algorithm="RS256")
    return {"grant_type": JWT_GRANT, "assertion": assertion}


def refresh_token_form(settings: Settings, now: datetime) -> Form:
    """A user who consented once; a public client has no secret."""
    assert settings.refresh_token is not None
    form = {
        "grant_type": "refresh_token",
        "client_id": settings.client_id,
        "refresh_token": settings.refresh_token.get_secret_value(),
    }
    if settings.client_secret is not None:
        form["client_secret"] = settings.client_secret.get_secret_value()
    return form


FORMS: Mapping[str, Callable[[Settings, datetime], Form]] = {
    "client_credentials": client_credentials_form,
    "jwt": jwt_form,
    "refresh_token": refresh_token_form,
}

REMEDIES: Mapping[str, str] = {
    "invalid_client_id": "check client_id",
    "invalid_client": "check client_id and client_secret",
    "inactive_user": "activate the run-as user or choose another",
    "invalid_grant": (
        "check the run-as user or username, its pre-authorisation in the External Client App, "
        "the key's certificate, this machine's clock, or the refresh token"
    ),
    "invalid_app_access": "let the run-as user's profile or permission set use the app",
    "unsupported_grant_type": "enable this flow in the External Client App",
    "unauthorized_client": "enable this flow in the External Client App",
}
_DEFAULT_REMEDY = "check login_url, the External Client App and its policies"

_PASSING = ("login rate exceeded", "retry your request")
"""Words in a refusal, lower case, that will pass by themselves."""


class Tokens:
    """Keeps one token until the org refuses it. For one thread at a time. `answered_at` is when
    the token host answered last, by its own clock."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._session = requests.Session()
        self._token: Token | None = None
        self.answered_at: datetime | None = None

    def current(self) -> Token:
        """The token in use, fetched if there is none.

        Raises AccessRefused with the remedy, or TryLater if the token host cannot answer now.
        """
        if self._token is None:
            self._token = self._fetch()
        return self._token

    def forget(self) -> None:
        """The org has refused the token: the next call fetches another."""
        self._token = None

    def _fetch(self) -> Token:
        settings = self._settings
        form = FORMS[settings.auth](settings, self._clock())
        try:
            response = self._session.post(
                f"{settings.login_url}/services/oauth2/token",
                data=form,
                timeout=(settings.connect_timeout_s, TOKEN_READ_S),
                allow_redirects=False,
                auth=_as_it_is,
            )
        except requests.RequestException as error:
            text = f"{settings.login_url} gave no token ({type(error).__name__})"
            raise TryLater(text, wait_s=5) from error
        self.answered_at = parse_date(response.headers.get("Date", ""))
        if response.status_code == 429 or response.status_code >= 500:
            raise TryLater(f"{settings.login_url} answered HTTP {response.status_code}", wait_s=5)
        return self._token_of(response.status_code, json_or_none(response))

    def _token_of(self, status: int, body: object) -> Token:
        if status != 200 or not isinstance(body, Mapping):
            raise _refusal(self._settings.login_url, status, body)
        user_id = str(body.get("id", "")).rpartition("/")[2]  # the URL of who we are
        token = Token(
            str(body.get("access_token", "")),
            str(body.get("instance_url", "")),
            user_id,
            frozenset(str(body.get("scope") or "").split()),
        )
        # The token must not be sent in clear to another machine, whatever the answer says.
        problem = url_problem(token.instance_url, allow_http=self._settings.allow_http)
        if problem or not token.access_token:
            text = f"{self._settings.login_url} gave no usable token or instance ({problem})"
            raise AccessRefused(f"{text}; check login_url")
        return token


def _refusal(host: str, status: int, body: object) -> AccessRefused | TryLater:
    fault = next(iter(parse_faults(body)), Fault(f"HTTP {status}, not in Salesforce's form"))
    if any(words in fault.message.lower() for words in _PASSING):
        return TryLater(f"{host} gave no token: {fault.words}", wait_s=60)
    remedy = REMEDIES.get(fault.code, _DEFAULT_REMEDY)
    return AccessRefused(f"{host} refuses our credentials: {fault.words}; {remedy}")


def parse_date(header: str) -> datetime | None:
    """The instant of a `Date` header: the org's clock, in whole seconds."""
    try:
        return parsedate_to_datetime(header).astimezone(UTC)
    except ValueError:
        return None


def json_or_none(response: requests.Response) -> Any:
    """What an answer holds; None if that is no JSON."""
    try:
        return response.json()
    except ValueError:
        return None


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Without this a .netrc entry for the host would be sent along."""
    return request
