"""Stage histories as the mirror has them."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select

from crm_sms.ledger.tables import stages
from crm_sms.records import Stage, collapsed

_COLUMNS = [column for column in stages.c if column.name != "crm"]


def stages_of(
    connection: Connection, crm: str, opportunity_ids: Collection[str]
) -> dict[str, list[Stage]]:
    """The history of each of these opportunities that has one, collapsed, oldest first."""
    query = select(*_COLUMNS).where(
        stages.c.crm == crm, stages.c.opportunity_id.in_(opportunity_ids)
    )
    found: dict[str, list[Stage]] = {}
    for row in connection.execute(query):
        found.setdefault(row.opportunity_id, []).append(Stage(**row._mapping))
    return {id: collapsed(history) for id, history in found.items()}
