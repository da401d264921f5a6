"""Every commit of the ledger has a name, and a place on either side where a process can die."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import crm_sms
from crm_sms.ledger import COMMITS, Failpoints, Ledger
from crm_sms.ledger.notes import note

ROOM = Path(crm_sms.__file__).parent
TRANSACTIONS = {
    "begin",
    "begin_nested",
    "commit",
    "autocommit",
    "connect",
    "raw_connection",
    "transaction",
}
MAY = {
    "ledger/store.py": {"connect", "begin", "commit", "transaction"},
    "ledger/schema.py": {"transaction"},  # migrations have no failpoint
    "engine/wake.py": {"connect"},  # NOTIFY and LISTEN: no row is written
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Every module of the core that could reach the database, by its place in the package."""
    for path in sorted(ROOM.rglob("*.py")):
        place = path.relative_to(ROOM).as_posix()
        if not place.startswith("sandbox/"):
            yield place, ast.parse(path.read_text())


def calls(tree: ast.AST, *attributes: str) -> list[ast.Call]:
    """The calls of methods with these names."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in attributes
    ]


def writes(tree: ast.AST) -> list[ast.Call]:
    """The calls of `Ledger.write`, whatever the ledger is called there."""
    return [
        call
        for call in calls(tree, "write")
        if isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value).endswith("ledger")
    ]


def passed_on(tree: ast.AST) -> set[str]:
    """Commit names that are given to a parameter called `commit`, or are its default."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "commit":
            found.add(ast.literal_eval(node.value))
        if isinstance(node, ast.FunctionDef):
            defaults = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            found |= {ast.literal_eval(d) for arg, d in defaults if d and arg.arg == "commit"}
    return found


def test_only_the_store_and_the_migrations_make_transactions() -> None:
    """A transaction that is begun elsewhere would have a commit without a name."""
    found = {
        place: {call.func.attr for call in calls(tree, *TRANSACTIONS)}  # type: ignore[attr-defined]
        for place, tree in modules()
        if "sqlalchemy" in ast.unparse(tree) or place.startswith("ledger/")
    }
    assert {place: names for place, names in found.items() if names} == MAY


def test_every_commit_is_named_and_every_name_is_used() -> None:
    """What the code commits is exactly what COMMITS lists, each of them by a plain name."""
    used = set()
    for place, tree in modules():
        for call in writes(tree):
            name = call.args[0]
            if not (isinstance(name, ast.Name) and name.id == "commit"):
                assert isinstance(name, ast.Constant), f"{place}:{call.lineno} names no commit"
                used.add(name.value)
        used |= passed_on(tree)
    assert used == set(COMMITS)


def test_a_commit_that_is_not_listed_is_refused() -> None:
    """A new commit cannot be made without an entry in COMMITS."""
    ledger = Ledger("sqlite://", b"k" * 32)
    with (
        pytest.raises(ValueError, match="'elsewhere' is not in COMMITS"),
        ledger.write("elsewhere"),
    ):
        pass
    ledger.close()


@pytest.mark.parametrize("text", ["process", "process:between", "nowhere:after", ":before", "=1"])
def test_a_failpoint_that_is_none_is_refused(text: str) -> None:
    """A typing mistake in a test is an error, not a test that kills nobody."""
    with pytest.raises(ValueError, match="no failpoint"):
        Failpoints(text)


@pytest.mark.parametrize("count", ["x", "1.5", "0", "-1"])
def test_a_count_that_never_comes_is_refused(count: str) -> None:
    """The first passing is 1; what could never be reached is an error too."""
    with pytest.raises(ValueError, match="process:after"):
        Failpoints(f"process:after={count}")


def test_without_failpoints_nothing_is_reached() -> None:
    """The common case goes through every point, and lives."""
    idle = Failpoints()
    for name in COMMITS:
        idle.reach(f"{name}:before")
        idle.reach(f"{name}:after")


PROGRAM = """
import sys
from crm_sms.ledger import Failpoints, Ledger
from crm_sms.ledger.notes import put_note

ledger = Ledger(sys.argv[1], b"k" * 32, Failpoints(sys.argv[2]))
for turn in (1, 2, 3):
    with ledger.write("meta") as connection:
        put_note(ledger, connection, "turn", turn)
"""


@pytest.mark.parametrize(
    ("failpoint", "kept"),
    [
        ("meta:before", None),
        ("meta:after", 1),
        ("meta:before=3", 2),
        ("meta:after=2,meta:before=3", 2),
    ],
)
def test_the_process_is_killed_there(ledger_url: str, failpoint: str, kept: int | None) -> None:
    """Before the commit nothing of it is kept, after it all is; the process has no last word."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, ledger_url, failpoint],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGKILL, b"", b"")
    ledger = Ledger(ledger_url, b"k" * 32)
    with ledger.read() as connection:
        assert note(connection, "turn") == kept
    ledger.close()
