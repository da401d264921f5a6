"""Settings: where they come from, which of them wins, and every problem with its remedy."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms import settings
from crm_sms.errors import BadSettings
from crm_sms.settings import Settings, load

KEY = "k" * 40
DOCUMENT = Path(__file__).parents[1] / "docs" / "settings.md"
Load = Callable[..., Settings]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for settings files."""
    return tmp_path


@pytest.fixture
def loaded(folder: Path) -> Load:
    """Settings from the text of a TOML file, of a .env and an environment."""

    def load_from(
        toml: str = "", env: str = "", environ: Mapping[str, str] | None = None
    ) -> Settings:
        (folder / "crm-sms.toml").write_text(toml)
        secrets = folder / ".env"
        secrets.write_text(env)
        secrets.chmod(0o600)
        given = {"CRM_SMS_DIGEST_KEY": KEY} if environ is None else environ
        return load(folder, given)

    return load_from


def problems(loaded: Load, **sources: object) -> list[str]:
    """The lines of the refusal."""
    with pytest.raises(BadSettings) as refusal:
        loaded(**sources)
    return str(refusal.value).splitlines()


def test_a_folder_without_files_needs_only_the_digest_key(folder: Path) -> None:
    """Everything else has a default, and the SQLite file is in the folder."""
    loaded = load(folder, {"CRM_SMS_DIGEST_KEY": KEY})
    assert loaded.database.get_secret_value() == f"sqlite:///{folder}/crm-sms.db"
    assert (loaded.tasks.max_age_days, loaded.windows.roll_ups, loaded.web.host) == (
        2,
        60,
        "127.0.0.1",
    )
    assert settings.sqlite_file(loaded) == folder / "crm-sms.db"


def test_the_environment_wins_over_env_file_and_that_over_toml(loaded: Load) -> None:
    """Each key is taken from the first of the three that has it, table by table."""
    found = loaded(
        "[tasks]\nmax_age_days = 1\ndue_days = 11\nfallback_owner = 'toml'\n",
        "CRM_SMS_TASKS__MAX_AGE_DAYS=2\nCRM_SMS_TASKS__DUE_DAYS=12\n",
        {"CRM_SMS_TASKS__MAX_AGE_DAYS": "3", "CRM_SMS_DIGEST_KEY": KEY},
    )
    assert (found.tasks.max_age_days, found.tasks.due_days) == (3, 12)
    assert found.tasks.fallback_owner == "toml"


def test_env_file_values_are_literal(loaded: Load) -> None:
    """A dollar sign in a secret is part of it, and other programs' variables are not ours."""
    found = loaded(env=f"CRM_SMS_DIGEST_KEY={KEY}${{HOME}}\nPGPASSWORD=x\n", environ={})
    assert found.digest_key.get_secret_value() == KEY + "${HOME}"


def test_an_empty_variable_is_not_set(loaded: Load) -> None:
    """`CRM_SMS_PUBLIC_URL=` in a .env leaves the TOML's value alone."""
    found = loaded(
        "public_url = 'https://a.example'",
        environ={"CRM_SMS_PUBLIC_URL": "", "CRM_SMS_DIGEST_KEY": KEY},
    )
    assert found.public_url == "https://a.example"


def test_adapter_tables_go_through_untouched(loaded: Load) -> None:
    """What is not ours is the adapter's: TOML types stay, a text of digits stays a text."""
    found = loaded(
        "[providers.twilio]\nlimit = 5\n[providers.twilio.accounts.AC0a]\nname = 'main'\n"
        "[crms.sales]\nadapter = 'salesforce'\nlogin_url = 'https://x'\n",
        environ={
            "CRM_SMS_DIGEST_KEY": KEY,
            "CRM_SMS_PROVIDERS__TWILIO__ACCOUNTS__AC0a__AUTH_TOKEN": "0123456789",
            "CRM_SMS_CRMS__SALES__SCOPES": '["a", "b"]',
            "CRM_SMS_CRMS__SALES__SECRET": "[not json",
        },
    )
    twilio, sales = found.providers["twilio"], found.crms["sales"]
    assert twilio.adapter == "twilio"
    assert twilio.options == {
        "limit": 5,
        "accounts": {"AC0a": {"name": "main", "auth_token": "0123456789"}},
    }
    assert (sales.adapter, sales.mapping) == ("salesforce", None)
    assert sales.options == {"login_url": "https://x", "scopes": ["a", "b"], "secret": "[not json"}


def test_every_problem_is_reported_at_once(loaded: Load) -> None:
    """One refusal names each key, its variable and what to do."""
    lines = problems(
        loaded,
        toml="taks = 1\npublic_url = 'sms.example'\ndefault_region = 'UK'\n"
        "[tasks]\ndue_day = 2\nmax_age_days = -1\n[crms.Sales]\n[web]\nport = 'x'\n",
        environ={"CRM_SMS_WINDOWS": "30"},
    )
    text = "\n".join(lines)
    assert "digest_key is missing: add the line CRM_SMS_DIGEST_KEY=" in text
    assert "taks (CRM_SMS_TAKS) is not a setting" in text
    assert (
        "tasks.due_day (CRM_SMS_TASKS__DUE_DAY) is not a setting: did you mean tasks.due_days"
        in text
    )
    assert "tasks.max_age_days (CRM_SMS_TASKS__MAX_AGE_DAYS) is wrong" in text
    assert "public_url (CRM_SMS_PUBLIC_URL) is wrong: use the address" in text
    assert "default_region (CRM_SMS_DEFAULT_REGION) is wrong: use a country code" in text
    assert "crms (CRM_SMS_CRMS) is wrong: Sales: use lower-case" in text
    assert "windows (CRM_SMS_WINDOWS) is wrong: it must be a table" in text
    assert "web.port (CRM_SMS_WEB__PORT) is wrong" in text
    assert len(lines) == 9


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("tasks = [", "crm-sms.toml is not TOML"),
        ("providers = 3", "providers (CRM_SMS_PROVIDERS) is wrong: it must be a table"),
        ("[providers]\ntwilio = 3", "providers.twilio (CRM_SMS_PROVIDERS__TWILIO) is wrong"),
        ("digest_key = 'short'", "digest_key (CRM_SMS_DIGEST_KEY) is wrong"),
        ("[crms.a__b]", "use lower-case letters, digits and single underscores"),
        ("public_url = 'https://a.example/?x=1'", "use the address that providers call"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(loaded: Load, toml: str, told: str) -> None:
    """Broken TOML, tables that are none, names that a variable cannot spell."""
    (line,) = problems(loaded, toml=toml, environ=None if "digest" not in toml else {})
    assert told in line


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        (
            "DIGEST_KEY",
            "short",
            "digest_key (CRM_SMS_DIGEST_KEY) is wrong: it must have at least 32 ",
        ),
        ("TASKS__DUE_DAYS", "soon", "it must be a whole number"),
        ("TASKS__DUE_DAYS", "-1", "it must be at least 0"),
        ("TASKS__MAX_AGE_DAYS", "two", "it must be a number"),
        ("WORKER__SYNC_S", "0", "it must be more than 0"),
        ("WINDOWS__OPT_OUT_QUOTA", "1", "it must be less than 1"),
        ("WEB__PORT", "70000", "it must be at most 65535"),
        ("TASKS__FALLBACK_OWNER", "[1]", "it must be a text"),
        ("CLOCK", "[1]", "it must be the path of a file"),
        ("CRMS__SALES__ACCOUNT_FALLBACK", "sometimes", "it must be true or false"),
    ],
)
def test_a_value_that_does_not_fit_is_told_in_plain_words(
    loaded: Load, variable: str, value: str, told: str
) -> None:
    """Not in those of the library that found it."""
    environ = {"CRM_SMS_DIGEST_KEY": KEY, f"CRM_SMS_{variable}": value}
    (line,) = problems(loaded, environ=environ)
    assert told in line
    assert "Input" not in line
    assert "Value" not in line


def test_a_lost_digest_key_is_not_made_again_by_init(folder: Path) -> None:
    """Init leaves the file alone that lacks it, so the remedy is the line itself; where there is no
    file, init makes one."""
    with pytest.raises(BadSettings, match="digest_key is missing: run crm-sms init"):
        load(folder, {})
    (folder / ".env").touch(mode=0o600)
    with pytest.raises(BadSettings) as refusal:
        load(folder, {})
    assert "crm-sms init" not in str(refusal.value)
    assert f"add the line CRM_SMS_DIGEST_KEY=… to {folder / '.env'}" in str(refusal.value)
    assert "backup" in str(refusal.value)


@pytest.mark.parametrize("name", ["crm-sms.toml", ".env"])
def test_a_file_that_is_not_text_is_refused(folder: Path, name: str) -> None:
    """Bytes that are not UTF-8 are named as such, with their file."""
    path = folder / name
    path.touch(mode=0o600)
    path.write_bytes(b"public_url = '\xe4'")
    with pytest.raises(BadSettings) as refusal:
        load(folder, {"CRM_SMS_DIGEST_KEY": KEY})
    assert str(refusal.value) == f"{path}: byte 14 is not UTF-8; save the file as UTF-8"


@pytest.mark.parametrize("name", ["crm-sms.toml", ".env"])
def test_a_folder_in_place_of_a_file_is_refused(folder: Path, name: str) -> None:
    """It is not as if there were none, and no mode of it would help."""
    (folder / name).mkdir(mode=0o755)
    with pytest.raises(BadSettings, match=f"{name} cannot be read: Is a directory"):
        load(folder, {"CRM_SMS_DIGEST_KEY": KEY})


def test_broken_toml_says_where(loaded: Load) -> None:
    """And that it is to be corrected there."""
    (line,) = problems(loaded, toml="a = 1\nb = = 2\n")
    assert "crm-sms.toml is not TOML: Invalid value (at line 2, column 5); correct it there" in line


def test_a_line_of_env_that_is_none_is_refused(loaded: Load) -> None:
    """Passed over, it would be a secret that seems to be set."""
    env = f"# a comment\nCRM_SMS_DIGEST_KEY={KEY}\n\nthis is no line\nexport CRM_SMS_CLOCK=now\n"
    (line,) = problems(loaded, env=env, environ={})
    assert line.endswith(".env: line 4 is not NAME=value; correct it or put # before it")
    assert "no line" not in line


def test_a_file_that_we_may_not_read_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the system says of the file is passed on."""
    path = folder / "crm-sms.toml"
    path.touch()

    def refuse(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(BadSettings, match=r"crm-sms\.toml cannot be read: Permission denied"):
        load(folder, {"CRM_SMS_DIGEST_KEY": KEY})


def test_variables_that_only_tests_set_are_no_settings(loaded: Load) -> None:
    """Failpoints are armed through the environment without being a setting."""
    found = loaded(environ={"CRM_SMS_DIGEST_KEY": KEY, "CRM_SMS_FAILPOINTS": "receive:after"})
    assert "failpoints" not in Settings.model_fields
    assert found.tasks.due_days == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
@pytest.mark.parametrize("name", [".env", "crm-sms.db"])
def test_files_that_others_can_read_are_refused(
    loaded: Load, folder: Path, name: str, mode: int
) -> None:
    """The refusal holds the command that mends it, and running it mends it."""
    loaded()
    (folder / name).touch()
    (folder / name).chmod(mode)
    with pytest.raises(BadSettings) as refusal:
        load(folder, {"CRM_SMS_DIGEST_KEY": KEY})
    assert f"run: chmod 600 {folder / name}" in str(refusal.value)
    (folder / name).chmod(0o600)
    load(folder, {"CRM_SMS_DIGEST_KEY": KEY})


def test_secrets_are_never_printed(loaded: Load) -> None:
    """Neither the settings nor a refusal show a key, a password or an adapter's own values."""
    secrets = ["s3cret-token", "p4ssword", KEY]
    found = loaded(
        "database = 'postgresql://me:p4ssword@db/x'\n[providers.twilio]\ntoken = 's3cret-token'\n"
    )
    shown = f"{found!r} {found} {found.providers!r} {found.providers['twilio']}"
    lines = problems(
        loaded,
        toml="digest_key = 's3cret-token'\nwrong = 'p4ssword'\npublic_url = 'p4ssword'\n",
        environ={},
    )
    assert not [secret for secret in secrets if secret in shown + "\n".join(lines)]


def test_relative_paths_start_at_the_folder(loaded: Load, folder: Path) -> None:
    """Cron starts us elsewhere, and the same files are meant; absolute ones stay."""
    here = loaded("database = 'sqlite:///data/x.db?timeout=3'\nclock = 'now.txt'\n")
    assert here.database.get_secret_value() == f"sqlite:///{folder}/data/x.db?timeout=3"
    assert settings.sqlite_file(here) == folder / "data" / "x.db"
    assert here.clock == folder / "now.txt"
    there = loaded("database = 'sqlite:////srv/x.db'\nclock = '/srv/now.txt'\n")
    assert there.database.get_secret_value() == "sqlite:////srv/x.db"
    assert there.clock == Path("/srv/now.txt")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "postgresql://db/x"])
def test_a_ledger_without_a_file_has_none(loaded: Load, url: str) -> None:
    """Memory and PostgreSQL are left as they are."""
    found = loaded(f"database = '{url}'")
    assert found.database.get_secret_value() == url
    assert settings.sqlite_file(found) is None


def test_the_public_url_loses_its_last_slash(loaded: Load) -> None:
    """Paths are appended to it, and signatures cover the result."""
    assert loaded("public_url = 'https://a.example/sms/'").public_url == "https://a.example/sms"


def test_nothing_is_read_from_the_process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the environment that is handed in counts."""
    monkeypatch.setitem(os.environ, "CRM_SMS_DIGEST_KEY", KEY)
    monkeypatch.setitem(os.environ, "CRM_SMS_UNKNOWN", "x")
    with pytest.raises(BadSettings, match="digest_key is missing") as refusal:
        load(folder, {})
    assert "unknown" not in str(refusal.value)


@given(
    st.dictionaries(
        st.text("ABc_", min_size=1, max_size=12).map(lambda name: f"CRM_SMS_{name}"),
        st.sampled_from(["", "x", "3", "[1]", '{"a": 1}', "{"]),
        max_size=6,
    )
)
def test_any_environment_is_refused_in_words(variables: dict[str, str]) -> None:
    """Whatever the variables are called, the outcome is settings or a refusal, never a crash."""
    refusal = ""
    try:
        load(Path("/nonexistent"), {"CRM_SMS_DIGEST_KEY": KEY, **variables})
    except BadSettings as error:
        refusal = str(error)
    assert all("is not a setting" in line or "is wrong" in line for line in refusal.splitlines())


def test_every_setting_is_documented_with_its_default() -> None:
    """The tables of the document are exactly the keys, and their defaults are true."""
    rows = dict(re.findall(r"^\| `([^`]+)` \| (.+?) \|", DOCUMENT.read_text(), re.MULTILINE))
    assert sorted(rows) == sorted(settings.keys())
    defaults = load(Path("/nonexistent"), {"CRM_SMS_DIGEST_KEY": KEY})
    for key, told in rows.items():
        if "NAME" in key or key in ("digest_key", "database"):
            continue
        value: object = defaults
        for part in key.split("."):
            value = getattr(value, part)
        assert told == ("none" if value is None else f"`{value}`"), key
