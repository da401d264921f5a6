"""Numbers that nobody is known to hold, and when a CRM was last asked for each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, exists, select

from crm_sms.ledger.slices import slices
from crm_sms.ledger.store import Ledger
from crm_sms.ledger.tables import lookups, matches, message_data, phones
from crm_sms.matching import Rule

AGAIN_AFTER = timedelta(hours=24)
_KEPT_FOR = 2 * AGAIN_AFTER
"""A number that is still unknown is asked for again before its row goes."""

_UNKNOWN = (
    select(message_data.c.number)
    .join(matches, matches.c.message_id == message_data.c.message_id)
    .where(
        matches.c.crm == bindparam("crm"),
        matches.c.person_id.is_(None),
        matches.c.rule == Rule.UNKNOWN,
        message_data.c.number.is_not(None),
        ~exists().where(phones.c.crm == matches.c.crm, phones.c.e164 == message_data.c.number),
    )
    .distinct()
    .order_by(message_data.c.number)
)
_ASKED = select(lookups.c.number_digest, lookups.c.at, lookups.c.alike).where(
    lookups.c.crm == bindparam("crm"),
    lookups.c.number_digest.in_(bindparam("wanted", expanding=True)),
)


def due(ledger: Ledger, connection: Connection, crm: str, now: datetime) -> list[str]:
    """Numbers of texts that concern nobody because nobody is known to hold them, and for which this
    CRM was not asked in the last day."""
    found: list[str] = []
    for numbers in slices(list(connection.execute(_UNKNOWN, {"crm": crm}).scalars())):
        by_digest = {ledger.digest(number): number for number in numbers}
        asked = connection.execute(_ASKED, {"crm": crm, "wanted": list(by_digest)})
        # An instant to come is that of a clock that was set back since: it says nothing.
        lately = {row.number_digest for row in asked if abs(now - row.at) < AGAIN_AFTER}
        found += [number for digest, number in by_digest.items() if digest not in lately]
    return found


def put_asked(
    ledger: Ledger,
    connection: Connection,
    crm: str,
    alike: Mapping[str, Collection[str]],
    now: datetime,
) -> None:
    """Keep that these numbers were asked for, each with the people whose phone looks like it, and
    forget what is older than two days."""
    connection.execute(delete(lookups).where(lookups.c.crm == crm, lookups.c.at < now - _KEPT_FOR))
    rows = {ledger.digest(number): sorted(ids) for number, ids in alike.items()}
    ledger.upsert(
        connection,
        lookups,
        [
            {"crm": crm, "number_digest": digest, "at": now, "alike": rows[digest]}
            for digest in sorted(rows)
        ],
    )


def looks_alike(
    ledger: Ledger, connection: Connection, crm: str, numbers: Collection[str]
) -> dict[str, list[str]]:
    """Ids of people, by number, whose phone looked like it when the CRM was last asked."""
    by_digest = {ledger.digest(number): number for number in numbers}
    if not by_digest:
        return {}
    rows = connection.execute(_ASKED, {"crm": crm, "wanted": list(by_digest)})
    return {by_digest[row.number_digest]: row.alike for row in rows if row.alike}
