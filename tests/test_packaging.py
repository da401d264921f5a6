"""What is shipped, which versions it takes, and how the commands of a checkout begin."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.checkout

ROOT = Path(__file__).parents[1]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
EXTRAS = {
    name: [Requirement(line) for line in lines]
    for name, lines in PROJECT["optional-dependencies"].items()
}
CONSTRAINTS = [
    Requirement(line)
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
]
ADAPTERS = sorted(path.parent for path in (ROOT / "adapters").glob("*/__init__.py"))


def own(requirement: Requirement) -> bool:
    """Whether a requirement is one of our own extras."""
    return canonicalize_name(requirement.name) == "crm-sms"


def declared() -> dict[str, Requirement]:
    """Every package of others that we depend on, also by extras, by its canonical name."""
    base = [Requirement(line) for line in PROJECT["dependencies"]]
    every = base + [one for lines in EXTRAS.values() for one in lines]
    return {canonicalize_name(one.name): one for one in every if not own(one)}


@pytest.mark.parametrize("folder", ADAPTERS, ids=lambda folder: folder.name)
def test_an_adapter_is_whole(folder: Path) -> None:
    """Types, a README and an extra of its vendor's name come with each."""
    assert (folder / "py.typed").is_file()
    assert (folder / "README.md").read_text().startswith("# ")
    assert folder.name.removeprefix("crm_sms_") in EXTRAS


def test_every_entry_point_leads_to_an_adapter_class() -> None:
    """A wrong path would be noticed only by the user who names that adapter."""
    found = set()
    for group, names in PROJECT["entry-points"].items():
        for name, value in names.items():
            adapter = EntryPoint(name, value, group).load()
            assert isinstance(adapter, type)
            found.add(ROOT / "adapters" / adapter.__module__.split(".")[0])
    assert found == set(ADAPTERS)


def test_the_extra_all_is_all_that_runs() -> None:
    """It holds every extra but those for tests and for work on crm-sms itself."""
    (everything,) = EXTRAS["all"]
    assert everything.extras == EXTRAS.keys() - {"all", "testing", "dev"}


def test_what_we_depend_on_is_pinned_within_what_we_support() -> None:
    """Each direct dependency has the exact version tried, one that pyproject.toml allows."""
    pinned = {canonicalize_name(one.name): str(one.specifier) for one in CONSTRAINTS}
    for name, requirement in declared().items():
        assert pinned.get(name, "").startswith("=="), f"{name} has no version in constraints.txt"
        assert requirement.specifier.contains(pinned[name].removeprefix("=="))


def test_constraints_hold_versions_only() -> None:
    """Where packages come from is the affair of the machine, and so of none of our files."""
    assert all(one.url is None and not one.extras for one in CONSTRAINTS)
    names = [canonicalize_name(one.name) for one in CONSTRAINTS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "name", ["Makefile", ".ci/run", "constraints.txt", "scripts/wheel_test.sh", "pyproject.toml"]
)
def test_no_file_of_the_set_up_names_a_registry(name: str) -> None:
    """pip, npm and apt are set up by whoever owns the machine."""
    addresses = r"index-url|find-links|registry|pypi|npmjs|https?://(?!sms\.example)"
    assert not re.search(addresses, (ROOT / name).read_text())


def test_every_judge_is_marked() -> None:
    """One without the mark would run, and be skipped, where its descriptions are missing."""
    for path in (ROOT / "tests/judges").glob("test_*.py"):
        assert "\npytestmark = pytest.mark.judges\n" in path.read_text(), path.name


def test_plain_runs_leave_marked_tests_out() -> None:
    """What needs more, or takes long, runs when it is asked for, by a target of its own."""
    options = PYPROJECT["tool"]["pytest"]["ini_options"]["addopts"]
    assert options[options.index("-m") + 1] == (
        "not judges and not browser and not manuals and not slow"
    )


SKIPPING = """
import pytest

def test_skips():
    pytest.skip("no browser")

@pytest.mark.skipif(True, reason="no node")
def test_is_skipped():
    pass

@pytest.mark.xfail(reason="known")
def test_fails_as_known():
    assert False

def test_passes():
    pass
"""


@pytest.mark.parametrize(("option", "code"), [("--no-skips", 1), ("-q", 0)])
def test_skips_fail_where_none_may_be(tmp_path: Path, option: str, code: int) -> None:
    """Under `--no-skips` each skip is a failure that says why; an expected failure is none."""
    shutil.copy(ROOT / "tests/conftest.py", tmp_path)
    (tmp_path / "test_it.py").write_text(SKIPPING)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", tmp_path, option, "-rs"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout
    for reason in ("no browser", "no node"):
        assert (f"no test may be: Skipped: {reason}" in done.stdout) is bool(code)
    ended = "1 failed, 1 passed, 1 xfailed, 1 error" if code else "1 passed, 2 skipped, 1 xfailed"
    assert ended in done.stdout


@pytest.fixture
def make(tmp_path: Path) -> Any:
    """Runs the set-up in an empty folder with a Python that answers as told; what it said."""

    def run(python: str | None) -> str:
        shutil.copy(ROOT / "Makefile", tmp_path)
        for name in ("pyproject.toml", "constraints.txt"):
            (tmp_path / name).touch()
        fake = tmp_path / "python"
        if python is not None:
            fake.write_text(f"#!/bin/sh\n{python}\n")
            fake.chmod(0o755)
        done = subprocess.run(
            ["make", f"PYTHON={fake}", "test"],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert not (tmp_path / ".venv").exists()
        return done.stdout

    return run


def test_an_old_python_is_named(make: Any) -> None:
    """The version wanted, the version found, and how to name another."""
    said = make('case "$*" in *--version*) echo Python 3.9.2;; *) exit 1;; esac')
    assert "needs Python 3.11 or later" in said
    assert "Python 3.9.2" in said
    assert "make PYTHON=python3.12" in said


@pytest.mark.parametrize(
    "python", [None, 'case "$*" in *ensurepip*) exit 1;; esac'], ids=["no python", "no venv"]
)
def test_a_missing_package_comes_with_the_apt_line(make: Any, python: str | None) -> None:
    """Debian has venv in a package of its own, and its own message is long."""
    assert re.search(r"is missing: sudo apt-get install -y .*python3-venv\n", make(python))
