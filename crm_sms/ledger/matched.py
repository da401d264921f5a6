"""Whom each text concerns, in which conversation, and what that adds up to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, Select, and_, bindparam, case, func, select

from crm_sms.events import Direction, Status
from crm_sms.ledger.store import Ledger
from crm_sms.ledger.tables import (
    events,
    matches,
    message_aliases,
    message_data,
    messages,
    suppressions,
)
from crm_sms.mapping.facts import OptOut, RollUp
from crm_sms.matching import Match


def matches_of(connection: Connection, crm: str, ids: Collection[int]) -> dict[int, Match]:
    """Stored matches in one CRM, by message."""
    if not ids:
        return {}
    rows = connection.execute(_MATCHES, {"crm": crm, "wanted": list(ids)})
    return {row.message_id: Match(**row._mapping) for row in rows}


_WANTED: BindParameter[Any] = bindparam("wanted", expanding=True)
_MATCHES = select(matches).where(
    matches.c.crm == bindparam("crm"), matches.c.message_id.in_(_WANTED)
)


def matched_to(connection: Connection, crm: str, person_id: str) -> list[int]:
    """Messages that concern this person of a CRM."""
    query = select(matches.c.message_id).where(
        matches.c.crm == crm, matches.c.person_id == person_id
    )
    return list(connection.execute(query).scalars())


def due_to(connection: Connection, crm: str, keys: Collection[str]) -> set[int]:
    """Messages that, planned again, plan the records with these keys in one CRM: a text's own, and
    one of the texts of each person and opportunity."""
    values = {"crm": crm, "wanted": list(keys)}
    found = [connection.execute(query, values).scalars() for query in _DUE_TO] if keys else []
    return {id for ids in found for id in ids}


_DUE_TO = (
    select(messages.c.id).where(messages.c.key.in_(_WANTED)),
    *(
        select(func.min(matches.c.message_id))
        .where(matches.c.crm == bindparam("crm"), whose.in_(_WANTED))
        .group_by(whose)
        for whose in (matches.c.person_id, matches.c.opportunity_id)
    ),
)


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


_INBOUND = messages.c.direction == Direction.INBOUND
_LEFT = and_(~_INBOUND, messages.c.sent_at.is_not(None), messages.c.status.not_in(_NEVER_LEFT))
_ANSWERED_IN = and_(_INBOUND, messages.c.response_seconds.is_not(None))


def roll_ups(connection: Connection, crm: str, by: str, ids: Collection[str]) -> dict[str, RollUp]:
    """Counts and times over all texts, `by` "person_id" or "opportunity_id"."""
    if not ids:
        return {}
    values = {"crm": crm, "wanted": list(ids)}
    sums, numbers, seconds = (connection.execute(query, values).all() for query in _ROLL_UPS[by])
    last_number, last_seconds = dict(map(tuple, numbers)), dict(map(tuple, seconds))
    return {
        row[0]: replace(
            RollUp(*row[1:]),
            last_response_seconds=last_seconds.get(row[0]),
            last_number=last_number.get(row[0]),
        )
        for row in sums
    }


def _sums(by: str) -> Select[Any]:
    whose = matches.c[by]
    return (
        select(
            whose,
            func.sum(case((_LEFT, 1), else_=0)),
            func.sum(case((_INBOUND, 1), else_=0)),
            func.sum(messages.c.click_count),
            func.min(case((_LEFT | _INBOUND, messages.c.occurred_at))),
            func.max(case((_LEFT | _INBOUND, messages.c.occurred_at))),
            func.max(case((_LEFT, messages.c.sent_at))),
            func.max(case((_INBOUND, messages.c.occurred_at))),
            func.max(messages.c.last_clicked_at),
        )
        .join(messages, messages.c.id == matches.c.message_id)
        .where(matches.c.crm == bindparam("crm"), whose.in_(_WANTED))
        .group_by(whose)
    )


def _latest(by: str, which: Any, value: Any) -> Select[Any]:
    """One value of each one's latest text among `which`."""
    whose = matches.c[by]
    place = func.row_number().over(
        partition_by=whose, order_by=(messages.c.occurred_at.desc(), messages.c.tie.desc())
    )
    ranked = (
        select(whose.label("whose"), value.label("value"), place.label("place"))
        .join(messages, messages.c.id == matches.c.message_id)
        .outerjoin(message_data, message_data.c.message_id == messages.c.id)
        .where(matches.c.crm == bindparam("crm"), whose.in_(_WANTED), which)
        .subquery()
    )
    return select(ranked.c.whose, ranked.c.value).where(ranked.c.place == 1)


_ROLL_UPS = {
    by: (
        _sums(by),
        _latest(by, _LEFT, message_data.c.number),
        _latest(by, _ANSWERED_IN, messages.c.response_seconds),
    )
    for by in ("person_id", "opportunity_id")
}
"""Built once: putting a statement together costs more than running it."""


def opt_outs(
    ledger: Ledger, connection: Connection, numbers: Collection[str]
) -> dict[str, tuple[datetime, str]]:
    """When and from where each of these numbers said no first; absent if it never did."""
    found: dict[str, tuple[datetime, str]] = {}
    if not numbers:
        return found
    digests = {ledger.digest(number): number for number in numbers}
    for row in connection.execute(_SUPPRESSED, {"wanted": list(digests)}):
        number, said = digests[row.number_digest], (row.at, row.source)
        found[number] = min(found.get(number, said), said)
    return found


def opt_out_events(
    ledger: Ledger, connection: Connection, numbers: Collection[str]
) -> set[tuple[str, str, str]]:
    """The events by which these numbers said no: (provider, account, key)."""
    if not numbers:
        return set()
    wanted = [ledger.digest(number) for number in numbers]
    rows = connection.execute(_SUPPRESSED, {"wanted": wanted})
    return {(row.provider, row.account, row.event_key) for row in rows}


_SUPPRESSED = select(suppressions).where(suppressions.c.number_digest.in_(_WANTED))


def said_by(ledger: Ledger, connection: Connection, numbers: Collection[str]) -> int | None:
    """A message that said no for one of these numbers; None while none of them is processed."""
    query = (
        select(func.min(message_aliases.c.message_id))
        .select_from(suppressions)
        .join(
            events,
            (events.c.provider == suppressions.c.provider)
            & (events.c.account == suppressions.c.account)
            & (events.c.key == suppressions.c.event_key),
        )
        .join(message_aliases, message_aliases.c.alias == events.c.text)
        .where(suppressions.c.number_digest.in_([ledger.digest(number) for number in numbers]))
    )
    found: int | None = connection.execute(query).scalar_one_or_none()
    return found


def opt_out_of(
    numbers: Collection[str],
    said: Mapping[str, tuple[datetime, str]],
    carried: datetime | None = None,
) -> OptOut | None:
    """What a person who holds these numbers said, or None if none of them said no. A no that was
    set by hand, `carried` here from another record since then, concerns the person: no number."""
    no = sorted(number for number in numbers if number in said)
    first = min((said[number] for number in no), default=None)
    if carried and (first is None or carried < first[0]):
        first = (carried, "carried over from a merged or converted record")
    return OptOut(*first, () if carried else tuple(no)) if first else None
