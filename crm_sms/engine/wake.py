"""Tells a worker, in this process or another, that there is something new in the ledger.

A wake-up is a kindness: whoever waits also looks by itself when its time is up, so a lost one
delays work and loses none.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from crm_sms.ledger import Ledger

_LOOK_S = 0.05
_CHANNEL = "crm_sms_wake"


class Wake(Protocol):
    """One waiter's or notifier's end; `wait` is for one thread, `notify` for any."""

    def notify(self) -> None:
        """Wake everyone who waits on this ledger, or will wait next; never raises."""
        ...

    def wait(self, timeout_s: float) -> bool:
        """Return True at the first notice since the last `wait` ended, False after the time-out."""
        ...

    def close(self) -> None:
        """Give back what `wait` holds."""
        ...


def wake_of(ledger: Ledger) -> Wake:
    """The way to wake whoever works on this ledger, built on what they already share.

    For SQLite a file beside the database, for PostgreSQL NOTIFY.
    """
    if ledger.is_sqlite:
        return FileWake(Path(f"{ledger.engine.url.database}-wake"))
    return PostgresWake(ledger)


class FileWake:
    """A file whose time of change is the notice."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._changed()

    def notify(self) -> None:
        """Sets the time to the nanosecond: the system's own clock for files is too coarse."""
        now = time.time_ns()
        with contextlib.suppress(OSError):
            try:
                os.utime(self._path, ns=(now, now))
            except FileNotFoundError:
                self._path.touch(mode=0o600)

    def wait(self, timeout_s: float) -> bool:
        """Looks at the file every 50 ms, which costs less than a socket that can go stale."""
        deadline = time.monotonic() + timeout_s
        while (changed := self._changed()) == self._seen:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(_LOOK_S, left))
        self._seen = changed
        return True

    def close(self) -> None:
        """Holds nothing."""

    def _changed(self) -> int:
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return 0


class PostgresWake:
    """NOTIFY on a channel, heard on a connection of the waiter's own."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._listening: Connection | None = None
        with contextlib.suppress(SQLAlchemyError):
            self._listen()

    def notify(self) -> None:
        """Every listener hears it, also one that is not waiting at this moment."""
        with contextlib.suppress(SQLAlchemyError), self._ledger.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql(f"NOTIFY {_CHANNEL}")

    def wait(self, timeout_s: float) -> bool:
        """True as well after a lost connection came back, since nobody knows what was missed."""
        import psycopg

        deadline = time.monotonic() + timeout_s
        try:
            if self._listening is None:
                self._listen()
                return True
            driver: Any = self._listening.connection.dbapi_connection
            heard = list(driver.notifies(timeout=timeout_s, stop_after=1))
            heard += driver.notifies(timeout=0)  # several notices are one wake-up
        except (SQLAlchemyError, psycopg.Error):
            self.close()
            time.sleep(max(0.0, deadline - time.monotonic()))
            return False
        return bool(heard)

    def close(self) -> None:
        """Stop listening."""
        listening, self._listening = self._listening, None
        if listening is not None:
            with contextlib.suppress(SQLAlchemyError):
                listening.close()

    def _listen(self) -> None:
        connection = self._ledger.engine.connect()
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.detach()  # one that listens must not go back to those who write
        connection.exec_driver_sql(f"LISTEN {_CHANNEL}")
        self._listening = connection
