"""What an account has open, for people who have no role of their own."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, false, func, select, true

from crm_sms.ledger.tables import opportunities

_WANTED: BindParameter[Any] = bindparam("wanted", expanding=True)
_OPEN = (
    select(
        opportunities.c.account_id,
        func.min(opportunities.c.id),
        func.max(opportunities.c.id),
    )
    .where(
        opportunities.c.crm == bindparam("crm"),
        opportunities.c.account_id.in_(_WANTED),
        opportunities.c.open == true(),
        opportunities.c.deleted == false(),
    )
    .group_by(opportunities.c.account_id)
)
"""Built once: putting a statement together costs more than running it."""


def open_on_accounts(
    connection: Connection, crm: str, account_ids: Collection[str]
) -> dict[str, list[str]]:
    """The living open opportunities of each account that has any, at most two: an account may have
    thousands, and more than one is several."""
    if not account_ids:
        return {}
    rows = connection.execute(_OPEN, {"crm": crm, "wanted": list(account_ids)})
    return {account: sorted({first, last}) for account, first, last in rows}
