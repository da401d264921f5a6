"""Small notes about what is in use, by name."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, select

from crm_sms.ledger.store import Ledger
from crm_sms.ledger.tables import meta


def note(connection: Connection, name: str) -> Any | None:
    """The JSON value of a note; None if it was never written."""
    return connection.execute(select(meta.c.value).where(meta.c.name == name)).scalar_one_or_none()


def notes_of(connection: Connection, start: str) -> dict[str, Any]:
    """Every note whose name starts like this."""
    query = select(meta.c.name, meta.c.value).where(meta.c.name.startswith(start, autoescape=True))
    return {name: value for name, value in connection.execute(query)}


def put_note(ledger: Ledger, connection: Connection, name: str, value: Any) -> None:
    """Write or replace a note."""
    ledger.upsert(connection, meta, [{"name": name, "value": value}])


def forget_note(connection: Connection, name: str) -> None:
    """Take a note out, as if it had never been written."""
    connection.execute(delete(meta).where(meta.c.name == name))
