"""A listed message becomes a snapshot event; JSON and CSV name the same things differently."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from crm_sms.errors import Unreadable
from crm_sms.events import Direction, Event, EventKind, Status
from crm_sms.phone import Address
from crm_sms_twilio.values import parse_cost, parse_count, parse_instant
from crm_sms_twilio.webhooks import PROVIDER, address, digest
from crm_sms_twilio.words import INBOUND_STATUSES, error_of, status_of

# Name without case, spaces and underscores → what it is. The API says date_sent, the console's
# exports have said SentDate and Date Sent.
_COLUMNS: Mapping[str, str] = {
    "sid": "sid",
    "messagesid": "sid",
    "accountsid": "account",
    "from": "from",
    "to": "to",
    "body": "body",
    "status": "status",
    "messagestatus": "status",
    "direction": "direction",
    "datesent": "sent",
    "sentdate": "sent",
    "datecreated": "created",
    "createddate": "created",
    "dateupdated": "updated",
    "errorcode": "error",
    "price": "price",
    "numsegments": "segments",
    "segments": "segments",
    "nummedia": "media",
}

_MESSAGE_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")
_SPOILT = re.compile(r"[0-9]{9,}|[0-9]([.,][0-9]+)?[eE]\+[0-9]{2}")
"""A number as spreadsheets show it. Twilio writes numbers with a plus, short codes have up to eight
digits, and names have a letter and no point."""
_SEPARATORS = re.compile(r"[\s_]+")


def column_of(name: str) -> str | None:
    """What a column or JSON name means to us; None where we do not read it."""
    return _COLUMNS.get(_SEPARATORS.sub("", name).lower())


def snapshot(row: Mapping[str, str], accounts: Sequence[str], received_at: datetime) -> Event:
    """The event of one row, its names as `column_of` gives them; blank values are absent.

    Raises Unreadable for a row that is no message, or whose account or time nobody knows.
    """
    sid = _sid(row)
    word = row.get("status", "")
    direction = _direction(row, word)
    inbound = direction is Direction.INBOUND
    sent_at = parse_instant(row.get("sent"))
    code, error_class = error_of(row.get("error"))
    event = Event(
        provider=PROVIDER,
        account=_account(row, accounts),
        key="",
        kind=EventKind.SNAPSHOT,
        received_at=received_at,
        provider_message_id=sid,
        direction=direction,
        status=Status.RECEIVED if inbound else status_of(word) if word else None,
        provider_status=word or None,
        error_code=code,
        error_class=error_class,
        sender=_end(row, "from"),
        recipient=_end(row, "to"),
        body=row.get("body"),
        media_count=parse_count(row.get("media")),
        segments=parse_count(row.get("segments")) or None,  # 0 until a sender is chosen
        price=parse_cost(row.get("price")),
        occurred_at=sent_at or _created_at(row, inbound),
        sent_at=None if inbound else sent_at,
    )
    return replace(event, key=f"{sid}:snapshot:{_content(event)}")


def _sid(row: Mapping[str, str]) -> str:
    """Under a Sid that was cut, or written anew by a spreadsheet, the text would be another one."""
    sid = row.get("sid")
    if sid is None:
        raise Unreadable("it has no Sid; export messages with their Sid")
    if not _MESSAGE_SID.fullmatch(sid):
        raise Unreadable(
            "its Sid is not that of a message: SM or MM and 32 hexadecimal digits; "
            "give the file as Twilio exported it"
        )
    return sid


def _created_at(row: Mapping[str, str], inbound: bool) -> datetime | None:
    """The time of a text that has no time of sending; None for one that was never sent.

    An unknown time would become that of the import, and each reply of long ago a task of today.
    """
    created_at = parse_instant(row.get("created"))
    if created_at is None and ("sent" in row or "created" in row):
        raise Unreadable(
            "its time has no zone, or is none; give the file as Twilio exported it, not as a "
            "spreadsheet saved it"
        )
    if created_at is None and inbound:
        raise Unreadable("it has no time; export replies with their SentDate or DateSent")
    return created_at


def _direction(row: Mapping[str, str], word: str) -> Direction:
    """The API says inbound or outbound-…; without it, only what was received came in."""
    if "direction" in row:
        inbound = row["direction"].lower().startswith("in")
    else:
        inbound = word.lower() in INBOUND_STATUSES
    return Direction.INBOUND if inbound else Direction.OUTBOUND


def _account(row: Mapping[str, str], accounts: Sequence[str]) -> str:
    """An account that is no longer configured is history and welcome."""
    if "account" in row:
        return row["account"]
    if len(accounts) == 1:
        return accounts[0]
    raise Unreadable("it has no AccountSid and several accounts are configured; export that too")


def _end(row: Mapping[str, str], column: str) -> Address | None:
    """A number that lost its plus or its last digits is nobody's: an opt-out from it would be kept,
    and stop nothing."""
    value = row.get(column)
    if value and _SPOILT.fullmatch(value):
        raise Unreadable(
            f"its {column.title()} is not a number as Twilio writes it, +12025550123; "
            "give the file as Twilio exported it, not as a spreadsheet saved it"
        )
    return address(value)


def _content(event: Event) -> str:
    """A digest of what the listing says, the same whichever format said it."""
    return digest(
        event.direction.value,
        event.provider_status,
        event.error_code,
        event.sender and event.sender.raw,
        event.recipient and event.recipient.raw,
        event.body,
        event.media_count,
        event.segments,
        event.price,
        event.occurred_at and event.occurred_at.isoformat(),
        event.sent_at and event.sent_at.isoformat(),
    )
