"""The command line as a whole: help, documentation, what it loads, what errors look like."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer

from crm_sms.cli import app
from crm_sms.records import Reason
from crm_sms.use_cases.parked import REMEDIES

DOCS = Path(__file__).parents[2] / "docs"


def walk(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every group and command with its path."""
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from walk(inner, (*path, name))


ALL = dict(walk(typer.main.get_command(app)))
COMMANDS = {path: command for path, command in ALL.items() if not hasattr(command, "commands")}
PAGE = (DOCS / "commands.md").read_text(encoding="utf-8")
SECTIONS = {
    match[1]: text
    for text in re.split(r"^(?=### )", PAGE, flags=re.MULTILINE)
    if (match := re.match(r"### `(.+)`", text))
}


def spelt(path: tuple[str, ...]) -> str:
    """A command as it is typed."""
    return " ".join(("crm-sms", *path))


def test_the_commands_of_the_architecture_are_there() -> None:
    """Those that exist by now."""
    assert {" ".join(path) for path in COMMANDS} >= {
        "init",
        "doctor",
        "plan",
        "db upgrade",
        "db current",
        "serve",
        "worker",
        "sync people",
        "sync all",
        "process",
        "deliver",
        "import",
        "status",
        "verify",
        "unmatched list",
        "unmatched assign",
        "unmatched create-lead",
        "report matching",
        "parked list",
        "parked retry",
        "parked drop",
        "sandbox",
    }


@pytest.mark.parametrize("path", ALL, ids=spelt)
def test_every_command_and_option_has_help(path: tuple[str, ...]) -> None:
    """A sentence each."""
    assert ALL[path].help.rstrip().endswith("."), path
    for parameter in ALL[path].params:
        assert parameter.name == "help" or parameter.help, f"{spelt(path)} {parameter.name}"


@pytest.mark.parametrize("path", ALL, ids=spelt)
def test_help_works(anywhere: Any, path: tuple[str, ...]) -> None:
    """And shows every option."""
    answer = anywhere(*path, "--help")
    assert answer.code == 0
    for parameter in ALL[path].params:
        if parameter.param_type_name == "option":
            assert parameter.opts[0] in answer.out


def test_help_is_set_as_paragraphs(anywhere: Any) -> None:
    """Not broken where the source is, and with defaults as people would say them."""
    text = anywhere("demo", "--help", COLUMNS="80").out
    assert "machine. For thirteen days the CRM is down; then it returns, the backlog" in text
    assert "(.)" not in anywhere("--help").out
    assert "the current folder" in anywhere("--help").out


def test_the_version_is_that_of_the_package(anywhere: Any) -> None:
    """What a report of an error needs first."""
    answer = anywhere("--version")
    assert (answer.code, answer.out) == (0, f"crm-sms {version('crm-sms')}\n")


@pytest.mark.parametrize("path", COMMANDS, ids=spelt)
def test_every_command_is_documented(path: tuple[str, ...]) -> None:
    """In a section of its own, with every option, and an example that can be pasted."""
    section = SECTIONS[spelt(path)]
    for parameter in COMMANDS[path].params:
        if parameter.param_type_name == "option" and parameter.name != "help":
            for option in parameter.opts:
                assert f"`{option}" in section, f"{spelt(path)} {option}"
    assert f"$ {spelt(path)}" in section


def test_nothing_else_is_documented() -> None:
    """A command that went away leaves the page."""
    assert set(SECTIONS) == {spelt(path) for path in COMMANDS}
    assert "`--folder" in PAGE
    assert "`--version" in PAGE


@pytest.mark.parametrize("path", COMMANDS, ids=spelt)
def test_every_option_of_an_example_exists(path: tuple[str, ...]) -> None:
    """An example that does not run helps nobody."""
    options = {option for parameter in COMMANDS[path].params for option in parameter.opts}
    for line in re.findall(r"^\$ (.*)$", SECTIONS[spelt(path)], flags=re.MULTILINE):
        assert line.startswith(spelt(path))
        assert set(re.findall(r"--[a-z-]+", line)) <= options


def test_every_reason_to_park_is_documented() -> None:
    """With the remedy that the command shows."""
    page = " ".join((DOCS / "parked.md").read_text(encoding="utf-8").split())
    for reason in Reason:
        assert f"## `{reason}`" in page
        assert f"Remedy: {REMEDIES[reason]}." in page


def test_help_loads_nothing_that_it_does_not_need() -> None:
    """Neither a database nor a vendor nor a server: help comes at once."""
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from crm_sms.cli import app\n"
        "CliRunner().invoke(app, ['--help'])\n"
        "print(*sys.modules)\n"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    packages = {name.partition(".")[0] for name in loaded.stdout.split()}
    heavy = {
        "sqlalchemy",
        "alembic",
        "pydantic",
        "jinja2",
        "phonenumbers",
        "starlette",
        "uvicorn",
        "apscheduler",
        "requests",
        "simple_salesforce",
        "twilio",
        "crm_sms_salesforce",
        "crm_sms_twilio",
    }
    assert not packages & heavy


def test_the_module_is_the_command() -> None:
    """`python -m crm_sms` does the same."""
    command = [sys.executable, "-m", "crm_sms", "--help"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "crm-sms [OPTIONS] COMMAND" in result.stdout


@pytest.mark.parametrize(
    "args", [["weather"], ["db"], ["process", "--colour"], ["deliver", "now"]], ids=" ".join
)
def test_wrong_usage_ends_with_2(anywhere: Any, args: list[str]) -> None:
    """Nothing is done."""
    assert anywhere(*args).code == 2


def test_settings_that_cannot_be_read_are_one_message(anywhere: Any, tmp_path: Path) -> None:
    """On standard error, with the remedy and without a stack trace."""
    answer = anywhere("--folder", tmp_path, "status")
    assert (answer.code, answer.out) == (1, "")
    assert f"there is no crm-sms.toml in {tmp_path}" in answer.err
    assert "crm-sms init" in answer.err
    assert "Traceback" not in answer.err
    (tmp_path / "crm-sms.toml").touch()
    answer = anywhere("--folder", tmp_path, "status")
    assert "digest_key is missing" in answer.err


def test_another_digest_key_is_refused(anywhere: Any, tmp_path: Path) -> None:
    """Under it no opt-out would be found, so no command goes on with it; doctor says so too."""
    assert anywhere("--folder", tmp_path, "init").code == 0
    secrets = tmp_path / ".env"
    changed = re.sub("CRM_SMS_DIGEST_KEY=.*", f"CRM_SMS_DIGEST_KEY={'x' * 40}", secrets.read_text())
    secrets.write_text(changed)
    answer = anywhere("--folder", tmp_path, "status")
    assert answer.code == 1
    assert "restore CRM_SMS_DIGEST_KEY" in answer.err
    assert anywhere("--folder", tmp_path, "doctor").code == 1


def test_doctor_in_a_folder_without_an_installation_says_so(anywhere: Any, tmp_path: Path) -> None:
    """What a key is missing of nobody can say there."""
    answer = anywhere("--folder", tmp_path, "doctor", "--json")
    assert answer.code == 1
    [finding] = answer.json["findings"]
    assert f"there is no crm-sms.toml in {tmp_path}" in finding["text"]
    assert "digest_key" not in finding["text"]


def test_a_lost_digest_key_does_not_lead_in_a_circle(anywhere: Any, tmp_path: Path) -> None:
    """Neither where its line is gone nor where the whole file is: init makes another one then, and
    says at once that the ledger does not know it."""
    assert anywhere("--folder", tmp_path, "init").code == 0
    secrets = tmp_path / ".env"
    kept = secrets.read_text()
    secrets.write_text(re.sub("CRM_SMS_DIGEST_KEY=.*\n", "", kept))
    answer = anywhere("--folder", tmp_path, "init")
    assert answer.code == 1
    assert "add the line CRM_SMS_DIGEST_KEY=" in answer.err
    secrets.unlink()
    answer = anywhere("--folder", tmp_path, "init")
    assert answer.code == 1
    assert "restore CRM_SMS_DIGEST_KEY in .env from your backup" in answer.err
    assert "import" in answer.err
    secrets.write_text(kept)
    assert anywhere("--folder", tmp_path, "init").code == 0


def test_a_missing_extra_says_what_to_install(
    anywhere: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For each program that needs libraries of its own."""
    extras = {
        "crm_sms.web": (["serve"], "web"),
        "crm_sms.engine.worker": (["worker"], "worker"),
        "crm_sms.sandbox.server": (["sandbox"], "sandbox"),
    }
    for module, (args, extra) in extras.items():
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, module, None)
            if module == "crm_sms.web":
                patch.delattr("crm_sms.web", raising=False)
            answer = anywhere(*args)
        assert answer.code == 1
        assert f"pip install 'crm-sms[{extra}]'" in answer.err
