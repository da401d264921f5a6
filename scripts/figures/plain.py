"""The yardstick of what fills the ledger: the rows that were left, by plain executemany."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from crm_sms.bootstrap import installation
from crm_sms.ledger import schema
from crm_sms.testing.world import install
from figures import load

UNUSED = {"client_id": "-", "client_secret": "-", "instance_url": "http://127.0.0.1:1"}
"""What an installation has in place of credentials that never calls a CRM."""


def plain_inserts(
    filled: Path, folder: Path, tables: Sequence[str], transactions: int
) -> Mapping[str, float]:
    """The rows of these tables, inserted into the same empty tables in so many commits."""
    folder.mkdir()
    install(folder, "http://127.0.0.1:1", UNUSED, {load.ACCOUNT: load.TOKEN})
    with closing(installation(folder, {})) as app:
        schema.upgrade(app.ledger)
    rows, seconds = 0, 0.0
    with (
        closing(sqlite3.connect(filled)) as source,
        closing(sqlite3.connect(folder / "crm-sms.db", isolation_level=None)) as target,
    ):
        target.execute("PRAGMA synchronous=FULL")
        copies = [_Copy(source, name, transactions) for name in tables]
        for _ in range(transactions):
            portions = [(copy.statement, copy.portion()) for copy in copies]
            started = time.perf_counter()
            target.execute("BEGIN IMMEDIATE")
            for statement, portion in portions:
                target.executemany(statement, portion)
            target.execute("COMMIT")
            seconds += time.perf_counter() - started
            rows += sum(len(portion) for _, portion in portions)
    return {"rows": rows, "seconds": seconds}


class _Copy:
    """A table's rows in so many equal portions."""

    def __init__(self, source: sqlite3.Connection, table: str, portions: int) -> None:
        count = source.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        self._size = -(-count // portions)
        self._rows = source.execute(f"SELECT * FROM {table}")
        places = ", ".join("?" * len(self._rows.description))
        self.statement = f"INSERT INTO {table} VALUES ({places})"

    def portion(self) -> list[tuple[Any, ...]]:
        """The next rows; none when all were had."""
        return self._rows.fetchmany(self._size) if self._size else []
