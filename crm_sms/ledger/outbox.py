"""Desired records that wait for a CRM: put in, claimed under a lease, settled, parked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy import Row as SqlRow
from sqlalchemy.dialects import postgresql, sqlite

from crm_sms.ledger.crm_records import by_object
from crm_sms.ledger.desired_json import decode, encode
from crm_sms.ledger.storable import storable_text
from crm_sms.ledger.store import Ledger
from crm_sms.ledger.tables import outbox
from crm_sms.records import (
    DesiredField,
    DesiredRecord,
    Lane,
    Reason,
    Reference,
    Text,
    WriteRule,
)

UNPLANNED = "unplanned"
"""Stands for the object of a record that the mapping could not make."""


class State(StrEnum):
    """Where a row stands. SETTLING: written, to be written once more when no late writer can be
    under way."""

    WAITING = "waiting"
    SETTLING = "settling"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A row as claimed."""

    id: int
    object: str
    key: str
    lane: Lane
    key_field: str | None
    create_only: bool
    fields: Mapping[str, DesiredField]
    starred: frozenset[str]
    version: int
    tries: int
    maybe: bool
    rewrite_at: datetime | None
    sent: Mapping[str, Sequence[str]]
    reason: Reason | None

    @property
    def place(self) -> tuple[str, str]:
        """The record this row is about."""
        return self.object, self.key


def put(
    ledger: Ledger,
    connection: Connection,
    records: Iterable[tuple[DesiredRecord, int | None]],
    now: datetime,
    windows: Mapping[Lane, timedelta],
) -> int:
    """Store desired records, each with the message it is due to; a waiting row takes new fields.

    A record is the whole of what its lane wants, so new facts replace the row's fields. A parked
    row stays parked: a retry is somebody's decision; but for an opt-out of somebody who was gone
    and is wanted again, since an opt-out reaches whoever holds the number, also later.
    """
    rows = [
        {
            "crm": record.crm,
            "object": record.object,
            "key": record.key,
            "lane": int(record.lane),
            "key_field": record.key_field,
            "create_only": record.create_only,
            "partition": record.partition,
            "fields": {name: encode(field) for name, field in record.fields.items()},
            "starred": sorted(record.starred),
            "message_id": message_id,
            "created_at": now,
            "due_at": now + windows[record.lane],
            "not_before": now,
        }
        for record, message_id in records
    ]
    if rows:
        connection.execute(_put(ledger.is_sqlite), rows)
    return len(rows)


@lru_cache  # putting a statement together costs more than running it
def _put(is_sqlite: bool) -> Any:
    statement = sqlite.insert(outbox) if is_sqlite else postgresql.insert(outbox)
    new = statement.excluded
    returned = and_(
        outbox.c.state == State.PARKED,
        outbox.c.lane == int(Lane.OPT_OUT),
        or_(outbox.c.reason == Reason.DELETED, outbox.c.reason == Reason.CONVERTED),
    )
    anew = or_(outbox.c.state == State.SETTLING, returned)
    return statement.on_conflict_do_update(
        index_elements=["crm", "object", "key", "lane"],
        set_={
            "version": outbox.c.version + 1,
            "fields": new.fields,
            "starred": new.starred,
            "message_id": new.message_id,
            "partition": new.partition,
            "state": case((anew, State.WAITING), else_=outbox.c.state),
            "due_at": case((anew, new.due_at), else_=outbox.c.due_at),
            "not_before": case((anew, new.not_before), else_=outbox.c.not_before),
        },
    )


@dataclass(frozen=True, slots=True)
class Turn:
    """One claim: for which CRM, by which request, when, until when, which lanes, how many rows.

    `waits` is what each lane waits beyond its window.
    """

    crm: str
    holder: str
    now: datetime
    lease_until: datetime
    late_commit: timedelta
    lanes: Collection[Lane]
    waits: Mapping[Lane, timedelta]
    size: int


def is_due(connection: Connection, turn: Turn) -> bool:
    """Whether any row's window has ended, which is what starts a request."""
    ended = or_(
        *(
            and_(outbox.c.lane == int(lane), outbox.c.due_at <= turn.now - turn.waits[lane])
            for lane in turn.lanes
        )
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
) -> tuple[list[OutboxRow], set[tuple[str, str]]]:
    """Of these (object, key): the rows that could be claimed now, and the places still waiting."""
    free: list[OutboxRow] = []
    waiting: set[tuple[str, str]] = set()
    for object_name, keys in by_object(places).items():
        here = and_(
            outbox.c.crm == turn.crm,
            outbox.c.object == object_name,
            outbox.c.key.in_(keys),
            outbox.c.state != State.PARKED,
        )
        keys_here = connection.execute(select(outbox.c.key).where(here)).scalars()
        waiting |= {(object_name, key) for key in keys_here}
        rows = connection.execute(select(outbox).where(here, _free(turn)).limit(turn.size))
        free += [_row(row, turn) for row in rows]
    return free[: turn.size], waiting


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
            and_(outbox.c.state == State.SETTLING, outbox.c.due_at <= turn.now),
        ),
        outbox.c.not_before <= turn.now,
        ~at_work,
    )


def claim(ledger: Ledger, connection: Connection, turn: Turn, rows: Sequence[OutboxRow]) -> None:
    """Lease rows to the turn's holder.

    A row that still has a holder lost its lease: that one may have written it, so it is a maybe
    from here on (`candidates` says so in the row). What may have been sent is kept with it.
    """
    statement = (
        update(outbox)
        .where(outbox.c.id == bindparam("row"))
        .values(
            holder=turn.holder,
            lease_until=turn.lease_until,
            maybe=bindparam("unclear"),
            rewrite_at=bindparam("again"),
            sent=bindparam("values"),
        )
    )
    if rows:
        connection.execute(
            statement,
            [
                {
                    "row": row.id,
                    "unclear": row.maybe,
                    "again": row.rewrite_at,
                    "values": _sent_with(ledger, row),
                }
                for row in rows
            ],
        )


def _sent_with(ledger: Ledger, row: OutboxRow) -> dict[str, list[str]]:
    """By field that somebody may edit: every value that may have reached the CRM after this, as
    fingerprints."""
    sent = {name: list(values) for name, values in row.sent.items()}
    for name, desired in row.fields.items():
        value = desired.value
        if desired.rule is WriteRule.UNTIL_EDITED and not isinstance(value, Reference | Text):
            known = sent.setdefault(name, [])
            if ledger.fingerprint(value) not in known:
                known.append(ledger.fingerprint(value))
    return sent


def release(connection: Connection, holder: str, ids: Collection[int]) -> None:
    """Give leases back for rows that were not sent."""
    if ids:
        connection.execute(
            update(outbox)
            .where(outbox.c.id.in_(ids), outbox.c.holder == holder)
            .values(holder=None, lease_until=None)
        )


@dataclass(frozen=True, slots=True)
class Settlement:
    """What becomes of one claimed row; without `state` it is done and leaves, unless it has
    changed meanwhile. A row that has changed is due by its own window, if `not_before` lets it;
    for others `due_at` is `not_before` unless given."""

    row: OutboxRow
    state: State | None
    not_before: datetime
    due_at: datetime | None = None
    maybe: bool = False
    rewrite_at: datetime | None = None
    tries: int = 0
    reason: Reason | None = None
    detail: str = ""


def held(connection: Connection, holder: str, ids: Collection[int]) -> set[int]:
    """Which of these rows this holder still has."""
    query = select(outbox.c.id).where(outbox.c.id.in_(ids), outbox.c.holder == holder)
    return set(connection.execute(query).scalars())


def settle(connection: Connection, holder: str, settlements: Sequence[Settlement]) -> None:
    """Apply settlements to rows that this holder still has; a lease that was lost changes nothing,
    since whoever took the row over settles it."""
    done = [s for s in settlements if s.state is None]
    if done:
        connection.execute(
            outbox.delete().where(
                outbox.c.id == bindparam("row"),
                outbox.c.holder == holder,
                outbox.c.version == bindparam("seen"),
            ),
            [{"row": s.row.id, "seen": s.row.version} for s in done],
        )
    if settlements:
        connection.execute(_settle(holder), [_settled(s) for s in settlements])


def _settle(holder: str) -> Any:
    """A row that got new fields meanwhile waits again, whatever became of the old ones."""
    unchanged = outbox.c.version == bindparam("seen")
    due = bindparam("due", type_=outbox.c.due_at.type)
    return (
        update(outbox)
        .where(outbox.c.id == bindparam("row"), outbox.c.holder == holder)
        .values(
            holder=None,
            lease_until=None,
            state=case((unchanged, bindparam("next_state")), else_=State.WAITING),
            not_before=bindparam("earliest"),
            due_at=case((unchanged, due), else_=outbox.c.due_at),
            maybe=bindparam("unclear"),
            rewrite_at=bindparam("again"),
            tries=bindparam("tried"),
            reason=bindparam("why"),
            detail=bindparam("words"),
            sent=case((bindparam("clear"), None), else_=outbox.c.sent),
        )
    )


def _settled(settlement: Settlement) -> dict[str, Any]:
    return {
        "row": settlement.row.id,
        "seen": settlement.row.version,
        "next_state": settlement.state or State.WAITING,
        "earliest": settlement.not_before,
        "due": settlement.due_at or settlement.not_before,
        "unclear": settlement.maybe,
        "again": settlement.rewrite_at,
        "tried": settlement.tries,
        "why": settlement.reason,
        "words": storable_text(settlement.detail) or None,
        "clear": not settlement.maybe and settlement.rewrite_at is None,
    }


def planned_after(connection: Connection, crm: str, id: int, most: int) -> list[SqlRow[Any]]:
    """Rows of one CRM with a greater number, in that order: id, message_id, lane, key."""
    query = (
        select(outbox.c.id, outbox.c.message_id, outbox.c.lane, outbox.c.key)
        .where(outbox.c.crm == crm, outbox.c.id > id)
        .order_by(outbox.c.id)
        .limit(most)
    )
    return list(connection.execute(query))


def withdraw(connection: Connection, ids: Collection[int]) -> None:
    """Take rows out that no request has carried yet, or that could not be planned; others stay."""
    untried = and_(
        outbox.c.state == State.WAITING,
        outbox.c.tries == 0,
        outbox.c.holder.is_(None),
        outbox.c.maybe.is_(False),
    )
    gone = or_(untried, outbox.c.object == UNPLANNED)
    connection.execute(outbox.delete().where(outbox.c.id.in_(ids), gone))


def counts(connection: Connection) -> list[tuple[str, str, int, int]]:
    """(crm, state, lane, rows) for all rows."""
    query = select(outbox.c.crm, outbox.c.state, outbox.c.lane, func.count()).group_by(
        outbox.c.crm, outbox.c.state, outbox.c.lane
    )
    return [(row[0], row[1], row[2], row[3]) for row in connection.execute(query)]


def next_due(connection: Connection, crm: str) -> datetime | None:
    """When the next row's turn comes, windows and back-off counted; None if none waits."""
    later = case(
        (outbox.c.due_at > outbox.c.not_before, outbox.c.due_at), else_=outbox.c.not_before
    )
    query = select(func.min(later)).where(outbox.c.crm == crm, outbox.c.state != State.PARKED)
    found: datetime | None = connection.execute(query).scalar_one_or_none()
    return found


def _row(row: SqlRow[Any], turn: Turn) -> OutboxRow:
    lost = row.holder is not None
    rewrite_at = row.rewrite_at
    if lost:
        last = row.lease_until + turn.late_commit
        rewrite_at = max(rewrite_at, last) if rewrite_at else last
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
