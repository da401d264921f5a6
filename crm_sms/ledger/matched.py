"""Whom each text concerns, in which conversation, and what that adds up to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, and_, case, func, select

from crm_sms.events import Direction, Status
from crm_sms.ledger.store import Ledger
from crm_sms.ledger.tables import matches, message_data, messages, suppressions
from crm_sms.mapping.facts import OptOut, RollUp
from crm_sms.records import Scalar


@dataclass(frozen=True, slots=True)
class Match:
    """One text in one CRM: the person or None, the rule, the opportunity, how things stood."""

    message_id: int
    crm: str
    rule: str
    opportunity_rule: str
    object: str | None = None
    person_id: str | None = None
    opportunity_id: str | None = None
    context: Mapping[str, Scalar] | None = None
    conversation_id: int | None = None


def matches_of(connection: Connection, ids: Collection[int]) -> dict[tuple[int, str], Match]:
    """Stored matches by (message id, crm)."""
    if not ids:
        return {}
    query = select(matches).where(matches.c.message_id.in_(ids))
    return {(row.message_id, row.crm): Match(**row._mapping) for row in connection.execute(query)}


def store_matches(ledger: Ledger, connection: Connection, found: Sequence[Match]) -> None:
    """Insert or replace matches."""
    rows = [{name: getattr(match, name) for name in Match.__slots__} for match in found]
    ledger.upsert(connection, matches, rows)


_NEVER_LEFT = (
    Status.SCHEDULED,
    Status.ACCEPTED,
    Status.QUEUED,
    Status.CANCELED,
    Status.FAILED,
    Status.UNKNOWN,
)


def roll_ups(connection: Connection, crm: str, by: str, ids: Collection[str]) -> dict[str, RollUp]:
    """Counts and times over all texts, `by` "person_id" or "opportunity_id"."""
    if not ids:
        return {}
    whose: Column[Any] = matches.c[by]
    inbound = messages.c.direction == Direction.INBOUND
    left = and_(~inbound, messages.c.sent_at.is_not(None), messages.c.status.not_in(_NEVER_LEFT))
    query = (
        select(
            whose,
            func.sum(case((left, 1), else_=0)),
            func.sum(case((inbound, 1), else_=0)),
            func.sum(messages.c.click_count),
            func.min(case((left | inbound, messages.c.occurred_at))),
            func.max(case((left | inbound, messages.c.occurred_at))),
            func.max(case((left, messages.c.sent_at))),
            func.max(case((inbound, messages.c.occurred_at))),
            func.max(messages.c.last_clicked_at),
        )
        .join(messages, messages.c.id == matches.c.message_id)
        .where(matches.c.crm == crm, whose.in_(ids))
        .group_by(whose)
    )
    found = {row[0]: tuple(row[1:]) for row in connection.execute(query)}
    numbers = _latest(connection, crm, whose, ids, left, message_data.c.number)
    seconds = _latest(
        connection,
        crm,
        whose,
        ids,
        inbound & messages.c.response_seconds.is_not(None),
        messages.c.response_seconds,
    )
    return {
        id: replace(
            RollUp(*sums), last_response_seconds=seconds.get(id), last_number=numbers.get(id)
        )
        for id, sums in found.items()
    }


def _latest(
    connection: Connection,
    crm: str,
    whose: Column[Any],
    ids: Collection[str],
    which: Any,
    value: Column[Any],
) -> dict[str, Any]:
    """One value of each one's latest text among `which`."""
    place = func.row_number().over(
        partition_by=whose, order_by=(messages.c.occurred_at.desc(), messages.c.key.desc())
    )
    ranked = (
        select(whose.label("whose"), value.label("value"), place.label("place"))
        .join(messages, messages.c.id == matches.c.message_id)
        .outerjoin(message_data, message_data.c.message_id == messages.c.id)
        .where(matches.c.crm == crm, whose.in_(ids), which)
        .subquery()
    )
    query = select(ranked.c.whose, ranked.c.value).where(ranked.c.place == 1)
    return {row[0]: row[1] for row in connection.execute(query)}


def opt_outs(
    ledger: Ledger, connection: Connection, numbers: Collection[str]
) -> dict[str, tuple[datetime, str]]:
    """When and from where each of these numbers said no first; absent if it never did."""
    digests = {ledger.digest(number): number for number in numbers}
    query = select(suppressions).where(suppressions.c.number_digest.in_(digests))
    found: dict[str, tuple[datetime, str]] = {}
    for row in connection.execute(query):
        number, said = digests[row.number_digest], (row.at, row.source)
        found[number] = min(found.get(number, said), said)
    return found


def opt_out_of(numbers: Collection[str], said: Mapping[str, tuple[datetime, str]]) -> OptOut | None:
    """What a person who holds these numbers said, or None if none of them said no."""
    no = sorted(number for number in numbers if number in said)
    if not no:
        return None
    at, source = min(said[number] for number in no)
    return OptOut(at, source, tuple(no))
