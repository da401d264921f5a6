"""Rows of the outbox in somebody's hands: chosen for a request under a lease, settled after it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy import Row as SqlRow

from crm_sms.ledger.crm_records import by_object
from crm_sms.ledger.desired_json import decode
from crm_sms.ledger.outbox import OutboxRow, lock_rows
from crm_sms.ledger.tables import outbox, requests
from crm_sms.records import Lane, Reason, State


@dataclass(frozen=True, slots=True)
class Turn:
    """One claim: for which CRM, by which request, when, until when, which lanes, how many rows.

    `waits` is what each lane waits beyond its window. Nothing is put off beyond `horizon`: what is,
    was put off by a clock that has gone back since, and waits no longer.
    """

    crm: str
    holder: str
    now: datetime
    lease_until: datetime
    late_commit: timedelta
    lanes: Collection[Lane]
    waits: Mapping[Lane, timedelta]
    size: int
    horizon: datetime


def is_due(connection: Connection, turn: Turn) -> bool:
    """Whether any row's window has ended, which is what starts a request."""
    ended = or_(
        *(
            and_(outbox.c.lane == int(lane), outbox.c.due_at <= turn.now - turn.waits[lane])
            for lane in turn.lanes
        ),
        outbox.c.due_at > turn.horizon,
    )
    query = select(outbox.c.id).where(_free(turn), ended).limit(1)
    return connection.execute(query).first() is not None


def candidates(connection: Connection, turn: Turn, passed: int = 0) -> list[OutboxRow]:
    """The rows that one request may carry, in the order of the lanes, the longest waiting first;
    without the first `passed` of them."""
    query = (
        select(outbox)
        .where(_free(turn))
        .order_by(outbox.c.lane, outbox.c.due_at, outbox.c.id)
        .limit(turn.size)
        .offset(passed)
    )
    return [_row(row, turn) for row in connection.execute(query)]


def among(
    connection: Connection, turn: Turn, places: Collection[tuple[str, str]]
) -> tuple[list[OutboxRow], dict[tuple[str, str], datetime]]:
    """Of these (object, key): the rows that could be claimed now, and the places that still wait,
    with the end of their back-off."""
    free: list[OutboxRow] = []
    waiting: dict[tuple[str, str], datetime] = {}
    for object_name, keys in by_object(places).items():
        here = and_(
            outbox.c.crm == turn.crm,
            outbox.c.object == object_name,
            outbox.c.key.in_(keys),
            outbox.c.state != State.PARKED,
        )
        for key, until in connection.execute(select(outbox.c.key, outbox.c.not_before).where(here)):
            waiting[object_name, key] = max(until, waiting.get((object_name, key), until))
        rows = connection.execute(select(outbox).where(here, _free(turn)).limit(turn.size))
        free += [_row(row, turn) for row in rows]
    return free[: turn.size], waiting


def postpone(connection: Connection, until: Mapping[int, datetime]) -> None:
    """Rows that cannot go before others wait as long as those back off, so that they are not looked
    through again and again meanwhile."""
    if until:
        lock_rows(connection, list(until))
        connection.execute(
            update(outbox)
            .where(outbox.c.id == bindparam("row"), outbox.c.holder.is_(None))
            .values(not_before=bindparam("end")),
            [{"row": id, "end": end} for id, end in until.items()],
        )


def _free(turn: Turn) -> ColumnElement[bool]:
    """Rows whose turn it is: not parked, not backing off, and nobody at work on them.

    Nor on another row of their partition: two requests that write under one account at once would
    wait for the same lock at the CRM. An opt-out waits for its own record only: a lock costs it a
    try, the lease of somebody who was killed would cost it minutes.
    """
    other = outbox.alias("other")
    at_work = exists().where(
        other.c.crm == outbox.c.crm,
        other.c.partition == outbox.c.partition,
        other.c.holder.is_not(None),
        other.c.lease_until >= turn.now,
        or_(
            outbox.c.lane != int(Lane.OPT_OUT),
            and_(other.c.object == outbox.c.object, other.c.key == outbox.c.key),
        ),
    )
    return and_(
        outbox.c.crm == turn.crm,
        outbox.c.lane.in_([int(lane) for lane in turn.lanes]),
        or_(
            outbox.c.state == State.WAITING,
            and_(outbox.c.state == State.SETTLING, _is_over(outbox.c.due_at, turn)),
        ),
        _is_over(outbox.c.not_before, turn),
        ~at_work,
    )


def _is_over(column: ColumnElement[datetime], turn: Turn) -> ColumnElement[bool]:
    return or_(column <= turn.now, column > turn.horizon)


def has_doubtful_leases(connection: Connection, turn: Turn) -> bool:
    """Whether rows are leased for longer than a lease lasts, by a clock that was ahead of ours."""
    last = select(func.max(requests.c.started_at)).where(requests.c.crm == turn.crm)
    started = connection.execute(last).scalar_one()
    if started is None or started <= turn.now:
        return False
    return (
        connection.execute(select(outbox.c.id).where(_doubtful(turn)).limit(1)).first() is not None
    )


def shorten_leases(connection: Connection, turn: Turn) -> None:
    """Such a lease counts from now. Whoever was given it may be at work still, and on another
    machine whose clock is right; but no longer than a lease lasts, so nobody comes between."""
    ids = connection.execute(select(outbox.c.id).where(_doubtful(turn))).scalars().all()
    lock_rows(connection, ids)
    connection.execute(
        update(outbox)
        .where(outbox.c.id.in_(ids), _doubtful(turn))
        .values(lease_until=turn.lease_until)
    )


def _doubtful(turn: Turn) -> ColumnElement[bool]:
    return and_(
        outbox.c.crm == turn.crm,
        outbox.c.holder.is_not(None),
        outbox.c.lease_until > turn.lease_until,
    )


def claim(connection: Connection, turn: Turn, rows: Sequence[OutboxRow]) -> None:
    """Lease rows to the turn's holder.

    A row that still has a holder lost its lease: that one may have written it, so it is a maybe
    from here on (`candidates` says so in the row).
    """
    statement = (
        update(outbox)
        .where(outbox.c.id == bindparam("row"))
        .values(
            holder=turn.holder,
            lease_until=turn.lease_until,
            maybe=bindparam("unclear"),
            rewrite_at=bindparam("again"),
        )
    )
    if rows:
        lock_rows(connection, [row.id for row in rows])
        connection.execute(
            statement,
            [{"row": row.id, "unclear": row.maybe, "again": row.rewrite_at} for row in rows],
        )


def _row(row: SqlRow[Any], turn: Turn) -> OutboxRow:
    lost = row.holder is not None
    rewrite_at = row.rewrite_at
    if lost:
        last = row.lease_until + turn.late_commit
        rewrite_at = max(rewrite_at, last) if rewrite_at else last
    if rewrite_at:  # no late writer can be under way for longer, whatever the clock said then
        rewrite_at = min(rewrite_at, turn.now + turn.late_commit)
    return OutboxRow(
        id=row.id,
        object=row.object,
        key=row.key,
        lane=Lane(row.lane),
        key_field=row.key_field,
        create_only=row.create_only,
        fields={name: decode(field) for name, field in row.fields.items()},
        starred=frozenset(row.starred),
        version=row.version,
        tries=row.tries,
        maybe=row.maybe or lost,
        rewrite_at=rewrite_at,
        sent=row.sent or {},
        reason=Reason(row.reason) if row.reason else None,
    )
