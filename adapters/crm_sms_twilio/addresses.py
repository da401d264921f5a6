"""Where Twilio is to call us, and where its senders call now, as far as its API tells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from crm_sms.ports import Finding
from crm_sms_twilio.callback_url import OVERRIDES
from crm_sms_twilio.settings import Settings
from crm_sms_twilio.signature import WEBHOOK_PATH

PLACES = (
    ("a message comes in", "inbound"),
    ("primary handler fails", "inbound"),
    ("delivery status callback", "status"),
    ("link shortening's clicks", "click"),
)
"""What Twilio's console calls it, and the kind of callback that belongs there."""

_PAGE = 1000
_NAMED = 5
"""So many senders are named; more are counted."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A phone number, or a Messaging Service that decides for its numbers."""

    name: str
    inbound: str
    fallback: str
    posts: bool = True
    application: bool = False


def to_set(settings: Settings) -> Iterator[Finding]:
    """To be copied; the fragment has Twilio repeat what failed."""
    for what, kind in PLACES:
        yield Finding(f"twilio: {what}", True, address(settings, kind))


def address(settings: Settings, kind: str) -> str:
    """Where this kind of callback belongs."""
    return f"{settings.public_url}{WEBHOOK_PATH}/{kind}#{OVERRIDES}"


def are_set(twilio: Any, settings: Settings, sid: str) -> Iterator[Finding]:
    """Three findings about an account. Raises what the client raises."""
    services = list(twilio.messaging.v1.services.page(page_size=_PAGE))
    senders = list(_senders(twilio, services))
    yield _replies(settings, sid, senders)
    yield _fallback(settings, sid, senders)
    if services:
        yield _status(settings, sid, services)


def _senders(twilio: Any, services: Sequence[Any]) -> Iterator[Sender]:
    pooled: set[str] = set()
    for service in services:
        if not service.use_inbound_webhook_on_number:
            numbers = twilio.messaging.v1.services(service.sid).phone_numbers.page(page_size=_PAGE)
            pooled.update(number.sid for number in numbers)
            yield _service(service)
    for number in twilio.incoming_phone_numbers.page(page_size=_PAGE):
        if number.sid not in pooled and (number.capabilities or {}).get("sms"):
            yield _number(number)


def _service(service: Any) -> Sender:
    return Sender(
        service.sid,
        service.inbound_request_url or "",
        service.fallback_url or "",
        service.inbound_method != "GET",
    )


def _number(number: Any) -> Sender:
    return Sender(
        f"{number.sid} (…{(number.phone_number or '')[-4:]})",
        number.sms_url or "",
        number.sms_fallback_url or "",
        number.sms_method != "GET",
        bool(number.sms_application_sid),
    )


def _replies(settings: Settings, sid: str, senders: Sequence[Sender]) -> Finding:
    subject = f"twilio replies {sid}"
    wrong = [f"{one.name}: {why}" for one in senders if (why := _misled(settings, one))]
    if not wrong:
        return Finding(subject, True, f"those to its {len(senders)} senders come to us")
    remedy = (
        'in Twilio\'s console set "a message comes in" of each to Webhook, HTTP POST, '
        f"{address(settings, 'inbound')}"
    )
    return Finding(subject, None, f"some do not come to us: {_some(wrong)}", remedy)


def _misled(settings: Settings, sender: Sender) -> str:
    """What is wrong with where replies to it go; empty if nothing is."""
    if sender.application:
        return "an application decides where they go"
    if not sender.inbound:
        return "they go nowhere"
    if not _ours(settings, sender.inbound):
        return f"they go to {urlsplit(sender.inbound).hostname}"
    if not sender.posts:
        return "they come as GET, which is refused"
    if OVERRIDES not in urlsplit(sender.inbound).fragment:
        return f"without #{OVERRIDES} nothing is repeated"
    return ""


def _fallback(settings: Settings, sid: str, senders: Sequence[Sender]) -> Finding:
    subject = f"twilio fallback {sid}"
    without = [one.name for one in senders if not _ours(settings, one.fallback)]
    if not without:
        return Finding(subject, True, "a reply that fails is sent to us once more")
    remedy = f'set "primary handler fails" of each to {address(settings, "inbound")}'
    text = f"a reply that fails is not sent to us once more: {_some(without)}"
    return Finding(subject, None, text, remedy)


def _status(settings: Settings, sid: str, services: Sequence[Any]) -> Finding:
    subject = f"twilio status {sid}"
    without = [one.sid for one in services if not _ours(settings, one.status_callback or "")]
    if not without:
        return Finding(subject, True, "its Messaging Services tell us what becomes of their texts")
    remedy = (
        f'set "delivery status callback" of each to {address(settings, "status")}, unless whoever '
        "sends through it names a status callback of ours with each text"
    )
    return Finding(subject, None, f"some services do not tell us: {_some(without)}", remedy)


def _ours(settings: Settings, url: str) -> bool:
    """The shape of a callback says what it is, so any of our paths will do."""
    parts, ours = urlsplit(url), urlsplit(settings.public_url)
    same = (parts.scheme, parts.netloc) == (ours.scheme, ours.netloc)
    return same and f"{parts.path}/".startswith(f"{ours.path}{WEBHOOK_PATH}/")


def _some(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return ", ".join(islice(every, _NAMED)) + more
