"""The import rules in pyproject.toml cover every room and every adapter, and they bite."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.checkout

ROOT = Path(__file__).parents[1]
CORE = ROOT / "crm_sms"
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS = {contract["id"]: contract for contract in CONFIG["contracts"]}
ADAPTERS_SEE = {"ports", "events", "records", "phone", "errors"}
DECIDES = {"plan", *ADAPTERS_SEE} - {"ports"}
"""Rooms outside the layer of the pure functions that do no I/O either; ports only describe it."""


def children(folder: Path) -> set[str]:
    """The modules and packages directly in a folder."""
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}
    return packages | {path.stem for path in folder.glob("*.py")} - {"__init__"}


ROOMS = children(CORE)
BUILT = ROOMS - {"__main__", "cli", "demo"}
"""Rooms that nothing but their own layer may import anyway."""


def rooms(modules: list[str]) -> set[str]:
    """The rooms in a list of a contract."""
    return {name.removeprefix("crm_sms.") for name in modules if name.startswith("crm_sms.")}


def layers() -> list[set[str]]:
    """The rooms of each layer, from the top, those that are not built yet among them."""
    return [set(re.findall(r"\w+", layer)) for layer in CONTRACTS["layers"]["layers"]]


def test_every_adapter_is_under_the_rules() -> None:
    """A new folder in adapters/ must be named in each list, or it could import what it likes."""
    adapters = children(ROOT / "adapters")
    assert set(CONFIG["root_packages"]) == {"crm_sms", *adapters}
    assert set(CONTRACTS["adapters"]["modules"]) == adapters
    assert set(CONTRACTS["ports"]["source_modules"]) == adapters
    assert adapters < set(CONTRACTS["vendors"]["forbidden_modules"])


def test_every_room_has_its_layer() -> None:
    """import-linter says so for rooms that are built; optional ones must not hide a mistake."""
    assert CONTRACTS["layers"]["exhaustive"]
    named = [room for layer in layers() for room in layer]
    assert len(named) == len(set(named))
    assert set(named) >= ROOMS


def test_adapters_see_five_rooms_only() -> None:
    """The list of what they may not see is all the others, so a new room must be added to it."""
    assert rooms(CONTRACTS["ports"]["forbidden_modules"]) == BUILT - ADAPTERS_SEE


def test_the_sandbox_sees_no_room() -> None:
    """It judges all of them, so it can share nothing with any."""
    assert rooms(CONTRACTS["sandbox"]["forbidden_modules"]) == BUILT - {"sandbox"}


def test_all_that_decides_is_kept_from_io() -> None:
    """The layer of pure functions, what stands below it, and the plan above."""
    pure = next(layer for layer in layers() if "consent" in layer) | {"messages"} | DECIDES
    assert rooms(CONTRACTS["pure"]["source_modules"]) == pure & ROOMS


def deciding() -> Iterator[tuple[str, ast.AST]]:
    """The nodes of every module that decides, with their place."""
    for room in CONTRACTS["pure"]["source_modules"]:
        place = ROOT / room.replace(".", "/")
        for path in place.rglob("*.py") if place.is_dir() else [place.with_suffix(".py")]:
            for node in ast.walk(ast.parse(path.read_text())):
                yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}", node


def test_what_decides_asks_for_no_time_and_opens_nothing() -> None:
    """Import rules do not see `datetime.now()` or `open()`, which need no import of their own."""
    asks = [
        place
        for place, node in deciding()
        if (isinstance(node, ast.Attribute) and node.attr in {"now", "today", "utcnow"})
        or (isinstance(node, ast.Call) and ast.unparse(node.func) in {"open", "print", "input"})
    ]
    assert asks == []


def sql_outside_the_ledger(folder: Path) -> list[str]:
    """Where a module of another room puts statements together: it takes more of SQLAlchemy than
    the type of a connection and its errors, or the ledger's tables."""
    found = []
    for path in sorted((folder / "crm_sms").rglob("*.py")):
        place = path.relative_to(folder)
        if place.parts[1] == "ledger":
            continue
        taken = set(imported(ast.parse(path.read_text(encoding="utf-8")))) - {
            "sqlalchemy.Connection"
        }
        found += [
            f"{place}: {name}"
            for name in sorted(taken)
            if name.startswith(("sqlalchemy", "crm_sms.ledger.tables"))
            and not name.startswith("sqlalchemy.exc.")
        ]
    return found


def imported(tree: ast.AST) -> Iterator[str]:
    """Everything that a module imports, by its whole name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_only_the_ledger_speaks_sql() -> None:
    """Other rooms hand a connection on, and at most tell its errors apart."""
    assert sql_outside_the_ledger(ROOT) == []


@pytest.mark.parametrize(
    "line",
    [
        "from sqlalchemy import Connection, select",
        "from sqlalchemy.dialects import sqlite",
        "import sqlalchemy as sa",
        "from crm_sms.ledger.tables import events",
        "from crm_sms.ledger import tables",
    ],
)
def test_sql_outside_the_ledger_is_seen(tmp_path: Path, line: str) -> None:
    """Each way to get at statements or tables."""
    for room in ("ledger", "web"):
        place = tmp_path / "crm_sms" / room
        place.mkdir(parents=True)
        (place / "new.py").write_text(f"from sqlalchemy import Connection\n{line}\n")
    [found] = sql_outside_the_ledger(tmp_path)
    assert found.startswith("crm_sms/web/new.py: ")


BREACHES = {
    "crm_sms/errors.py": "import crm_sms.phone",
    "crm_sms/settings.py": "import twilio",
    "crm_sms/consent/opt_out.py": "import os",
    "crm_sms/sandbox/clock.py": "import crm_sms.errors",
    "adapters/crm_sms_twilio/words.py": "import crm_sms.ledger",
    "adapters/crm_sms_twilio/values.py": "import crm_sms_salesforce",
}
"""One line for each contract that breaks it."""


def test_each_rule_refuses_what_it_is_for(tmp_path: Path) -> None:
    """In a copy of the tree with one breach each, no contract is kept."""
    for name in ("crm_sms", "adapters"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for place, line in BREACHES.items():
        with (tmp_path / place).open("a") as file:
            file.write(f"\n{line}\n")
    done = lint(tmp_path)
    assert done.returncode == 1
    assert f"Contracts: 0 kept, {len(CONTRACTS)} broken." in done.stdout


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """import-linter on the packages of a folder, and on none that is installed."""
    program = (
        f"import sys; sys.path[:0] = [{str(folder)!r}, {str(folder / 'adapters')!r}]\n"
        "from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    )
    return subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_importing_the_package_brings_no_vendor_and_no_heavy_part() -> None:
    """Whoever imports a name of ours pays for that one only."""
    program = "import sys, crm_sms; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done: Any = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True
    )
    heavy = {"simple_salesforce", "twilio", "hubspot", "starlette", "sqlalchemy", "pytest", "lark"}
    assert heavy.isdisjoint(done.stdout.split())
