"""Events in and out of the ledger: stored once, with their inbox rows; read back as they came."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

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
from crm_sms.ledger.store import Ledger
from crm_sms.ledger.tables import event_data, events, inbox, suppressions
from crm_sms.phone import Address, AddressKind, parse_address


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
    rows = {place(event): event for event in reversed(new)}
    ids = _insert(ledger, connection, list(rows.values()))
    fresh = [rows[taken] for taken in ids]
    if fresh:
        connection.execute(
            event_data.insert(), [_data_row(ids[place(event)], event) for event in fresh]
        )
        connection.execute(
            inbox.insert(), [{"event_id": number, "since": now} for number in ids.values()]
        )
    unseen = set(ids)
    return [_taken_from(unseen, place(event)) for event in new]


def _taken_from(unseen: set[tuple[str, str, str]], wanted: tuple[str, str, str]) -> bool:
    found = wanted in unseen
    unseen.discard(wanted)
    return found


def place(event: Event) -> tuple[str, str, str]:
    """What makes an event the same as another."""
    return event.provider, event.account, event.key


def known(connection: Connection, new: Sequence[Event]) -> set[tuple[str, str, str]]:
    """The places among those of `new` that are taken already."""
    wanted = set(map(place, new))
    found = select(events.c.provider, events.c.account, events.c.key).where(
        events.c.provider.in_({event.provider for event in new}),
        events.c.account.in_({event.account for event in new}),
        events.c.key.in_({event.key for event in new}),
    )
    return wanted & {(row[0], row[1], row[2]) for row in connection.execute(found)}


def _insert(
    ledger: Ledger, connection: Connection, new: Sequence[Event]
) -> dict[tuple[str, str, str], int]:
    if not new:
        return {}
    statement = (
        ledger.insert(events)
        .on_conflict_do_nothing(index_elements=["provider", "account", "key"])
        .returning(events.c.id, events.c.provider, events.c.account, events.c.key)
    )
    result = connection.execute(statement, [_event_row(event) for event in new])
    return {(row[1], row[2], row[3]): row[0] for row in result}


def _event_row(event: Event) -> dict[str, Any]:
    metadata = {name: value for name, value in asdict(event.metadata).items() if value is not None}
    return {
        "provider": event.provider,
        "account": event.account,
        "key": event.key,
        "text": text_alias(event),
        "message_key": event.message_key,
        "kind": event.kind,
        "direction": event.direction,
        "status": event.status,
        "provider_status": event.provider_status,
        "error_code": event.error_code,
        "error_class": event.error_class,
        "occurred_at": event.occurred_at,
        "sent_at": event.sent_at,
        "received_at": event.received_at,
        "segments": event.segments,
        "media_count": event.media_count,
        "price": event.price,
        "opt_out_type": event.opt_out_type,
        "clicked_at": event.click.clicked_at if event.click else None,
        "click_class": event.click.click_class if event.click else None,
        "metadata": metadata or None,
        "verified": event.verified,
    }


def _data_row(event_id: int, event: Event) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "sender": event.sender.raw if event.sender else None,
        "sender_e164": event.sender.e164 if event.sender else None,
        "recipient": event.recipient.raw if event.recipient else None,
        "recipient_e164": event.recipient.e164 if event.recipient else None,
        "body": event.body,
        "media": list(event.media) or None,
        "link": event.click.link if event.click else None,
        "user_agent": event.click.user_agent if event.click else None,
        "raw": event.raw.body if event.raw else None,
        "raw_type": event.raw.content_type if event.raw else None,
        "raw_query": event.raw.query if event.raw else None,
    }


_FACT = select(
    events,
    *(column for column in event_data.c if column.name not in ("event_id", "raw", "raw_type")),
).select_from(events.outerjoin(event_data))


def of_texts(
    connection: Connection, aliases: Collection[str]
) -> dict[str, list[tuple[int, Event]]]:
    """Every event of these texts with its number, by alias. Raw bytes stay where they are."""
    found: dict[str, list[tuple[int, Event]]] = {}
    for row in connection.execute(_FACT.where(events.c.text.in_(aliases))):
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
