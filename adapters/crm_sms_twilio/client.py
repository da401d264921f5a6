"""Twilio's REST client with time-outs, without retries, and with failures in our own words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from twilio.base.exceptions import TwilioException
from twilio.http.response import Response
from twilio.rest import Client
from urllib3.exceptions import MaxRetryError, NewConnectionError

from crm_sms.errors import TryLater, Unclear
from crm_sms_twilio.settings import API, Settings

__all__ = ["TwilioException", "client"]


class Transport:
    """What the SDK's Client sends through, in place of its own HTTP client.

    That one waits for ever by default and logs addresses of requests. Ours raises TryLater if the
    request never left, Unclear if it may have arrived. `answered_at` is Twilio's own time of its
    last answer.
    """

    def __init__(self, connect_timeout_s: float, read_timeout_s: float) -> None:
        self._timeouts = (connect_timeout_s, read_timeout_s)
        self.answered_at: datetime | None = None
        self._session = requests.Session()  # its adapters retry nothing, unless told to

    def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """One request, once; `timeout`, which the SDK passes as None, does not replace ours."""
        try:
            answer = self._session.request(
                method,
                url,
                params=params,  # type: ignore[arg-type]
                data=data,
                headers=headers,
                auth=auth,
                timeout=self._timeouts,
                allow_redirects=allow_redirects,
            )
        except requests.ConnectionError as error:
            if _never_left(error):
                raise TryLater("no connection to Twilio's API") from None
            raise Unclear("the connection to Twilio's API broke during a request") from None
        except requests.RequestException:
            raise Unclear("Twilio's API did not answer in time, or not as HTTP") from None
        self.answered_at = _date(answer.headers.get("Date", "")) or self.answered_at
        if answer.ok and not _is_object(answer):
            raise Unclear(f"Twilio's API answered {answer.status_code} without a JSON object")
        return Response(answer.status_code, answer.text, answer.headers)

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()


def _never_left(error: requests.ConnectionError) -> bool:
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def _date(header: str) -> datetime | None:
    try:
        return parsedate_to_datetime(header)
    except ValueError:
        return None


def _is_object(answer: requests.Response) -> bool:
    try:
        return isinstance(answer.json(), dict)
    except ValueError:
        return False


def client(settings: Settings, account_sid: str) -> Any:
    """A Client of one account; it is typed by nobody, so callers keep to what they test."""
    built = Client(
        account_sid,
        settings.accounts[account_sid].auth_token.get_secret_value(),
        http_client=Transport(settings.connect_timeout_s, settings.read_timeout_s),
        # Not empty, or the SDK reads the process's TWILIO_EDGE and TWILIO_REGION instead and
        # sends to a host that base_url does not name.
        environment={"TWILIO_EDGE": "", "TWILIO_REGION": ""},
    )
    built.api.base_url = settings.base_url
    if settings.base_url != API:  # a sandbox, which has every host of Twilio's at one address
        built.messaging.base_url = settings.base_url
    return built
