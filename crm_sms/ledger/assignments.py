"""Whom somebody said that a number's texts concern."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from crm_sms.ledger import inbox
from crm_sms.ledger.store import Ledger
from crm_sms.ledger.tables import assignments


def assign(
    ledger: Ledger,
    connection: Connection,
    crm: str,
    number: str,
    person_id: str,
    now: datetime,
    by: str,
) -> int:
    """Have a number's texts, past and future, concern this person; how many there are by now.

    They are processed again. A later assignment takes the place of an earlier one.
    """
    # Excludes processors, as a pull does: a batch that has not seen this assignment may be about to
    # store a text of the number, which `messages_with` does not see yet.
    ledger.lock(connection, ["mirror"])
    row = {
        "crm": crm,
        "number_digest": ledger.digest(number),
        "person_id": person_id,
        "at": now,
        "by": by,
    }
    ledger.upsert(connection, assignments, [row])
    concerned = inbox.messages_with(connection, [number])
    inbox.put_back(ledger, connection, concerned, now)
    return len(concerned)


def assigned(
    ledger: Ledger, connection: Connection, crm: str, numbers: Collection[str]
) -> dict[str, str]:
    """Person ids by number, for the numbers that somebody assigned."""
    if not numbers:
        return {}
    digests = {ledger.digest(number): number for number in numbers}
    rows = connection.execute(_ASSIGNED, {"crm": crm, "wanted": list(digests)})
    return {digests[row.number_digest]: row.person_id for row in rows}


_ASSIGNED = select(assignments.c.number_digest, assignments.c.person_id).where(
    assignments.c.crm == bindparam("crm"),
    assignments.c.number_digest.in_(bindparam("wanted", expanding=True)),
)
