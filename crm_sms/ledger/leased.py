"""What becomes of rows that a request has leased: kept as sent, given back, settled."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, select, update

from crm_sms.delivery.settling import Settlement
from crm_sms.ledger.outbox import OutboxRow, lock_rows
from crm_sms.ledger.storable import storable_text
from crm_sms.ledger.tables import outbox
from crm_sms.records import State


def keep_sent(
    connection: Connection, holder: str, sent: Mapping[int, Mapping[str, Sequence[str]]]
) -> None:
    """By row and field, fingerprints of all that may reach the CRM from here on; only for rows that
    this holder still has."""
    statement = (
        update(outbox)
        .where(outbox.c.id == bindparam("row"), outbox.c.holder == holder)
        .values(sent=bindparam("values"))
    )
    if sent:
        lock_rows(connection, list(sent))
        connection.execute(statement, [{"row": id, "values": sent[id]} for id in sorted(sent)])


def release(connection: Connection, holder: str, ids: Collection[int]) -> None:
    """Give leases back for rows that were not sent, with nothing kept as sent that was not."""
    if ids:
        lock_rows(connection, ids)
        clear = and_(outbox.c.maybe.is_(False), outbox.c.rewrite_at.is_(None))
        connection.execute(
            update(outbox)
            .where(outbox.c.id.in_(ids), outbox.c.holder == holder)
            .values(holder=None, lease_until=None, sent=case((clear, None), else_=outbox.c.sent))
        )


def held(connection: Connection, holder: str, ids: Collection[int]) -> set[int]:
    """Which of these rows this holder still has."""
    query = select(outbox.c.id).where(outbox.c.id.in_(ids), outbox.c.holder == holder)
    return set(connection.execute(query).scalars())


def settle(
    connection: Connection, holder: str, settled: Sequence[tuple[OutboxRow, Settlement]]
) -> None:
    """Apply settlements to rows that this holder still has; a lease that was lost changes nothing,
    since whoever took the row over settles it."""
    lock_rows(connection, [row.id for row, _ in settled])
    done = [row for row, settlement in settled if settlement.state is None]
    if done:
        connection.execute(
            outbox.delete().where(
                outbox.c.id == bindparam("row"),
                outbox.c.holder == holder,
                outbox.c.version == bindparam("seen"),
            ),
            [{"row": row.id, "seen": row.version} for row in done],
        )
    if settled:
        connection.execute(_settle(holder), [_columns(*one) for one in settled])


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


def _columns(row: OutboxRow, settlement: Settlement) -> dict[str, Any]:
    return {
        "row": row.id,
        "seen": row.version,
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
