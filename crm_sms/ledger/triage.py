"""Texts that concern nobody in a CRM yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from crm_sms.ledger.tables import matches, message_data, messages
from crm_sms.matching import Rule


@dataclass(frozen=True, slots=True)
class InTriage:
    """A number and its texts that concern nobody; None for texts that came from no number of a
    person. `rule` says why."""

    number: str | None
    texts: int
    rule: str
    last_at: datetime


def numbers_in_triage(connection: Connection, crm: str) -> list[InTriage]:
    """Every number with such texts, but for those that only people hold whom the mapping leaves
    out: nobody has to look at these."""
    query = (
        select(
            message_data.c.number,
            func.count(),
            func.max(matches.c.rule),
            func.max(messages.c.occurred_at),
        )
        .select_from(matches)
        .join(messages, messages.c.id == matches.c.message_id)
        .join(message_data, message_data.c.message_id == matches.c.message_id)
        .where(
            matches.c.crm == crm,
            matches.c.person_id.is_(None),
            matches.c.rule != Rule.OUTSIDE,
        )
        .group_by(message_data.c.number)
    )
    return [InTriage(*row) for row in connection.execute(query)]


def texts_in_triage(connection: Connection, crm: str) -> dict[str, int]:
    """How many such texts there are, by the rule that says why."""
    query = (
        select(matches.c.rule, func.count())
        .where(matches.c.crm == crm, matches.c.person_id.is_(None))
        .group_by(matches.c.rule)
        .order_by(matches.c.rule)
    )
    return {rule: texts for rule, texts in connection.execute(query)}
