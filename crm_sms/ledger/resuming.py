"""Where a pull goes on that was cut off among rows in no order."""

from __future__ import annotations

from sqlalchemy import Connection

from crm_sms.ledger.notes import forget_note, note, put_note
from crm_sms.ledger.store import Ledger


def resume_at(connection: Connection, crm: str, part: str) -> str | None:
    """The CRM's own words for the place behind the last page kept; None if none was cut off."""
    found: str | None = note(connection, _name(crm, part))
    return found


def put_resume(
    ledger: Ledger, connection: Connection, crm: str, part: str, resume: str | None
) -> None:
    """Note the place, with the page that leads there; None forgets it."""
    if resume is None:
        forget_note(connection, _name(crm, part))
    else:
        put_note(ledger, connection, _name(crm, part), resume)


def _name(crm: str, part: str) -> str:
    return f"resume:{crm}:{part}"
