"""Events in and out of the ledger: stored once, with their inbox rows; read back as they came."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select

from crm_sms.events import (
    Click,
    ClickClass,
    Direction,
    ErrorClass,
    Event,
    EventKind,
    Metadata,
    OptOutType,
    Status,
)
from crm_sms.ledger.bulk import DriverValue, insert_many, next_ids
from crm_sms.ledger.store import Ledger
from crm_sms.ledger.tables import event_data, events, inbox, suppressions
from crm_sms.ledger.types import microseconds
from crm_sms.phone import Address, AddressKind, parse_address

Place = tuple[str, str, str]
"""Provider, account and key: what is unique to an event."""

_METADATA_NAMES = tuple(field.name for field in fields(Metadata))
_metadata_values = attrgetter(*_METADATA_NAMES)


def text_alias(event: Event) -> str:
    """The name of the text an event speaks of: the provider's id, else our key, else itself."""
    if event.provider_message_id:
        return f"{event.provider}:{event.account}:{event.provider_message_id}"
    if event.message_key:
        return event.message_key
    return f"{event.provider}:{event.account}:event:{event.key}"


def append(
    ledger: Ledger, connection: Connection, new: Sequence[Event], now: datetime
) -> list[bool]:
    """Store events and their inbox rows; True for each that was not there yet.

    An event counts as there if (provider, account, key) is; also the second of two alike in `new`.
    """
    first = {place(event): event for event in reversed(new)}
    fresh = _insert(ledger, connection, first)
    data = [_data_row(number, first[taken]) for taken, number in fresh.items()]
    insert_many(ledger, connection, event_data, data)
    since = microseconds(now)
    waiting = [{"event_id": number, "since": since} for number in fresh.values()]
    insert_many(ledger, connection, inbox, waiting)
    unseen = set(fresh)
    return [_taken_from(unseen, place(event)) for event in new]


def _taken_from(unseen: set[Place], wanted: Place) -> bool:
    found = wanted in unseen
    unseen.discard(wanted)
    return found


def place(event: Event) -> Place:
    """What makes an event the same as another."""
    return event.provider, event.account, event.key


def known(connection: Connection, new: Sequence[Event]) -> set[Place]:
    """The places among those of `new` that are taken already."""
    wanted = set(map(place, new))
    found = select(events.c.provider, events.c.account, events.c.key).where(
        events.c.provider.in_({event.provider for event in new}),
        events.c.account.in_({event.account for event in new}),
        events.c.key.in_({event.key for event in new}),
    )
    return wanted & {(row[0], row[1], row[2]) for row in connection.execute(found)}


def heard_of(connection: Connection, texts: Collection[str]) -> set[str]:
    """Those of these texts, by `text_alias`, that some event speaks of."""
    found = select(events.c.text).distinct().where(events.c.text.in_(texts))
    return set(connection.execute(found).scalars())


def _insert(ledger: Ledger, connection: Connection, new: Mapping[Place, Event]) -> dict[Place, int]:
    """The numbers of those that were not there yet."""
    if not new:
        return {}
    numbers = next_ids(ledger, connection, events, len(new))
    # In one order, so that two processes that store the same callbacks cannot wait for each other.
    placed = dict(zip(sorted(new), numbers, strict=True))
    rows = [_event_row(number, new[taken]) for taken, number in placed.items()]
    count = insert_many(ledger, connection, events, rows, unless=("provider", "account", "key"))
    if count == len(new):
        return placed
    found = select(events.c.id).where(events.c.id.between(numbers[0], numbers[-1]))
    stored = set(connection.execute(found).scalars())
    return {taken: number for taken, number in placed.items() if number in stored}


def _event_row(number: int, event: Event) -> dict[str, DriverValue]:
    click = event.click
    return {
        "id": number,
        "provider": event.provider,
        "account": event.account,
        "key": event.key,
        "text": text_alias(event),
        "message_key": event.message_key,
        "kind": event.kind.value,
        "direction": event.direction.value,
        "status": event.status.value if event.status else None,
        "provider_status": event.provider_status,
        "error_code": event.error_code,
        "error_class": event.error_class.value if event.error_class else None,
        "occurred_at": microseconds(event.occurred_at),
        "sent_at": microseconds(event.sent_at),
        "received_at": microseconds(event.received_at),
        "segments": event.segments,
        "media_count": event.media_count,
        "price": event.price,
        "opt_out_type": event.opt_out_type.value if event.opt_out_type else None,
        "clicked_at": microseconds(click.clicked_at) if click else None,
        "click_class": click.click_class.value if click else None,
        "metadata": _metadata_text(event.metadata),
        "verified": event.verified,
    }


def _metadata_text(metadata: Metadata) -> str | None:
    values = zip(_METADATA_NAMES, _metadata_values(metadata), strict=True)
    said = {name: value for name, value in values if value is not None}
    return json.dumps(said) if said else None


def _data_row(number: int, event: Event) -> dict[str, DriverValue]:
    sender, recipient, click, raw = event.sender, event.recipient, event.click, event.raw
    return {
        "event_id": number,
        "sender": sender.raw if sender else None,
        "sender_e164": sender.e164 if sender else None,
        "recipient": recipient.raw if recipient else None,
        "recipient_e164": recipient.e164 if recipient else None,
        "body": event.body,
        "media": json.dumps(event.media) if event.media else None,
        "link": click.link if click else None,
        "user_agent": click.user_agent if click else None,
        "raw": raw.body if raw else None,
        "raw_type": raw.content_type if raw else None,
        "raw_query": raw.query if raw else None,
    }


_OF_TEXTS = (
    select(
        events,
        *(column for column in event_data.c if column.name not in ("event_id", "raw", "raw_type")),
    )
    .select_from(events.outerjoin(event_data))
    .where(events.c.text.in_(bindparam("wanted", expanding=True)))
)


def of_texts(
    connection: Connection, aliases: Collection[str]
) -> dict[str, list[tuple[int, Event]]]:
    """Every event of these texts with its number, by alias. Raw bytes stay where they are."""
    found: dict[str, list[tuple[int, Event]]] = {}
    if not aliases:
        return found
    for row in connection.execute(_OF_TEXTS, {"wanted": list(aliases)}):
        found.setdefault(row.text, []).append((row.id, _event(row)))
    return found


def _event(row: Row[Any]) -> Event:
    return Event(
        provider=row.provider,
        account=row.account,
        key=row.key,
        kind=_KINDS[row.kind],
        received_at=row.received_at,
        provider_message_id=_provider_message_id(row),
        message_key=row.message_key,
        direction=_DIRECTIONS[row.direction],
        status=_STATUSES[row.status] if row.status else None,
        provider_status=row.provider_status,
        error_code=row.error_code,
        error_class=ErrorClass(row.error_class) if row.error_class else None,
        sender=_address(row.sender, row.sender_e164),
        recipient=_address(row.recipient, row.recipient_e164),
        body=row.body,
        media=tuple(row.media or ()),
        media_count=row.media_count,
        segments=row.segments,
        price=row.price,
        occurred_at=row.occurred_at,
        sent_at=row.sent_at,
        opt_out_type=OptOutType(row.opt_out_type) if row.opt_out_type else None,
        click=_click(row),
        metadata=Metadata(**row.metadata) if row.metadata else _NO_METADATA,
        verified=row.verified,
    )


_KINDS = {kind.value: kind for kind in EventKind}
_DIRECTIONS = {direction.value: direction for direction in Direction}
_STATUSES = {status.value: status for status in Status}
_NO_METADATA = Metadata()


def _provider_message_id(row: Row[Any]) -> str | None:
    start = f"{row.provider}:{row.account}:"
    if not row.text.startswith(start) or row.text.startswith(f"{start}event:"):
        return None
    return str(row.text[len(start) :])


def _address(raw: str | None, e164: str | None) -> Address | None:
    if raw is None:
        return None
    return Address(raw, AddressKind.NUMBER, e164) if e164 else parse_address(raw)


def _click(row: Row[Any]) -> Click | None:
    if row.kind != EventKind.CLICK:
        return None
    return Click(
        link=row.link or "",
        user_agent=row.user_agent,
        clicked_at=row.clicked_at,
        click_class=ClickClass(row.click_class) if row.click_class else ClickClass.UNKNOWN,
    )


def suppress(ledger: Ledger, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store a person's no for each row (a column of `suppressions` each); once per event."""
    if rows:
        statement = ledger.insert(suppressions).on_conflict_do_nothing()
        connection.execute(statement, list(rows))


def numbers_suppressed(connection: Connection) -> int:
    """How many numbers said no."""
    query = select(func.count(func.distinct(suppressions.c.number_digest)))
    return connection.execute(query).scalar_one()
