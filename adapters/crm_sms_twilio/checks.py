"""What doctor says of the settings and of each account's credentials."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crm_sms.errors import TryLater, Unclear
from crm_sms.ports import Finding
from crm_sms_twilio.callback_url import OVERRIDES
from crm_sms_twilio.client import TwilioException, client
from crm_sms_twilio.settings import Settings
from crm_sms_twilio.signature import WEBHOOK_PATH

_SUSPENDED = "ask Twilio's support why, or take the account out of the settings"


def check(settings: Settings) -> Iterator[Finding]:
    """One finding per account, one per setting that is less safe than it could be."""
    for sid in settings.accounts:
        yield _account(client(settings, sid), sid)
    yield from _webhooks(settings)
    if settings.signature == "report":
        yield Finding(
            "twilio signature",
            None,
            "callbacks are kept even if their signature does not fit; they make no tasks",
            'set signature = "enforce" once no event is stored as unverified',
        )
    if not settings.public_url.startswith("https://"):
        yield Finding(
            "twilio public_url",
            None,
            "callbacks, with numbers and texts in them, travel without TLS",
            "put a TLS proxy in front and set public_url to its https:// address",
        )


_WEBHOOKS = (
    ("a message comes in", "inbound"),
    ("status callback", "status"),
    ("link shortening's clicks", "click"),
)


def _webhooks(settings: Settings) -> Iterator[Finding]:
    """What to set at Twilio, to be copied; the fragment has it repeat what failed."""
    base = settings.public_url.rstrip("/")
    for what, kind in _WEBHOOKS:
        url = f"{base}{WEBHOOK_PATH}/{kind}#{OVERRIDES}"
        yield Finding(f"twilio: {what}", True, url)


def _account(twilio: Any, sid: str) -> Finding:
    subject = f"twilio account {sid}"
    try:
        account = twilio.api.v2010.accounts(sid).fetch()
    except TwilioException as error:
        return _refused(error, subject, sid)
    except (TryLater, Unclear) as error:
        return Finding(
            subject, False, str(error), "check the network and base_url, then run this again"
        )
    if account.status != "active":
        return Finding(subject, False, f"the account is {account.status}", _SUSPENDED)
    return Finding(subject, True, "the credentials are accepted")


def _refused(error: Any, subject: str, sid: str) -> Finding:
    if error.status in (401, 403):
        remedy = f"set accounts.{sid}.auth_token to the primary token in Twilio's console"
        return Finding(subject, False, "Twilio does not accept the credentials", remedy)
    if error.status == 404:
        return Finding(subject, False, "Twilio does not know it", "correct the AccountSid")
    return Finding(
        subject, False, f"Twilio's API answered {error.status}", "run this again in a few minutes"
    )
