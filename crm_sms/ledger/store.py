"""The door to the database: transactions, locks, and whether the schema is ours."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import re
import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError
from sqlalchemy.pool import StaticPool

from crm_sms.errors import BadSettings, MissingExtra, StoreUnavailable
from crm_sms.ledger.failpoints import COMMITS, Failpoints

_PATIENCE_S = 10.0
_GIVE_WAY_S = 0.002
_POLL_S, _POLL_GIVING_WAY_S = (0.0002, 0.001), (0.002, 0.005)
_MOST_PARAMETERS = 65_535  # of one statement, in PostgreSQL's protocol
_PART_OF_A_SECOND = re.compile(r"(?<=T\d\d:\d\d:\d\d)\.\d{3}(?=Z\Z)")
_ONE_VIEW = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
_PRAGMAS = (
    "busy_timeout=10000",  # while another process turns the file to WAL
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "busy_timeout=0",  # from here on _begin polls
)


class Ledger:
    """One database. Safe to share between threads; every connection it lends is for one thread.

    `digest_key` keys the digests of numbers; without the same key, suppressions are not found.
    """

    def __init__(self, url: str, digest_key: bytes, failpoints: Failpoints | None = None) -> None:
        self.url = url
        self.engine = _engine(url)
        self._digest_key = digest_key
        self._failpoints = failpoints or Failpoints()

    @property
    def is_sqlite(self) -> bool:
        """SQLite has one writer at a time; on PostgreSQL rows and names are locked."""
        return self.engine.dialect.name == "sqlite"

    def digest(self, number: str) -> str:
        """A keyed digest of a number or address; it survives the erasure of the number."""
        return hmac.digest(self._digest_key, number.encode(), "sha256").hex()[:32]

    def fingerprint(self, value: str | int | float | bool | None) -> str:
        """Stands for a value as a CRM keeps it, where only equality matters: 1 and 1.0 are one
        value, True is not; CRMs drop blanks around a text, empty texts, and parts of a second."""
        text = json.dumps(_kept(value)).encode()
        return hmac.digest(self._digest_key, text, "sha256").hex()[:16]

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view; takes no lock that a writer waits for."""
        try:
            with self.engine.connect() as connection:
                if not self.is_sqlite:  # where each statement would see the commits before it
                    connection.execution_options(**_ONE_VIEW)
                yield connection
        except DBAPIError as error:
            raise _unavailable(error) from error

    @contextmanager
    def write(self, name: str, *, give_way: bool = False) -> Iterator[Connection]:
        """A transaction that commits at the end, or not at all; `name` is one of COMMITS.

        Bulk jobs `give_way`: they pause before taking SQLite's only write lock again, because
        whoever asks for it in a loop would starve the webhooks, which can only poll for it. They
        poll less often too, so that a webhook comes next whichever of two bulk jobs had it.
        """
        if name not in COMMITS:
            raise ValueError(f"{name!r} is not in COMMITS")
        if give_way and self.is_sqlite:
            time.sleep(_GIVE_WAY_S)
        with self.transaction(_POLL_GIVING_WAY_S if give_way else _POLL_S) as connection:
            yield connection
            self._failpoints.reach(f"{name}:before")
        self._failpoints.reach(f"{name}:after")

    @contextmanager
    def transaction(self, poll_s: tuple[float, float] = _POLL_S) -> Iterator[Connection]:
        """As `write`, without a name: for migrations only. Polls for SQLite's lock after a pause
        between these two."""
        try:
            with self.engine.connect() as connection:
                self._begin(connection, poll_s)
                yield connection
                connection.commit()
        except DBAPIError as error:
            raise _unavailable(error) from error

    def _begin(self, connection: Connection, poll_s: tuple[float, float]) -> None:
        if not self.is_sqlite:
            connection.begin()
            return
        # The busy handler of SQLite sleeps up to 100 ms between tries; a webhook cannot wait so
        # long behind a bulk job that writes in short turns, so the lock is polled here.
        connection.execution_options(crm_sms_begin="BEGIN IMMEDIATE")
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                connection.begin()
                return
            except OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(random.uniform(*poll_s))

    def lock(self, connection: Connection, names: Collection[str], *, shared: bool = False) -> None:
        """Hold these names until the transaction ends; nobody else holds one of them meanwhile.

        On SQLite the write lock already excludes every other writer. Names are taken in one order,
        so that two transactions cannot wait for each other.
        """
        if self.is_sqlite or not names:
            return
        numbers = sorted({_lock_number(name) for name in names})
        function = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
        for number in numbers:
            connection.execute(text(f"SELECT {function}(:number)"), {"number": number})

    def insert(self, table: Any) -> Any:
        """An INSERT of this database's dialect, which knows ON CONFLICT."""
        return _insert(self.is_sqlite, table)

    def upsert(
        self, connection: Connection, table: Any, rows: Collection[Mapping[str, Any]]
    ) -> None:
        """Insert rows, or replace all their columns where the primary key is taken."""
        if rows:
            statement = _upsert(self.is_sqlite, table, tuple(next(iter(rows))))
            connection.execute(statement, list(rows))

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _kept(value: str | int | float | bool | None) -> str | int | float | bool | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        return _PART_OF_A_SECOND.sub("", value.strip()) or None
    return value


def _insert(is_sqlite: bool, table: Any) -> Any:
    return sqlite.insert(table) if is_sqlite else postgresql.insert(table)


@lru_cache  # putting a statement together costs more than running it
def _upsert(is_sqlite: bool, table: Any, columns: tuple[str, ...]) -> Any:
    statement = _insert(is_sqlite, table)
    keys = [column.name for column in table.primary_key]
    changed = {name: statement.excluded[name] for name in columns if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


def _lock_number(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)


def _unavailable(error: DBAPIError) -> Exception:
    """Only what a wait can mend becomes StoreUnavailable; our own mistakes stay what they are."""
    if getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
        return BadSettings(
            f"database: the file is damaged, or no SQLite database ({error.orig}); restore it from "
            "a backup, or name another one"
        )
    mendable = isinstance(error, OperationalError) or error.connection_invalidated
    if not mendable or _is_wrong_sql(error):
        return error
    return StoreUnavailable(
        f"the ledger cannot be used now ({type(error.orig).__name__}: {error.orig}); "
        "check the disk, the database server and the `database` setting"
    )


_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _is_wrong_sql(error: DBAPIError) -> bool:
    """Both drivers call some of this operational: SQLite any mistake, as it does a lock that is
    held or a disk that is full, psycopg a list with too many parameters, as a lost server."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    too_many = isinstance(error.params, Mapping) and len(error.params) > _MOST_PARAMETERS
    return code == sqlite3.SQLITE_ERROR or too_many or isinstance(error, ProgrammingError)


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except Exception as error:
        raise BadSettings("database: this is not a database URL") from error
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(url, parsed.database)
    if parsed.get_backend_name() != "postgresql":
        raise BadSettings("database: use sqlite:///FILE or postgresql+psycopg://…")
    try:
        return create_engine(
            parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True, hide_parameters=True
        )
    except ModuleNotFoundError as error:
        raise MissingExtra("postgres", "a PostgreSQL ledger") from error


def _sqlite(url: str, path: str | None) -> Engine:
    options: dict[str, Any] = {
        "connect_args": {"check_same_thread": False},
        "hide_parameters": True,
    }
    if path in (None, "", ":memory:"):
        options["poolclass"] = StaticPool
    else:
        _make_private(Path(path or ""))
    engine = create_engine(url, **options)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_private(path: Path) -> None:
    try:
        path.touch(mode=0o600)
    except OSError as error:
        raise BadSettings(
            f"database: {path} cannot be written ({error.strerror}); make its folder, or give the "
            "user that runs crm-sms the right to write there"
        ) from error


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin on its own; _begin_sqlite does
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    connection.exec_driver_sql(options.get("crm_sms_begin", "BEGIN"))
