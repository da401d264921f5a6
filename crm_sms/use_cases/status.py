"""How things stand: what waits, what is parked, how old the mirrors are, whom nobody knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from crm_sms.ledger import Ledger, inbox, outbox
from crm_sms.ledger.history import histories
from crm_sms.ledger.tables import matches, requests, suppressions, watermarks
from crm_sms.ledger.tables import outbox as outbox_table
from crm_sms.ledger.throttles import Pause, last_pause
from crm_sms.records import Lane, State

_RECENT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Queue:
    """One CRM's lane: rows that wait, of those the ones whose turn has come, and rows that are
    written but will be written once more when no late writer can be under way."""

    lane: str
    waiting: int
    due: int
    settling: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class LastRequest:
    """The last attempt to write to a CRM; without `ended_at` it is under way or was cut off."""

    started_at: datetime
    ended_at: datetime | None
    rows: int
    done: int | None
    unclear: int | None
    parked: int | None


@dataclass(frozen=True, slots=True)
class CrmStatus:
    """One CRM. `mirror` says by part when it was last pulled, `parked` how many rows by reason,
    `unmatched` how many texts have no person by the rule that says why. `pause` is set while the
    CRM is left alone."""

    queues: Sequence[Queue]
    parked: Mapping[str, int]
    mirror: Mapping[str, datetime]
    unmatched: Mapping[str, int]
    last_request: LastRequest | None
    pause: Pause | None


@dataclass(frozen=True, slots=True)
class Listed:
    """One account of a provider: until when its texts were listed, and how many of the last hours'
    texts callbacks kept silent about. `heard_at` is when its first callback came."""

    at: datetime | None
    missed: int
    heard_at: datetime | None


@dataclass(frozen=True, slots=True)
class Status:
    """Everything at once, as of `at`; `listed` is by provider and account."""

    at: datetime
    inbox: int
    inbox_since: datetime | None
    suppressions: int
    crms: Mapping[str, CrmStatus]
    listed: Mapping[str, Listed]

    @property
    def missed(self) -> int:
        """How many texts callbacks kept silent about, as far as was looked in the last day."""
        found = (one for one in self.listed.values() if one.at and self.at - one.at < _RECENT)
        return sum(one.missed for one in found)

    @property
    def parked(self) -> int:
        """How many rows are parked in all CRMs."""
        return sum(sum(crm.parked.values()) for crm in self.crms.values())


def status(ledger: Ledger, crms: Sequence[str], now: datetime) -> Status:
    """How things stand for these CRMs."""
    with ledger.read() as connection:
        events, since = inbox.backlog(connection)
        numbers = select(func.count(func.distinct(suppressions.c.number_digest)))
        return Status(
            at=now,
            inbox=events,
            inbox_since=since,
            suppressions=connection.execute(numbers).scalar_one(),
            crms={crm: _of_crm(connection, crm, now) for crm in crms},
            listed={
                account: Listed(one.at, one.missed, one.heard_at)
                for account, one in histories(connection).items()
            },
        )


def _of_crm(connection: Connection, crm: str, now: datetime) -> CrmStatus:
    pause = last_pause(connection, crm)
    return CrmStatus(
        queues=_queues(connection, crm, now),
        parked=_parked(connection, crm),
        mirror=pulled(connection, crm),
        unmatched=unmatched(connection, crm),
        last_request=_last_request(connection, crm),
        pause=pause if pause and pause.until > now else None,
    )


def _queues(connection: Connection, crm: str, now: datetime) -> list[Queue]:
    here = outbox_table.c
    query = (
        select(
            here.lane,
            func.count().filter(here.state == State.WAITING),
            func.count().filter(here.due_at <= now, here.not_before <= now),
            func.count().filter(here.state == State.SETTLING),
            func.min(here.created_at).filter(here.state == State.WAITING),
        )
        .where(here.crm == crm, here.state != State.PARKED)
        .group_by(here.lane)
    )
    found = {row[0]: row[1:] for row in connection.execute(query)}
    return [Queue(lane.name.lower(), *found.get(lane, (0, 0, 0, None))) for lane in Lane]


def _parked(connection: Connection, crm: str) -> dict[str, int]:
    here = outbox_table.c
    query = (
        select(here.reason, func.count())
        .where(here.crm == crm, here.state == State.PARKED)
        .group_by(here.reason)
        .order_by(here.reason)
    )
    return {reason: rows for reason, rows in connection.execute(query)}


def pulled(connection: Connection, crm: str) -> dict[str, datetime]:
    """When each part of a CRM's mirror was last brought up to date."""
    query = (
        select(watermarks.c.part, watermarks.c.pulled_at)
        .where(watermarks.c.crm == crm)
        .order_by(watermarks.c.part)
    )
    return {part: at for part, at in connection.execute(query)}


def unmatched(connection: Connection, crm: str) -> dict[str, int]:
    """How many texts concern nobody in this CRM, by the rule that says why."""
    query = (
        select(matches.c.rule, func.count())
        .where(matches.c.crm == crm, matches.c.person_id.is_(None))
        .group_by(matches.c.rule)
        .order_by(matches.c.rule)
    )
    return {rule: texts for rule, texts in connection.execute(query)}


def _last_request(connection: Connection, crm: str) -> LastRequest | None:
    query = select(requests).where(requests.c.crm == crm).order_by(requests.c.id.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return LastRequest(row.started_at, row.ended_at, row.rows, row.done, row.unclear, row.parked)


def waiting(connection: Connection, crm: str) -> int:
    """How many records this CRM does not have yet, parked ones left out."""
    counts = outbox.counts(connection)
    return sum(rows for name, state, _, rows in counts if name == crm and state != State.PARKED)
