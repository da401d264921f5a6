"""The examples for developers, run as they stand: files in a folder, and pytest."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def project(page: Any, tmp_path: Path) -> Path:
    """A folder with every file of the page, by the name in its first line."""
    text = page("developing.md").text
    for body, name in re.findall(r"^```\w+\n(# (\S+)\n.*?)^```", text, re.DOTALL | re.MULTILINE):
        (tmp_path / name).write_text(body)
    return tmp_path


def tried(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """A run of pytest in a project of somebody else's, warnings being errors."""
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", str(folder)]
    return subprocess.run(
        [*command, "-W", "error", "-p", "no:cacheprovider", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_example_runs(project: Path) -> None:
    """Five of them and the fixtures, in one project."""
    files = {path.name for path in project.iterdir()}
    assert {"webhooks.py", "history.py", "jobs.py", "acme.toml", "owlpost.py"} <= files
    tests = {name for name in files if name.startswith("test_")}
    assert len(tests) == 6
    done = tried(project, "-q", "-rA")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in tests:
        assert f"PASSED {name}::" in done.stdout


def test_examples_import_what_the_page_says_may_be_imported(project: Path) -> None:
    """Names of the package itself, what adapters use, and what is for tests."""
    allowed = {"ports", "events", "records", "phone", "errors", "testing"}
    for file in project.glob("*.py"):
        for room in re.findall(r"^(?:from|import) crm_sms\.(\w+)", file.read_text(), re.MULTILINE):
            assert room in allowed, (file.name, room)


def test_the_fixtures_are_there_for_whoever_names_them_only(project: Path) -> None:
    """Installing crm-sms changes nobody's pytest."""
    (project / "conftest.py").unlink()
    told = tried(project, "--fixtures", "-q").stdout
    assert "sandbox" not in told
