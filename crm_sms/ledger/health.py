"""Whether the database can be written, and what there is room for."""

from __future__ import annotations

import shutil
from pathlib import Path

from sqlalchemy import text

from crm_sms.ledger.notes import put_note
from crm_sms.ledger.store import Ledger

LOCAL = ("wal", "memory")
"""Journal modes of a SQLite ledger as it should be."""


def prove_writable(ledger: Ledger, at: str) -> None:
    """Write a note of when it was looked over. Raises StoreUnavailable."""
    with ledger.write("meta") as connection:
        put_note(ledger, connection, "looked over", at)


def journal_mode(ledger: Ledger) -> str | None:
    """How SQLite keeps what is being written; None on PostgreSQL. Raises StoreUnavailable."""
    if not ledger.is_sqlite:
        return None
    with ledger.read() as connection:
        return str(connection.execute(text("PRAGMA journal_mode")).scalar_one())


def free_mb(ledger: Ledger) -> int | None:
    """What the disk of a SQLite file has left; None where that is another machine's, or memory."""
    file = ledger.engine.url.database
    if not ledger.is_sqlite or file in (None, "", ":memory:"):
        return None
    return shutil.disk_usage(Path(file or "").parent).free // 2**20
