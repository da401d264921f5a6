"""What texts came to lately, in counts: how many were answered and clicked, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from crm_sms.events import Direction
from crm_sms.ledger.tables import messages, requests, suppressions


@dataclass(frozen=True, slots=True)
class Traffic:
    """Texts sent, texts that came, texts sent that a person clicked, and numbers that said no."""

    sent: int
    received: int
    clicked: int
    opt_outs: int


def traffic_since(connection: Connection, since: datetime) -> Traffic:
    """What happened since then, by the time of the texts, imported ones included."""
    here = messages.c.occurred_at >= since
    outbound = messages.c.direction == Direction.OUTBOUND
    query = select(
        func.count().filter(outbound),
        func.count().filter(messages.c.direction == Direction.INBOUND),
        func.count().filter(outbound, messages.c.click_count > 0),
    ).where(here)
    sent, received, clicked = connection.execute(query).one()
    numbers = func.count(suppressions.c.number_digest.distinct())
    no = connection.execute(select(numbers).where(suppressions.c.at >= since)).scalar_one()
    return Traffic(sent, received, clicked, no)


def calls_since(connection: Connection, crm: str, since: datetime) -> int:
    """The calls that deliveries to a CRM have made since then."""
    query = select(func.coalesce(func.sum(requests.c.calls), 0)).where(
        requests.c.crm == crm, requests.c.started_at >= since
    )
    return int(connection.execute(query).scalar_one())
