"""Every command in every set-up that is broken: one message, an exit code, never a stack trace."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from crm_sms.cli import app

ONCE: Mapping[str, tuple[str, ...]] = {
    "doctor": (),
    "db upgrade": (),
    "db current": (),
    "db restored": (),
    "sync people": (),
    "sync provider": (),
    "sync all": (),
    "process": (),
    "deliver": (),
    "import": ("twilio", __file__),
    "status": (),
    "verify": (),
    "unmatched list": (),
    "unmatched assign": ("+12025550123", "0035g0000000001"),
    "unmatched create-lead": ("+12025550123", "--yes"),
    "report matching": (),
    "parked list": (),
    "parked retry": ("--all",),
    "parked drop": ("1",),
    "plan": (),
    "init": (),
}
FOR_GOOD = ("serve", "worker")
ALONE = ("sandbox", "demo")
"""What works on no installation."""


def _emptied(folder: Path) -> None:
    for name in ("crm-sms.toml", ".env", "crm-sms.db"):
        (folder / name).unlink()


def _newer(folder: Path) -> None:
    with sqlite3.connect(folder / "crm-sms.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()


def _says(name: str, content: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(content)


BROKEN: Mapping[str, Callable[[Path], object]] = {
    "nothing there": _emptied,
    "settings are no TOML": _says("crm-sms.toml", "tasks = ["),
    "an unknown setting": _says("crm-sms.toml", "colour = 'blue'"),
    "secrets that others read": lambda folder: (folder / ".env").chmod(0o644),
    "secrets without the key": _says(".env", ""),
    "another key": _says(".env", f"CRM_SMS_DIGEST_KEY={'k' * 40}"),
    "a newer ledger": _newer,
    "an empty ledger": lambda folder: (folder / "crm-sms.db").write_bytes(b""),
    "a damaged ledger": lambda folder: (folder / "crm-sms.db").write_bytes(b"no database" * 999),
}
"""Where no program may begin."""

DOUBTFUL: Mapping[str, Callable[[Path], object]] = {
    "nothing filled in": lambda folder: None,
    "no settings file": lambda folder: (folder / "crm-sms.toml").unlink(),
    "an unknown adapter": _says("crm-sms.toml", "[crms.acme]\n[providers.acme]\n"),
    "a clock without a time": _says("crm-sms.toml", "clock = '.env'\n[crms.salesforce]\n"),
    "a mapping that is none": _says("salesforce.toml", "[message]\nobject = 3\n"),
}
"""Where some commands have something to do, and the others say why not."""


def names(command: Any, path: tuple[str, ...] = ()) -> list[str]:
    """Every command, as it is typed."""
    inner = getattr(command, "commands", None)
    if inner is None:
        return [" ".join(path)]
    return [name for part, one in inner.items() for name in names(one, (*path, part))]


def test_no_command_is_left_out() -> None:
    """Also none that somebody adds."""
    assert set(names(typer.main.get_command(app))) == {*ONCE, *FOR_GOOD, *ALONE}


@pytest.fixture(scope="module")
def _fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fresh")
    assert CliRunner().invoke(app, ["--folder", str(folder), "init"]).exit_code == 0
    return folder


@pytest.fixture
def folder(_fresh: Path, tmp_path: Path) -> Path:
    """What `crm-sms init` makes."""
    return Path(shutil.copytree(_fresh, tmp_path / "installation"))


def check(answer: Any, name: str) -> None:
    """Whatever went wrong was said, and where a command reports it is still one."""
    assert answer.code in (0, 1, 2, 3)
    said = answer.out + answer.err
    assert "Traceback" not in said
    if answer.code:
        assert len(said.strip()) > 20, name


def arguments(name: str, folder: Path) -> tuple[str, ...]:
    """What a command is called with; what it writes goes into the installation."""
    return ("--out", str(folder / "project")) if name == "plan" else ONCE.get(name, ())


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("name", [*ONCE, *FOR_GOOD])
def test_nothing_begins_on_what_is_broken(
    anywhere: Any, folder: Path, name: str, broken: str
) -> None:
    """With 1, but for what mends it or only asks how it stands."""
    BROKEN[broken](folder)
    answer = anywhere("--folder", folder, *name.split(), *arguments(name, folder))
    check(answer, name)
    if name not in ("init", "db upgrade", "db current", "plan"):
        assert answer.code == 1


@pytest.mark.parametrize("doubtful", DOUBTFUL)
@pytest.mark.parametrize("name", ONCE)
def test_what_cannot_be_done_is_said(anywhere: Any, folder: Path, name: str, doubtful: str) -> None:
    """The rest is done."""
    DOUBTFUL[doubtful](folder)
    check(anywhere("--folder", folder, *name.split(), *arguments(name, folder)), name)


@pytest.mark.parametrize("made", [*BROKEN, *DOUBTFUL])
def test_doctor_is_a_document_whatever_is_broken(anywhere: Any, folder: Path, made: str) -> None:
    """What cannot be looked at is a finding, and each has its remedy."""
    (BROKEN | DOUBTFUL)[made](folder)
    findings = anywhere("--folder", folder, "doctor", "--json").json["findings"]
    assert findings
    assert all(one["remedy"] for one in findings if one["verdict"] != "ok")
