"""Twilio accounts: tokens, senders, messaging services, and who has opted out."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from crm_sms.sandbox.twilio.errors import Refused

ACCOUNT_SID = "AC00000000000000000000000000000001"
AUTH_TOKEN = "5a4db0c5a4db0c5a4db0c5a4db0c5a4d"
SERVICE_SID = "MG00000000000000000000000000000001"
#: The magic number that test credentials may send from, two long codes, and a short code.
SENDERS = ("+15005550006", "+12025550100", "+12025550101", "72345")
SERVICE_SENDERS = ("+12025550110", "+12025550111")

#: The long code defaults without Advanced Opt-Out.
KEYWORDS = {
    **dict.fromkeys(
        ("STOP", "UNSUBSCRIBE", "END", "QUIT", "STOPALL", "REVOKE", "OPTOUT", "CANCEL"), "STOP"
    ),
    **dict.fromkeys(("START", "YES", "UNSTOP"), "START"),
    **dict.fromkeys(("HELP", "INFO"), "HELP"),
}


def keyword_of(body: str) -> str | None:
    """STOP, START or HELP if the whole text is one of its keywords, in any case."""
    return KEYWORDS.get(body.strip().upper())


@dataclass(slots=True)
class Hooks:
    """Where replies to a sender are posted, and where when that fails; None is nowhere."""

    inbound_url: str | None = None
    fallback_url: str | None = None


@dataclass(slots=True)
class MessagingService:
    """A pool of senders that share a list of opt-outs.

    Without `hooks` of its own its replies go where those of the account go; with `defers` each of
    its numbers says where.
    """

    sid: str
    senders: tuple[str, ...]
    status_callback: str | None = None
    hooks: Hooks | None = None
    defers: bool = False
    link_domain: str = "sms.example.com"

    def sender_for(self, person: str) -> str:
        """The same sender for the same person each time."""
        return self.senders[sum(person.encode()) % len(self.senders)]


@dataclass(slots=True)
class Account:
    """What one account owns and where it wants to be called.

    `inbound_url` and `fallback_url` are those of every sender that has none of its own in `hooks`.
    """

    sid: str
    auth_token: str
    created: datetime
    secondary_token: str | None = None
    senders: tuple[str, ...] = SENDERS
    services: dict[str, MessagingService] = field(default_factory=dict)
    inbound_url: str | None = None
    fallback_url: str | None = None
    hooks: dict[str, Hooks] = field(default_factory=dict)
    click_url: str | None = None
    click_format: str = "form"
    opted_out: set[tuple[str, str]] = field(default_factory=set)

    def owns(self, sender: str) -> bool:
        """Whether texts may go out from `sender`."""
        return sender in self.senders or self.service_of(sender) is not None

    def service_of(self, sender: str) -> MessagingService | None:
        """The service whose pool holds `sender`."""
        return next((s for s in self.services.values() if sender in s.senders), None)

    @property
    def numbers(self) -> tuple[str, ...]:
        """Its phone numbers, those of its services included; short codes are none."""
        pooled = (number for service in self.services.values() for number in service.senders)
        return tuple(one for one in (*self.senders, *pooled) if one.startswith("+"))

    def hooks_of(self, number: str) -> Hooks:
        """What is set at the number itself."""
        return self.hooks.get(number) or Hooks(self.inbound_url, self.fallback_url)

    def hooks_of_service(self, service: MessagingService) -> Hooks:
        """What is set at the service itself."""
        return service.hooks or Hooks(self.inbound_url, self.fallback_url)

    def called_for(self, sender: str) -> Hooks:
        """Where replies to this sender go: its service decides, unless that leaves it to it."""
        service = self.service_of(sender)
        if service is None or service.defers:
            return self.hooks_of(sender)
        return self.hooks_of_service(service)

    def scope_of(self, sender: str) -> str:
        """What an opt-out of a text to `sender` covers: its whole service, or that number."""
        service = self.service_of(sender)
        return service.sid if service else sender

    def heed(self, person: str, sender: str, body: str) -> str | None:
        """Keeps or lifts the opt-out that a text asks for; returns its keyword's kind."""
        keyword = keyword_of(body)
        pair = (person, self.scope_of(sender))
        if keyword == "STOP":
            self.opted_out.add(pair)
        elif keyword == "START":
            self.opted_out.discard(pair)
        return keyword

    def promote(self) -> None:
        """Makes the secondary token the primary one, which from then on signs the callbacks."""
        if self.secondary_token is None:
            raise Refused(20404, "/v1/AuthTokens/Secondary")
        self.auth_token, self.secondary_token = self.secondary_token, None

    def resource(self) -> dict[str, Any]:
        """The Account resource as JSON."""
        created = format_datetime(self.created)
        uri = f"/2010-04-01/Accounts/{self.sid}"
        return {
            "auth_token": self.auth_token,
            "date_created": created,
            "date_updated": created,
            "friendly_name": "Sandbox",
            "owner_account_sid": self.sid,
            "sid": self.sid,
            "status": "active",
            "subresource_uris": {"messages": f"{uri}/Messages.json"},
            "type": "Full",
            "uri": f"{uri}.json",
        }


def default_account(created: datetime) -> Account:
    """The account that is there from the start, with one messaging service."""
    service = MessagingService(SERVICE_SID, SERVICE_SENDERS)
    return Account(ACCOUNT_SID, AUTH_TOKEN, created, services={SERVICE_SID: service})


def authenticate(accounts: dict[str, Account], authorization: str) -> Account:
    """The account of a Basic `Authorization` header, with either token; else Refused(20003)."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        sid, _, token = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:  # not base64, or not UTF-8
        raise Refused(20003) from None
    account = accounts.get(sid)
    if scheme.lower() != "basic" or account is None or not token:
        raise Refused(20003)
    if token not in (account.auth_token, account.secondary_token):
        raise Refused(20003)
    return account
