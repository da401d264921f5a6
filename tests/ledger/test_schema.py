"""The schema: how a database gets it, and who is refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import StatementError

from crm_sms.errors import WrongSchema
from crm_sms.ledger import Ledger, schema
from crm_sms.ledger.tables import metadata, watermarks
from crm_sms.ledger.types import Instant, microseconds

KEY = b"k" * 32


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without any table."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    return str(request.getfixturevalue("empty_postgres_url"))


@pytest.fixture
def empty(empty_url: str) -> Iterator[Ledger]:
    """A ledger without any table."""
    ledger = Ledger(empty_url, KEY)
    yield ledger
    ledger.close()


def run(url: str, statement: str) -> None:
    """One statement on this database, behind the ledger's back."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_an_empty_database_is_refused_until_it_is_upgraded(empty: Ledger) -> None:
    """The refusal names the command; the upgrade can be repeated."""
    assert schema.current(empty) is None
    with pytest.raises(WrongSchema, match=r"at schema none.*run: crm-sms db upgrade"):
        schema.require(empty)
    assert schema.upgrade(empty) == schema.upgrade(empty) == schema.current(empty)
    schema.require(empty)


def test_the_migrations_lead_to_the_tables_of_the_program(empty: Ledger) -> None:
    """Columns, types, keys and indexes: what tables.py says is what an upgrade makes."""
    schema.upgrade(empty)
    assert schema.differences(empty) == []
    assert {*metadata.tables, "alembic_version"} == set(inspect(empty.engine).get_table_names())


def test_a_database_of_somebody_else_is_left_alone(empty: Ledger, empty_url: str) -> None:
    """Where a name of ours is taken, nothing is made; the message names it and the remedy."""
    run(empty_url, "CREATE TABLE people (name TEXT)")
    with pytest.raises(WrongSchema, match="has a table people that is not ours: name a database"):
        schema.upgrade(empty)
    assert inspect(empty.engine).get_table_names() == ["people"]


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE watermarks ADD COLUMN further INTEGER",
        "DROP TABLE meta",
        "DROP INDEX ix_outbox_turn",
    ],
)
def test_a_difference_is_seen(ledger: Ledger, change: str) -> None:
    """The comparison above would notice."""
    run(ledger.url, change)
    assert len(schema.differences(ledger)) >= 1


def test_a_newer_schema_is_refused(ledger: Ledger) -> None:
    """Neither used nor upgraded; the message says which program to install."""
    run(ledger.url, "UPDATE alembic_version SET version_num = '9999'")
    for refuse in (schema.require, schema.upgrade):
        with pytest.raises(WrongSchema, match=r"at schema 9999, which is newer.*install"):
            refuse(ledger)
    assert schema.current(ledger) == "9999"


def test_a_step_that_fails_leaves_the_old_schema(
    empty: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration is whole or not at all, on both databases."""

    def fail(*_: object) -> None:
        raise RuntimeError("a step fails at its end")

    monkeypatch.setattr(schema.command, "upgrade", _then(schema.command.upgrade, fail))
    with pytest.raises(RuntimeError, match="at its end"):
        schema.upgrade(empty)
    assert inspect(empty.engine).get_table_names() == []


def _then(first: object, second: object) -> object:
    def both(*args: object) -> None:
        first(*args)  # type: ignore[operator]
        second(*args)  # type: ignore[operator]

    return both


UPGRADE = """
import sys
from crm_sms.ledger import Ledger, schema

ledger = Ledger(sys.argv[1], b"k" * 32)
sys.stdin.readline()
print(schema.upgrade(ledger))
"""


def test_two_processes_may_upgrade_at_once(empty_url: str) -> None:
    """One does it, the others wait and find it done; no table is made twice."""
    children = [
        subprocess.Popen(
            [sys.executable, "-P", "-c", UPGRADE, empty_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    said = [child.communicate("go\n", timeout=60) for child in children]
    assert said == [(f"{schema.head()}\n", "")] * 3


DIALECT = sqlite.dialect()
ZONES = st.integers(-23 * 60, 23 * 60).map(lambda m: timezone(timedelta(minutes=m)))


@given(
    st.datetimes(
        min_value=datetime(2, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
        max_value=datetime(9998, 12, 30),  # noqa: DTZ001
        timezones=ZONES,
    )
)
def test_an_instant_comes_back_exact(at: datetime) -> None:
    """To the microsecond, in UTC, whatever zone it was given in."""
    bound = Instant().process_bind_param(at, DIALECT)
    found = Instant().process_result_value(bound, DIALECT)
    assert found == at
    assert found is not None
    assert found.tzinfo is UTC


@given(st.lists(st.datetimes(timezones=st.just(UTC)), min_size=2))
def test_instants_are_ordered_as_stored(instants: list[datetime]) -> None:
    """A database that compares the numbers compares the instants."""
    assert sorted(instants, key=microseconds) == sorted(instants)


def test_an_instant_is_the_same_on_both_databases(ledger: Ledger) -> None:
    """Before 1970, far from now, and between two microseconds of a float."""
    instants = [
        datetime(1, 1, 2, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2262, 4, 12, 1, 2, 3, 4, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ]
    rows = [{"crm": "c", "part": str(at), "at": at, "pulled_at": at} for at in instants]
    with ledger.write("sync.watermark") as connection:
        connection.execute(watermarks.insert(), rows)
        found = connection.execute(watermarks.select().order_by(watermarks.c.at)).all()
    assert [row.at for row in found] == instants


def test_a_time_without_a_zone_is_no_instant(ledger: Ledger) -> None:
    """It would be another instant on another machine."""
    row = {"crm": "c", "part": "p", "at": datetime(2026, 1, 1), "pulled_at": None}  # noqa: DTZ001
    with (
        pytest.raises(StatementError, match="an instant needs a zone"),
        ledger.write("sync.watermark") as connection,
    ):
        connection.execute(watermarks.insert().values(row))
    assert microseconds(None) is None
    with pytest.raises(ValueError, match="needs a zone"):
        microseconds(datetime(2026, 1, 1))  # noqa: DTZ001
