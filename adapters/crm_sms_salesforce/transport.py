"""The HTTP session given to simple-salesforce: time-outs, tokens, one refresh, call counting."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError, SSLError

from crm_sms.errors import AccessRefused, TryLater, Unclear
from crm_sms.records import Usage
from crm_sms_salesforce.auth import Token, Tokens, json_or_none, parse_date
from crm_sms_salesforce.faults import ApiError, parse_faults
from crm_sms_salesforce.refusals import raise_if_refused
from crm_sms_salesforce.settings import Settings

_COUNTED = "/services/data/v"  # the list of versions above it is open to all and free

_API_USAGE = re.compile(r"(?:^|[^-])\bapi-usage=(\d+)/(\d+)")


class Session(requests.Session):
    """Sends each request to the instance that the token names, with a time-out.

    Raises TryLater for a request that never left, Unclear for one that left and got no answer,
    AccessRefused for a 401 that a new token does not mend. `calls` leaves out tokens, requests
    that never left, and those refused with a 401. `answered_at` is when the org answered the last
    one by its own clock, None if it did not or does not say so.
    """

    def __init__(
        self,
        settings: Settings,
        tokens: Tokens,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._tokens = tokens
        self._monotonic = monotonic
        self.calls = 0
        self.usage: Usage | None = None
        self.answered_at: datetime | None = None

    def request(
        self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """Like requests' own; a 401 is replayed once, since a refused token executed nothing."""
        started = self._monotonic()
        response = self._once(str(method), str(url), *args, **kwargs)
        if response.status_code != 401:
            return response
        self._tokens.forget()
        self._tokens.current()
        # Whoever leased the rows reckons with one attempt: a replay that began late would still be
        # under way when another worker writes them.
        if self._monotonic() - started > self._settings.prelude_s:
            raise TryLater("Salesforce took too long to refuse a token")
        response = self._once(str(method), str(url), *args, **kwargs)
        if response.status_code == 401:
            self._tokens.forget()
            raise_if_refused(ApiError(401, parse_faults(json_or_none(response))))
            raise AccessRefused(
                "Salesforce refuses a token it has just given (HTTP 401): check the session "
                "policies and IP ranges of the External Client App and the run-as user"
            )
        return response

    def _once(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:
        token = self._tokens.current()
        kwargs |= {
            "timeout": self._timeout(method),
            "allow_redirects": False,
            "auth": _Bearer(token),
            "headers": _without_pretty_print(kwargs.get("headers")),
        }
        try:
            self.answered_at = None
            response = super().request(method, at_instance(url, token), *args, **kwargs)
        except requests.RequestException as error:
            raise self._broken(method, error) from error
        self.calls += response.status_code != 401 and _COUNTED in url
        self.usage = parse_usage(response.headers.get("Sforce-Limit-Info", "")) or self.usage
        self.answered_at = parse_date(response.headers.get("Date", ""))
        return response

    def _timeout(self, method: str) -> tuple[float, float]:
        settings = self._settings
        read = settings.read_timeout_s if method == "GET" else settings.write_timeout_s
        return settings.connect_timeout_s, read

    def _broken(self, method: str, error: requests.RequestException) -> TryLater | Unclear:
        name = type(error).__name__
        if never_left(error):
            return TryLater(f"Salesforce cannot be reached ({name})", wait_s=5)
        self.calls += 1
        return Unclear(f"Salesforce gave no answer to a {method} ({name})")


class _Bearer(requests.auth.AuthBase):
    """Sets the token on each request: the library keeps the one it was built with, and requests
    would prefer a .netrc entry to a header."""

    def __init__(self, token: Token) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token.access_token}"
        return request


def at_instance(url: str, token: Token) -> str:
    """The URL at the token's instance. The library hard-codes https and keeps its first instance;
    the token's may be plain http on this machine, or have moved."""
    instance = urlsplit(token.instance_url)
    return urlunsplit((instance.scheme, instance.netloc, *urlsplit(url)[2:]))


def parse_usage(header: str) -> Usage | None:
    """Calls used and allowed, from `api-usage=18/5000; per-app-api-usage=17/250(appName=x)`."""
    found = _API_USAGE.search(header)
    return Usage(int(found[1]), int(found[2])) if found else None


def never_left(error: requests.RequestException) -> bool:
    """Whether it is certain that the request was not sent: no connection was made."""
    if isinstance(error, requests.exceptions.ProxyError | requests.exceptions.InvalidJSONError):
        return True
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    if isinstance(reason, SSLError) and reason.args:
        reason = reason.args[0]
    return isinstance(
        reason, NewConnectionError | ConnectTimeoutError | ssl.SSLCertVerificationError
    )


def _without_pretty_print(headers: Any) -> dict[str, str]:
    """The library asks for indented JSON, which makes large answers larger."""
    return {name: value for name, value in (headers or {}).items() if name != "X-PrettyPrint"}
