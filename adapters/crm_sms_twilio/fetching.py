"""Reading from Twilio's API: repeated while that may help, since a GET does nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_random_exponential

from crm_sms.errors import AccessRefused, QuotaEnded, TryLater, Unclear

_ATTEMPTS = 6
_LONGEST_WAIT_S = 30.0
_BACK_OFF = wait_random_exponential(multiplier=1, max=_LONGEST_WAIT_S)

_sleep = time.sleep


class _Busy(QuotaEnded):
    """A 429, which was never processed; `wait_s` is what Twilio asks for, if it does."""


def fetch(twilio: Any, url: str, account: str) -> dict[str, Any] | None:
    """The JSON object at this address; None if Twilio refuses this very request.

    Raises AccessRefused if it does not let us in; QuotaEnded or TryLater if it is too busy or does
    not answer, also after six tries with a growing wait between them.
    """
    tries = Retrying(
        retry=retry_if_exception_type(TryLater),
        stop=stop_after_attempt(_ATTEMPTS),
        wait=_wait,
        sleep=lambda seconds: _sleep(seconds),
        reraise=True,
    )
    found: dict[str, Any] | None = tries(_fetch, twilio, url, account)
    return found


def _wait(state: RetryCallState) -> float:
    """What Twilio asks for, else longer each time; never long enough to look like a hang."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.wait_s if isinstance(error, _Busy) else 0.0
    return min(asked or _BACK_OFF(state), _LONGEST_WAIT_S)


def _fetch(twilio: Any, url: str, account: str) -> dict[str, Any] | None:
    try:
        answer = twilio.request("GET", url)
    except Unclear as error:
        raise TryLater(str(error)) from None
    status = answer.status_code
    if status == 429:
        raise _Busy("Twilio takes no more requests for now", _asked(answer.headers))
    if status in (401, 403):
        raise AccessRefused(
            f"Twilio does not accept the credentials: set accounts.{account}.auth_token to the "
            "primary token in Twilio's console"
        )
    if status == 404:
        raise AccessRefused("Twilio does not know the account: correct its AccountSid")
    if status == 200:
        found: dict[str, Any] = json.loads(answer.text)
        return found
    if 400 <= status < 500 and status != 408:
        return None
    raise TryLater(f"Twilio's API answered {status}")


def _asked(headers: Mapping[str, str]) -> float:
    text = headers.get("Retry-After") or ""
    return float(text) if text.isascii() and text.isdecimal() else 0.0
