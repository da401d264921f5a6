"""An authentic callback becomes an event: by shape, never raising, nothing understood is lost."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from crm_sms.events import (
    Click,
    ClickClass,
    Direction,
    Event,
    EventKind,
    Raw,
    Status,
)
from crm_sms.phone import Address, parse_address
from crm_sms_twilio.callback_url import correlation
from crm_sms_twilio.values import parse_count, parse_instant
from crm_sms_twilio.words import OPT_OUT_TYPES, error_of, status_of

PROVIDER = "twilio"


@dataclass(frozen=True, slots=True)
class Callback:
    """A callback as it was read; `account` is the AccountSid that it names."""

    account: str
    fields: Mapping[str, str]
    raw: Raw
    received_at: datetime
    verified: bool = True


def event_of(callback: Callback, kind: str | None) -> Event:
    """The event that this callback reports.

    The shape decides, since a reply posted to the status URL by a wrong setting must not be lost;
    `kind` (`status`, `inbound`, `click`) settles what the shape leaves open.
    """
    return _parser(callback.fields, kind)(callback)


def _parser(fields: Mapping[str, str], kind: str | None) -> Callable[[Callback], Event]:
    if fields.get("link") and _click_sid(fields):
        return _click
    if not _sid(fields):
        return _unknown
    word = _status_word(fields)
    if word == "received" or ("Body" in fields and (not word or kind == "inbound")):
        return _reply
    return _status if word else _unknown


def _sid(fields: Mapping[str, str]) -> str:
    return fields.get("MessageSid") or fields.get("SmsSid") or fields.get("SmsMessageSid") or ""


def _status_word(fields: Mapping[str, str]) -> str:
    return fields.get("MessageStatus") or fields.get("SmsStatus") or ""


def _click_sid(fields: Mapping[str, str]) -> str:
    """The direct callback says sms_sid, Event Streams message_sid."""
    return fields.get("sms_sid") or fields.get("message_sid") or ""


def _status(callback: Callback) -> Event:
    # RawDlrDoneDate is no instant (minutes, no zone): callbacks have no time of their own.
    fields = callback.fields
    sid, word = _sid(fields), _status_word(fields)
    code, error_class = error_of(fields.get("ErrorCode"))
    message_key, metadata = correlation(callback.raw.query)
    return Event(
        provider=PROVIDER,
        account=callback.account,
        key=_key(callback, f"{sid}:{word}:{code}" if code else f"{sid}:{word}"),
        kind=EventKind.STATUS,
        received_at=callback.received_at,
        provider_message_id=sid,
        message_key=message_key,
        status=status_of(word),
        provider_status=word,
        error_code=code,
        error_class=error_class,
        sender=address(fields.get("From")),
        recipient=address(fields.get("To")),
        metadata=metadata,
        verified=callback.verified,
        raw=callback.raw,
    )


def _reply(callback: Callback) -> Event:
    fields = callback.fields
    sid = _sid(fields)
    media = _media(fields)
    return Event(
        provider=PROVIDER,
        account=callback.account,
        key=_key(callback, sid),
        kind=EventKind.REPLY,
        received_at=callback.received_at,
        provider_message_id=sid,
        direction=Direction.INBOUND,
        status=Status.RECEIVED,
        provider_status=_status_word(fields) or None,
        sender=address(fields.get("From")),
        recipient=address(fields.get("To")),
        body=fields.get("Body"),
        media=media,
        media_count=parse_count(fields.get("NumMedia")) or len(media),
        segments=parse_count(fields.get("NumSegments")),
        opt_out_type=OPT_OUT_TYPES.get(fields.get("OptOutType", "").upper()),
        verified=callback.verified,
        raw=callback.raw,
    )


def _media(fields: Mapping[str, str]) -> tuple[str, ...]:
    urls: list[str] = []
    while url := fields.get(f"MediaUrl{len(urls)}"):
        urls.append(url)
    return tuple(urls)


def _click(callback: Callback) -> Event:
    fields = callback.fields
    sid, link = _click_sid(fields), fields["link"]
    time = fields.get("click_time")
    clicked_at = parse_instant(time)
    preview = "preview" in fields.get("event_type", "").lower()
    return Event(
        provider=PROVIDER,
        account=callback.account,
        key=_key(callback, f"click:{digest(sid, link, time)}"),
        kind=EventKind.CLICK,
        received_at=callback.received_at,
        provider_message_id=sid,
        sender=address(fields.get("from")),
        recipient=address(fields.get("to")),
        occurred_at=clicked_at,
        click=Click(
            link=link,
            user_agent=fields.get("user_agent") or None,
            clicked_at=clicked_at,
            click_class=ClickClass.PREVIEW if preview else ClickClass.UNKNOWN,
        ),
        verified=callback.verified,
        raw=callback.raw,
    )


def _unknown(callback: Callback) -> Event:
    content = digest(callback.raw.query, callback.raw.body)
    return Event(
        provider=PROVIDER,
        account=callback.account,
        key=_key(callback, f"unknown:{content}"),
        kind=EventKind.UNKNOWN,
        received_at=callback.received_at,
        provider_message_id=_sid(callback.fields) or _click_sid(callback.fields) or None,
        verified=callback.verified,
        raw=callback.raw,
    )


def _key(callback: Callback, key: str) -> str:
    """What nobody signed has keys of its own, so that a forgery in report mode never takes the
    place of the authentic callback."""
    return key if callback.verified else f"unverified:{key}"


def address(raw: str | None) -> Address | None:
    """One end of a text; None where Twilio names none, as while a pool has not chosen a sender."""
    return parse_address(raw) if raw else None


def digest(*parts: object) -> str:
    """32 hex digits over the parts, the same in every process."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
