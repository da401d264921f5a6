"""An installation put together from its folder."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from crm_sms import plugins
from crm_sms.bootstrap import App, BuiltOnUse, installation
from crm_sms.errors import BadSettings, MissingExtra
from crm_sms.ledger import schema

KEY = "k" * 40
ENVIRON = {"CRM_SMS_DIGEST_KEY": KEY}


class Adapter:
    """Remembers what it was built with, as providers and CRMs are."""

    def __init__(self, settings: Mapping[str, Any], clock: Any) -> None:
        if "colour" in settings:
            raise BadSettings("colour: unknown")
        self.settings = dict(settings)
        self.clock = clock


@pytest.fixture
def adapters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes every entry point name an `Adapter`."""
    monkeypatch.setattr(plugins, "adapter", lambda group, name: Adapter)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a provider and two CRMs."""
    (tmp_path / "crm-sms.toml").write_text(
        "public_url = 'https://a.example'\ndefault_region = 'US'\n"
        "[providers.twilio]\nx = 1\n[crms.sales]\nadapter = 'salesforce'\n[crms.bad]\ncolour = 1\n"
    )
    return tmp_path


@pytest.fixture
def app(folder: Path, adapters: None) -> Iterator[App]:
    """That folder as an installation."""
    app = installation(folder, ENVIRON)
    yield app
    app.close()


def test_adapters_get_their_own_table_and_the_clock(app: App) -> None:
    """A provider is told as well under which address it reaches us; a CRM is told nothing else."""
    twilio: Any = app.providers["twilio"]
    sales: Any = app.crms["sales"]
    assert twilio.settings == {"public_url": "https://a.example", "x": 1}
    assert sales.settings == {}
    assert twilio.clock is sales.clock is app.clock


def test_an_adapter_is_built_once(app: App) -> None:
    """Whoever asks gets the same client."""
    assert app.crms["sales"] is app.crms["sales"]
    assert (list(app.crms), len(app.providers)) == (["sales", "bad"], 1)
    with pytest.raises(KeyError):
        app.crms["nobody"]


def test_threads_that_ask_at_once_share_one_adapter() -> None:
    """While one thread builds, the others wait for what it builds."""
    together = threading.Barrier(4)
    built: list[object] = []

    def build(name: str, table: int) -> object:
        built.append(table)
        return object()

    things = BuiltOnUse({"a": 7}, build)

    def ask() -> None:
        together.wait()
        got.append(things["a"])

    got: list[object] = []
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert built == [7]
    assert len(set(map(id, got))) == 1


def test_an_adapters_complaint_says_where_to_mend_it(app: App) -> None:
    """Its message comes with the table and the variables; the other adapters still work."""
    with pytest.raises(BadSettings, match=r"\[crms.bad\].*CRM_SMS_CRMS__BAD__….*colour: unknown"):
        app.crms["bad"]
    assert app.crms["sales"]


def test_a_missing_extra_comes_through(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pip command is not wrapped in advice about settings."""

    def missing(group: str, name: str) -> None:
        raise MissingExtra("twilio", "The Twilio adapter")

    monkeypatch.setattr(plugins, "adapter", missing)
    with pytest.raises(MissingExtra, match=r"^The Twilio adapter needs an extra: pip install"):
        app.providers["twilio"]


def test_the_clock_follows_the_file(folder: Path) -> None:
    """Time is the machine's until the file says another one."""
    now = folder / "now"
    app = installation(folder, {**ENVIRON, "CRM_SMS_CLOCK": str(now)})
    assert abs((app.clock() - datetime.now(UTC)).total_seconds()) < 60
    now.write_text("2026-11-20T15:00:00+01:00")
    assert app.clock() == datetime(2026, 11, 20, 14, tzinfo=UTC)
    app.close()


def test_the_ledger_is_the_configured_one(folder: Path) -> None:
    """Its file is made private, its digests depend on the key."""
    first = installation(folder, ENVIRON)
    second = installation(folder, {"CRM_SMS_DIGEST_KEY": "j" * 40})
    schema.upgrade(first.ledger)
    schema.require(second.ledger)
    assert (folder / "crm-sms.db").stat().st_mode & 0o777 == 0o600
    assert first.ledger.digest("+12025550123") != second.ledger.digest("+12025550123")
    first.close()
    second.close()


def test_failpoints_come_from_the_environment(folder: Path) -> None:
    """A name that no commit has is refused, so a test cannot arm nothing."""
    with pytest.raises(ValueError, match="no failpoint 'receive:during'"):
        installation(folder, {**ENVIRON, "CRM_SMS_FAILPOINTS": "receive:during"})


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mysql://h/x", "database: use sqlite"),
        ("no url with p4ssword", "database: this is not a database URL"),
        ("sqlite:////nowhere/at/all.db", "database: /nowhere/at/all.db cannot be written"),
    ],
)
def test_a_database_that_cannot_be_is_refused(folder: Path, url: str, told: str) -> None:
    """The refusal names the setting and keeps what may be a password to itself."""
    with pytest.raises(BadSettings, match=told) as refusal:
        installation(folder, {**ENVIRON, "CRM_SMS_DATABASE": url})
    assert "p4ssword" not in str(refusal.value)


def test_adapters_that_are_not_used_are_not_imported(folder: Path) -> None:
    """Neither importing crm_sms nor putting an installation together loads a vendor or the web."""
    script = (
        "import sys, pathlib, crm_sms\n"
        "light = [m for m in sys.modules if m.partition('.')[0] in ('pydantic', 'sqlalchemy')]\n"
        "assert not light, light\n"
        "from crm_sms.bootstrap import installation\n"
        f"installation(pathlib.Path({str(folder)!r}), {ENVIRON!r}).close()\n"
        "heavy = ('crm_sms_', 'twilio', 'simple_salesforce', 'hubspot', 'starlette', 'requests')\n"
        "print([m for m in sys.modules if m.startswith(heavy)])\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
