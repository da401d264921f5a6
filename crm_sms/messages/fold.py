"""All facts known of one text become one Message, whatever their order and however often."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields, replace
from datetime import datetime
from operator import attrgetter
from typing import Any

from crm_sms.events import (
    RANK,
    Click,
    ClickClass,
    Direction,
    ErrorClass,
    Event,
    EventKind,
    Metadata,
    Status,
)
from crm_sms.messages.clicks import classify_each
from crm_sms.messages.message import Message
from crm_sms.phone import Address, AddressKind

_SPEAKS_OF_THE_TEXT = frozenset({EventKind.STATUS, EventKind.REPLY, EventKind.SNAPSHOT})
_ARRIVED = frozenset({Status.DELIVERED, Status.READ})
_LEFT = _ARRIVED | {Status.SENT, Status.UNCONFIRMED, Status.UNDELIVERED}
_TOO_LATE_TO_CANCEL = _LEFT | {Status.SENDING}
_FINALS = frozenset(status for status, rank in RANK.items() if rank >= RANK[Status.DELIVERED])
_SOFT_FINALS = _FINALS | {Status.UNCONFIRMED}
_BEST_ADDRESS = (
    AddressKind.NUMBER,
    AddressKind.SHORT_CODE,
    AddressKind.CHANNEL,
    AddressKind.NAME,
    AddressKind.UNPARSABLE,
)
_UNSAID = {Direction.OUTBOUND: Status.UNKNOWN, Direction.INBOUND: Status.RECEIVED}
_NO_METADATA = Metadata()
_METADATA_FIELDS = tuple(field.name for field in fields(Metadata))
_receipt = attrgetter("received_at")
_rank = RANK.__getitem__


def message_key(facts: Collection[Event]) -> str:
    """The key of the text that these facts are about.

    Ours (the smallest, if several were given), else `provider:account:provider_message_id`; a fact
    without any id stands under its own key.
    """
    ours = [fact.message_key for fact in facts if fact.message_key]
    if ours:
        return min(ours)
    known = [fact for fact in facts if fact.provider_message_id] or facts
    return min([f"{f.provider}:{f.account}:{f.provider_message_id or f.key}" for f in known])


def fold(events: Collection[Event]) -> Message:
    """One text from at least one fact; the same for every order and repetition of the facts.

    Status goes by rank, never by arrival (see `_current`). Of values that contradict each other
    the newest stands: snapshots before callbacks, later receipts before earlier ones, then the
    greater key; metadata field by field; of addresses, numbers before anything else.

    `occurred_at` is when the provider says that it sent the text, else its earliest time for it,
    else the earliest receipt of any fact; when a link was clicked has no part in it. `sent_at` is
    what the provider said, else the first sign that the text left, `delivered_at` the first sign
    that it arrived. A snapshot says that it did, not when, so its receipt is no such sign: an
    imported log would put every delivery on the day of the import.
    """
    facts = sorted(events, key=_age, reverse=True)
    told = [fact for fact in facts if fact.kind in _SPEAKS_OF_THE_TEXT]
    direction = _direction(facts)
    status, conflict = _current(told, direction)
    deciding = [fact for fact in told if fact.status is status]
    error_code, error_class = _error(deciding)
    received_at = min(map(_receipt, facts))
    delivered_at = _first_sign(told, _ARRIVED)
    clicked_at = _human_clicks(facts, delivered_at)
    newest = facts[0]
    return Message(
        key=message_key(facts),
        provider=newest.provider,
        account=newest.account,
        direction=direction,
        status=status,
        occurred_at=_provider_time(told) or received_at,
        received_at=received_at,
        provider_message_id=_newest(facts, "provider_message_id"),
        provider_status=_newest(deciding, "provider_status"),
        conflict=conflict,
        sender=_address(facts, "sender"),
        recipient=_address(facts, "recipient"),
        body=_newest(facts, "body"),
        media_count=_media_count(facts),
        segments=_newest(facts, "segments"),
        price=_newest(facts, "price"),
        sent_at=_sent_at(told, direction),
        delivered_at=delivered_at,
        first_clicked_at=min(clicked_at, default=None),
        last_clicked_at=max(clicked_at, default=None),
        click_count=len(clicked_at),
        error_code=error_code,
        error_class=error_class,
        metadata=_merged(facts),
        verified=any([fact.verified for fact in facts]),
    )


def _age(fact: Event) -> tuple[bool, datetime, str]:
    return (fact.kind is EventKind.SNAPSHOT, fact.received_at, fact.key)


def _newest(facts: Iterable[Any], name: str) -> Any:
    """The first that is given; facts come newest first."""
    for fact in facts:
        value = getattr(fact, name)
        if value is not None:
            return value
    return None


def _direction(facts: Iterable[Event]) -> Direction:
    """Outbound is also what facts say that do not know: one that says inbound does."""
    inbound = any([fact.direction is Direction.INBOUND for fact in facts])
    return Direction.INBOUND if inbound else Direction.OUTBOUND


def _current(told: Sequence[Event], direction: Direction) -> tuple[Status, bool]:
    """Where the text stands, and whether what is final was contradicted.

    An arrival beats every other final: after `failed` it is a late receipt, and a `failed` after
    it is not believed. `canceled` holds only for a text that had not begun to leave. Of other
    finals the first stands, by the provider's time if given, else by receipt, then by key.
    """
    seen = {fact.status for fact in told if fact.status}
    if not seen:
        return _UNSAID[direction], False
    conflict = _contradictory(seen)
    if not seen.isdisjoint(_TOO_LATE_TO_CANCEL):
        seen.discard(Status.CANCELED)
    finals = seen & _FINALS
    if len(finals) < 2 or finals & _ARRIVED:
        return max(finals & _ARRIVED or seen, key=_rank), conflict
    first = min([fact for fact in told if fact.status in finals], key=_stated_at)
    return first.status or Status.UNKNOWN, conflict


def _contradictory(seen: set[Status]) -> bool:
    """Whether two ends were told, or a cancellation of what had left; reading is arriving."""
    ends = {Status.DELIVERED if end is Status.READ else end for end in seen & _SOFT_FINALS}
    canceled_too_late = Status.CANCELED in seen and not seen.isdisjoint(_TOO_LATE_TO_CANCEL)
    return canceled_too_late or len(ends) > 1


def _stated_at(fact: Event) -> tuple[datetime, str]:
    """When a status was stated; the `occurred_at` of a snapshot is the text's, not the status's."""
    at = None if fact.kind is EventKind.SNAPSHOT else fact.occurred_at
    return (at or fact.received_at, fact.key)


def _error(deciding: Iterable[Event]) -> tuple[str | None, ErrorClass | None]:
    for fact in deciding:
        if fact.error_code or fact.error_class:
            return fact.error_code, fact.error_class
    return None, None


def _first_sign(told: Iterable[Event], statuses: frozenset[Status]) -> datetime | None:
    signs = [f for f in told if f.status in statuses and f.kind is not EventKind.SNAPSHOT]
    return min([fact.occurred_at or fact.received_at for fact in signs], default=None)


def _sent_at(told: Sequence[Event], direction: Direction) -> datetime | None:
    if direction is Direction.INBOUND:
        return None
    said = [fact.sent_at for fact in told if fact.sent_at]
    return min(said) if said else _first_sign(told, _LEFT)


def _provider_time(told: Sequence[Event]) -> datetime | None:
    """Not when it was made, if it was sent: a listing that came before tells only the former."""
    sent = [fact.sent_at for fact in told if fact.sent_at]
    return min(sent or [fact.occurred_at for fact in told if fact.occurred_at], default=None)


def _address(facts: Iterable[Event], end: str) -> Address | None:
    known = [address for fact in facts if (address := getattr(fact, end))]
    return min(known, key=lambda address: _BEST_ADDRESS.index(address.kind), default=None)


def _media_count(facts: Iterable[Event]) -> int | None:
    for fact in facts:
        if fact.media_count is not None or fact.media:
            return len(fact.media) if fact.media_count is None else fact.media_count
    return None


def _merged(facts: Iterable[Event]) -> Metadata:
    known = [fact.metadata for fact in facts if fact.metadata != _NO_METADATA]
    if not known or all(metadata == known[0] for metadata in known):
        return known[0] if known else _NO_METADATA
    return Metadata(**{name: _newest(known, name) for name in _METADATA_FIELDS})


def _human_clicks(facts: Iterable[Event], delivered_at: datetime | None) -> list[datetime]:
    """When people clicked; a click counts once by its key."""
    clicks = {fact.key: _timed(fact.click, fact.received_at) for fact in facts if fact.click}
    classes = classify_each(clicks.values(), delivered_at)
    return [
        click.clicked_at
        for click, made_by in zip(clicks.values(), classes, strict=True)
        if click.clicked_at and made_by is ClickClass.HUMAN
    ]


def _timed(click: Click, received_at: datetime) -> Click:
    return click if click.clicked_at else replace(click, clicked_at=received_at)
