"""Many rows into a table by the shortest way: for webhooks, which must be durable in no time.

SQLAlchemy writes the statement once; the driver runs it for every row, without a conversion or a
look at each value in between, which would cost more than the row itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from crm_sms.ledger.store import Ledger

DriverValue = str | int | float | bool | bytes | None
"""What both drivers take as it is: instants in microseconds, JSON as text, no enumerations."""

_SQLITE: tuple[Any, Any, str] = (sqlite.insert, sqlite.dialect, "qmark")
_POSTGRESQL: tuple[Any, Any, str] = (postgresql.insert, PGDialect_psycopg, "format")


def insert_many(
    ledger: Ledger,
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, DriverValue]],
    *,
    unless: tuple[str, ...] = (),
) -> int:
    """How many of these rows, which all have the same columns, were inserted.

    A row whose columns `unless` are taken already is left out.
    """
    if not rows:
        return 0
    statement, order = _statement(ledger.is_sqlite, table, tuple(rows[0]), unless)
    values = itemgetter(*order)
    return connection.exec_driver_sql(statement, [values(row) for row in rows]).rowcount


@lru_cache
def _statement(
    is_sqlite: bool, table: Table, columns: tuple[str, ...], unless: tuple[str, ...]
) -> tuple[str, list[str]]:
    """The text, and the columns in the order of its parameters."""
    insert, dialect, style = _SQLITE if is_sqlite else _POSTGRESQL
    statement = insert(table)
    if unless:
        statement = statement.on_conflict_do_nothing(index_elements=unless)
    compiled = statement.compile(dialect=dialect(paramstyle=style), column_keys=list(columns))
    return str(compiled), list(compiled.positiontup)


def next_ids(ledger: Ledger, connection: Connection, table: Table, count: int) -> list[int]:
    """Numbers for new rows of a table, ascending, which nobody else takes.

    On SQLite only while the transaction writes, as it then excludes every other writer.
    """
    if ledger.is_sqlite:
        last = connection.exec_driver_sql(f"SELECT coalesce(max(id), 0) FROM {table.name}")
        start = int(last.scalar_one()) + 1
        return list(range(start, start + count))
    drawn = connection.exec_driver_sql(
        f"SELECT nextval('{table.name}_id_seq') FROM generate_series(1, {count})"
    )
    return sorted(drawn.scalars())
