"""What doctor says of the settings, of each account's credentials, and of where it calls."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from crm_sms.errors import TryLater, Unclear
from crm_sms.ports import Finding
from crm_sms_twilio.addresses import are_set, to_set
from crm_sms_twilio.client import TwilioException, client
from crm_sms_twilio.settings import Settings

_SUSPENDED = "ask Twilio's support why, or take the account out of the settings"
_NETWORK = "check the network and base_url, then run this again"
_AGAIN = "run this again in a few minutes"


class Checkup:
    """One look at everything; `answered_at` is what Twilio's clock said last."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.answered_at: datetime | None = None

    def findings(self) -> Iterator[Finding]:
        """What is found about each account, the addresses to set, what could be safer."""
        for sid in self._settings.accounts:
            yield from self._account(sid)
        yield from to_set(self._settings)
        yield from _public_url(self._settings)
        if self._settings.signature == "report":
            yield Finding(
                "twilio signature",
                None,
                "callbacks are kept even if their signature does not fit; they make no tasks",
                'set signature = "enforce" once no event is stored as unverified',
            )

    def _account(self, sid: str) -> Iterator[Finding]:
        twilio = client(self._settings, sid)
        try:
            found = list(_credentials(twilio, self._settings, sid))
            yield from found
            if all(finding.ok for finding in found):
                yield from _asked(twilio, self._settings, sid)
        finally:
            self.answered_at = twilio.http_client.answered_at or self.answered_at
            twilio.http_client.close()


def _credentials(twilio: Any, settings: Settings, sid: str) -> Iterator[Finding]:
    subject = f"twilio account {sid}"
    try:
        account = twilio.api.v2010.accounts(sid).fetch()
    except TwilioException as error:
        yield _refused(error, subject, sid)
    except (TryLater, Unclear) as error:
        yield Finding(subject, False, str(error), _NETWORK)
    else:
        if account.status != "active":
            yield Finding(subject, False, f"the account is {account.status}", _SUSPENDED)
            return
        yield Finding(subject, True, "the credentials are accepted")
        yield from _token(settings, sid, account.auth_token)


def _token(settings: Settings, sid: str, primary: str | None) -> Iterator[Finding]:
    """Both tokens are let in, but only the primary one signs callbacks."""
    if not primary:
        return  # Twilio does not tell it
    subject, ours = f"twilio token {sid}", settings.accounts[sid]
    held = (ours.auth_token, *ours.further_tokens)
    if any(hmac.compare_digest(one.get_secret_value(), primary) for one in held):
        yield Finding(subject, True, "is the one that signs callbacks")
        return
    text = "is not the primary one, which signs: every callback of the account is refused"
    remedy = (
        f"set accounts.{sid}.auth_token to the primary token in Twilio's console, and "
        "further_tokens to the one that is set now"
    )
    yield Finding(subject, False, text, remedy)


def _asked(twilio: Any, settings: Settings, sid: str) -> Iterator[Finding]:
    """What the account's senders are set to; what cannot be asked keeps nothing from working."""
    try:
        yield from are_set(twilio, settings, sid)
    except (TwilioException, KeyError) as error:  # a page without what its client looks for
        text = f"Twilio does not tell where they call: {_answer_of(error)}"
        yield Finding(f"twilio replies {sid}", None, text, f"compare by hand, or {_AGAIN}")
    except (TryLater, Unclear) as error:
        yield Finding(f"twilio replies {sid}", None, str(error), _NETWORK)


def _refused(error: Any, subject: str, sid: str) -> Finding:
    status = getattr(error, "status", None)
    if status in (401, 403):
        remedy = f"set accounts.{sid}.auth_token to the primary token in Twilio's console"
        return Finding(subject, False, "Twilio does not accept the credentials", remedy)
    if status == 404:
        return Finding(subject, False, "Twilio does not know it", "correct the AccountSid")
    return Finding(subject, False, f"Twilio's API answered {_answer_of(error)}", _AGAIN)


def _answer_of(error: Any) -> str:
    """Its status; the message of the SDK may hold what was asked."""
    return str(getattr(error, "status", "in a form that its client does not know"))


def _public_url(settings: Settings) -> Iterator[Finding]:
    """On a sandbox on this machine nothing travels."""
    if _is_private(settings.base_url):
        return
    subject = "twilio public_url"
    if _is_private(settings.public_url):
        text = "is an address of this machine or network: Twilio cannot reach it"
        remedy = "set public_url to the https:// address of your proxy or tunnel"
        yield Finding(subject, False, text, remedy)
    elif not settings.public_url.startswith("https://"):
        text = "callbacks, with numbers and texts in them, travel without TLS"
        remedy = "put a TLS proxy in front and set public_url to its https:// address"
        yield Finding(subject, None, text, remedy)
    else:
        yield Finding(subject, True, "has TLS, and is no address of this machine or network")


def _is_private(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
