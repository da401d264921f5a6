"""`crm-sms init`: the files of an installation, and nothing that was there is lost."""

from __future__ import annotations

import re
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from crm_sms import settings as admin
from crm_sms.admin_files import shipped
from crm_sms.ledger import Ledger, schema
from crm_sms.settings import load


def made(anywhere: Any, folder: Path, *args: str) -> dict[str, bool]:
    """Which files the command wrote, and which it left."""
    answer = anywhere("--folder", folder, "init", "--json", *args)
    assert answer.code == 0, answer.err
    return {Path(one["file"]).name: one["new"] for one in answer.json["files"]}


def test_a_new_folder_gets_settings_secrets_and_a_ledger(anywhere: Any, tmp_path: Path) -> None:
    """They can be read at once, and the ledger has the schema."""
    assert made(anywhere, tmp_path) == {"crm-sms.toml": True, ".env": True}
    settings = load(tmp_path, {})
    assert list(settings.crms) == ["salesforce"]
    ledger = Ledger(settings.database.get_secret_value(), b"")
    schema.require(ledger)
    ledger.close()


def test_secrets_and_ledger_are_for_one_user_only(anywhere: Any, tmp_path: Path) -> None:
    """Whatever the umask."""
    made(anywhere, tmp_path)
    for name in (".env", "crm-sms.db"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_every_installation_has_a_digest_key_of_its_own(anywhere: Any, tmp_path: Path) -> None:
    """Long enough for the settings."""
    keys = set()
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        made(anywhere, folder)
        keys.add(load(folder, {}).digest_key.get_secret_value())
    assert len(keys) == 2
    assert all(len(key) == 64 for key in keys)


def test_nothing_is_overwritten(anywhere: Any, tmp_path: Path) -> None:
    """Running it again changes no file."""
    made(anywhere, tmp_path, "--mapping")
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.toml")}
    before[".env"] = (tmp_path / ".env").read_bytes()
    assert set(made(anywhere, tmp_path, "--mapping").values()) == {False}
    assert all((tmp_path / name).read_bytes() == content for name, content in before.items())


def test_the_mapping_comes_when_it_is_asked_for(anywhere: Any, tmp_path: Path) -> None:
    """A copy that is read before the shipped one."""
    assert made(anywhere, tmp_path, "--mapping")["salesforce.toml"] is True
    copy = (tmp_path / "salesforce.toml").read_text(encoding="utf-8")
    assert copy == (shipped() / "salesforce.toml").read_text(encoding="utf-8")


def test_it_says_what_to_do_next(anywhere: Any, tmp_path: Path) -> None:
    """In the order in which it is done."""
    text = anywhere("--folder", tmp_path, "init").out
    steps = ["fill in", "crm-sms doctor", "crm-sms sync people", "crm-sms serve --with-worker"]
    places = [text.index(f"{number}. {step}") for number, step in enumerate(steps, 1)]
    assert places == sorted(places)
    assert "written:" in text
    assert "left as it was:" in anywhere("--folder", tmp_path, "init").out


def test_the_first_doctor_names_what_is_to_be_filled_in(anywhere: Any, tmp_path: Path) -> None:
    """Everything that has no default, at once."""
    made(anywhere, tmp_path)
    answer = anywhere("--folder", tmp_path, "doctor")
    assert answer.code == 1
    text = " ".join(answer.out.split())
    for name in ("client_id", "login_url", "public_url", "accounts"):
        assert name in text


def test_a_folder_that_cannot_be_written_is_a_clear_failure(
    anywhere: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a stack trace."""

    def refuse(*args: Any) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("crm_sms.use_cases.init.os.open", refuse)
    answer = anywhere("--folder", tmp_path, "init")
    assert (answer.code, answer.out) == (1, "")
    assert "cannot be written (Permission denied)" in answer.err


def test_a_folder_that_is_not_there_is_wrong_usage(anywhere: Any, tmp_path: Path) -> None:
    """It is not made: a typing mistake would become an installation."""
    assert anywhere("--folder", tmp_path / "nowhere", "init").code == 2


SETTING = re.compile(r"^# (?P<line>\w+ = [^#]+?)\s*(?:#.*)?$")


def shown() -> dict[str, Any]:
    """The settings file with its comments taken off."""
    text = (shipped() / "settings.toml").read_text(encoding="utf-8")
    lines = [SETTING.sub(r"\g<line>", line) for line in text.splitlines()]
    return tomllib.loads("\n".join(lines))


def flat(table: dict[str, Any], stem: str = "") -> dict[str, Any]:
    """Values by the key with its tables."""
    found: dict[str, Any] = {}
    for name, value in table.items():
        inner = flat(value, f"{stem}{name}.") if isinstance(value, dict) else {stem + name: value}
        found |= inner
    return found


def test_the_settings_file_shows_every_setting() -> None:
    """The digest key alone is in .env."""
    named = {key.replace("providers.twilio.", "providers.NAME.") for key in flat(shown())}
    named = {key.replace("crms.salesforce.", "crms.NAME.") for key in named}
    assert set(admin.keys()) - named == {"digest_key"}
    assert "CRM_SMS_DIGEST_KEY={digest_key}" in (shipped() / "secrets.env").read_text()


def test_what_is_shown_as_default_is_the_default() -> None:
    """Where a setting has one."""
    defaults = admin.Settings.model_construct(digest_key="k" * 32)
    shown_defaults: dict[str, Any] = {}
    for key in flat(shown()):
        table, _, name = key.rpartition(".")
        if not table.startswith(("providers", "crms")):
            default = getattr(getattr(defaults, table) if table else defaults, name)
            plain = default.get_secret_value() if isinstance(default, SecretStr) else default
            shown_defaults |= {} if plain is None else {key: plain}
    assert len(shown_defaults) >= 14
    assert shown_defaults.items() <= flat(shown()).items()
