"""Twilio's rules for the parameters of a send, as a table."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from crm_sms.sandbox.twilio.accounts import Account
from crm_sms.sandbox.twilio.errors import Refused

E164 = re.compile(r"\+[1-9]\d{6,14}")
CHANNEL = re.compile(r"(whatsapp|messenger|rcs):\S+")
SHORT_CODE = re.compile(r"\d{3,8}")
ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 &+_-]{1,11}")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
MAX_BODY = 1600
MAX_MEDIA = 10
SCHEDULE_WINDOW = (timedelta(minutes=15), timedelta(days=35))

#: Twilio's magic numbers. It knows them with test credentials only; here every account has them.
MAGIC_TO = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
MAGIC_FROM = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}


@dataclass(frozen=True, slots=True)
class Send:
    """A send that passed every rule."""

    to: str
    body: str
    from_: str | None = None
    service: str | None = None
    media: tuple[str, ...] = ()
    status_callback: str | None = None
    send_at: datetime | None = None
    shorten_urls: bool = False


Form = Mapping[str, Sequence[str]]


def is_callback_url(url: str) -> bool:
    """An http(s) URL whose host has no underscore. Loopback hosts pass, unlike at Twilio."""
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        return False
    host = parts.hostname or ""
    return parts.scheme in ("http", "https") and port_is_fine and bool(HOST.fullmatch(host))


def _is_boolean(value: str) -> bool:
    return value.lower() in ("true", "false")


def _is_integer(value: str) -> bool:
    return bool(re.fullmatch(r"[+-]?\d+", value, re.ASCII))


def _is_number(value: str) -> bool:
    return bool(re.fullmatch(r"[+-]?\d+(\.\d+)?", value, re.ASCII))


def _is_validity(value: str) -> bool:
    return _is_integer(value) and 1 <= int(value) <= 36_000


def _is_object(value: str) -> bool:
    try:
        return isinstance(json.loads(value), dict)
    except ValueError:
        return False


def _one_of(*allowed: str) -> Callable[[str], bool]:
    return lambda value: value in allowed


def _sid(prefix: str) -> Callable[[str], bool]:
    pattern = re.compile(f"{prefix}[0-9a-fA-F]{{32}}")
    return lambda value: bool(pattern.fullmatch(value))


#: Parameter → (what its values must be, the refusal if one is not). Names that are not here are
#: ignored, as Twilio's 2010 API does (from memory). 20001 for a malformed value is from memory.
FORMATS: dict[str, tuple[Callable[[str], bool], int]] = {
    "StatusCallback": (is_callback_url, 21609),
    "MediaUrl": (is_callback_url, 21620),
    "MessagingServiceSid": (_sid("MG"), 21705),
    "ApplicationSid": (_sid("AP"), 20001),
    "ContentVariables": (_is_object, 20001),
    "ValidityPeriod": (_is_validity, 20001),
    "Attempt": (_is_integer, 20001),
    "MaxPrice": (_is_number, 20001),
    "ProvideFeedback": (_is_boolean, 20001),
    "ForceDelivery": (_is_boolean, 20001),
    "SmartEncoded": (_is_boolean, 20001),
    "ShortenUrls": (_is_boolean, 20001),
    "SendAsMms": (_is_boolean, 20001),
    "ContentRetention": (_one_of("retain", "discard"), 20001),
    "AddressRetention": (_one_of("retain", "obfuscate"), 20001),
    "TrafficType": (_one_of("free"), 20001),
    "ScheduleType": (_one_of("fixed"), 20001),
    "RiskCheck": (_one_of("enable", "disable"), 20001),
}


def read_send(form: Form, account: Account, now: datetime) -> Send:
    """The send in a form, or Refused with the code of the first rule that it breaks."""
    to = _check_to(_one(form, "To"))
    from_, service = _one(form, "From"), _one(form, "MessagingServiceSid")
    _check_formats(form)
    _check_sender(from_, service, to, account)
    body = _check_content(form)
    return Send(
        to=to,
        body=body,
        from_=from_ or None,
        service=service or None,
        media=tuple(form.get("MediaUrl", ())),
        status_callback=_one(form, "StatusCallback") or None,
        send_at=_check_schedule(form, now),
        shorten_urls=_check_shorten(form),
    )


def _one(form: Form, name: str) -> str:
    """The last value of a parameter: repeated ones overwrite each other."""
    values = form.get(name, ())
    return values[-1] if values else ""


def _check_to(to: str) -> str:
    if not to:
        raise Refused(21604)
    if to in MAGIC_TO:
        raise Refused(MAGIC_TO[to], to)
    if not (E164.fullmatch(to) or CHANNEL.fullmatch(to)):
        raise Refused(21211, to)
    return to


def _check_formats(form: Form) -> None:
    for name, values in form.items():
        is_right, code = FORMATS.get(name, (bool, 0))
        for value in values:
            if code and value and not is_right(value):
                raise Refused(code, name if code == 20001 else value)


def _check_sender(from_: str, service_sid: str, to: str, account: Account) -> None:
    if not from_ and not service_sid:
        raise Refused(21603)
    if from_ in MAGIC_FROM:
        raise Refused(MAGIC_FROM[from_], from_)
    service = account.services.get(service_sid)
    if service_sid and service is None:
        raise Refused(21705, service_sid)
    if from_ == to:
        raise Refused(21266, to)
    if from_ and service and from_ not in service.senders:
        raise Refused(21712, from_)
    if from_ and not service:
        _check_own_sender(from_, to, account)


def _check_own_sender(from_: str, to: str, account: Account) -> None:
    if not any(form.fullmatch(from_) for form in (E164, CHANNEL, SHORT_CODE, ALPHANUMERIC)):
        raise Refused(21212, from_)
    if channel_of(from_) != channel_of(to):
        raise Refused(21910)
    if E164.fullmatch(from_) or SHORT_CODE.fullmatch(from_):
        if not account.owns(from_):
            raise Refused(21606, from_)
    elif ALPHANUMERIC.fullmatch(from_) and to.startswith("+1"):
        raise Refused(21612, to)  # North American carriers take no alphanumeric senders


def channel_of(address: str) -> str:
    """`whatsapp` of `whatsapp:+1…`; the empty string for texts."""
    return address.partition(":")[0] if ":" in address else ""


def _check_content(form: Form) -> str:
    content = _one(form, "ContentSid")
    if content:
        raise Refused(21655, content)  # the sandbox's accounts hold no templates
    body, media = _one(form, "Body"), form.get("MediaUrl", ())
    if not body and not media:
        raise Refused(21602)
    if len(body) > MAX_BODY:
        raise Refused(21617)
    if len(media) > MAX_MEDIA:
        raise Refused(21623)
    return body


def _check_schedule(form: Form, now: datetime) -> datetime | None:
    """Without a Messaging Service Twilio drops the schedule and sends at once; here it refuses."""
    kind, send_at = _one(form, "ScheduleType"), _one(form, "SendAt")
    if not kind and not send_at:
        return None
    if not kind or not send_at:
        raise Refused(35111)
    if not _one(form, "MessagingServiceSid"):
        raise Refused(35118)
    try:
        instant = datetime.fromisoformat(send_at) if INSTANT.fullmatch(send_at) else None
    except ValueError:
        instant = None
    if instant is None or not SCHEDULE_WINDOW[0] <= instant - now <= SCHEDULE_WINDOW[1]:
        raise Refused(35114)
    return instant.astimezone(UTC)


def _check_shorten(form: Form) -> bool:
    shorten = _one(form, "ShortenUrls").lower() == "true"
    if shorten and not _one(form, "MessagingServiceSid"):
        raise Refused(20001, "ShortenUrls")
    return shorten
