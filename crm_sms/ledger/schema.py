"""Whether a database has the schema of this program, and how it gets it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from crm_sms.errors import WrongSchema
from crm_sms.ledger.store import Ledger
from crm_sms.ledger.tables import metadata

_FOLDER = Path(__file__).parent / "migrations"


def upgrade(ledger: Ledger) -> str:
    """Bring the database to this program's schema and return its revision; safe to repeat."""
    refuse_newer(ledger)
    with _migrating(ledger) as connection:
        _refuse_foreign(connection)
        config = Config()
        config.set_main_option("script_location", str(_FOLDER))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return head()


def _refuse_foreign(connection: Connection) -> None:
    """Raise WrongSchema for a database that we never set up and that has tables of our names."""
    if MigrationContext.configure(connection).get_current_revision() is not None:
        return
    taken = sorted(metadata.tables.keys() & set(inspect(connection).get_table_names()))
    if taken:
        raise WrongSchema(
            f"the database has a table {taken[0]} that is not ours: name a database of its own in "
            "the `database` setting, or restore this one from a backup"
        )


@contextmanager
def _migrating(ledger: Ledger) -> Iterator[Connection]:
    """One migration at a time: two of them would both find a table missing and both create it."""
    with ledger.transaction() as connection:
        ledger.lock(connection, ["migrate"])
        yield connection


def head() -> str:
    """The revision that this program needs."""
    revision = _scripts().get_current_head()
    assert revision is not None
    return revision


def current(ledger: Ledger) -> str | None:
    """The revision the database has; None for one that was never set up."""
    with ledger.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def require(ledger: Ledger) -> None:
    """Raise WrongSchema with the remedy unless the database has exactly this program's schema."""
    refuse_newer(ledger)
    found = current(ledger)
    if found != head():
        raise WrongSchema(
            f"the ledger is at schema {found or 'none'}, this program needs {head()}; "
            "run: crm-sms db upgrade"
        )


def refuse_newer(ledger: Ledger) -> None:
    """Raise WrongSchema for a database that a newer program has upgraded."""
    found = current(ledger)
    known = {script.revision for script in _scripts().walk_revisions()}
    if found is not None and found not in known:
        raise WrongSchema(
            f"the ledger is at schema {found}, which is newer than this program knows; "
            "install the crm-sms that upgraded it, or a later one"
        )


def differences(ledger: Ledger) -> list[object]:
    """Where the database and tables.py differ, as Alembic names it; empty when they agree."""
    with ledger.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(_FOLDER))
