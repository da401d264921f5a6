"""Backing up and restoring, followed word by word against the sandbox."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

pytestmark = [pytest.mark.checkout, pytest.mark.manuals]
BOX = "http://127.0.0.1:8010"
CONTACT = """{"op": "create", "object": "Contact", "records": [
    {"LastName": "Doe", "MobilePhone": "+12025550123"}]}"""


def reply(body: str) -> str:
    """She texts."""
    text = f'{{"from": "+12025550123", "to": "+12025550100", "body": "{body}"}}'
    return f"curl -s {BOX}/_sandbox/twilio/replies -d '{text}'"


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """Where the page's folders are in this test."""
    found = {"/srv/crm-sms": tmp_path / "crm-sms", "/srv/backup": tmp_path / "backup"}
    for place in found.values():
        place.mkdir()
    return found


@pytest.fixture
def blocks(page: Any, places: dict[str, Path]) -> list[str]:
    """What the page has to be pasted, at those places."""
    text = page("backup.md").text
    found = [dedent(one) for _, one in re.findall(r"^( *)```sh\n(.*?)^\1```", text, re.S | re.M)]
    for name, place in places.items():
        found = [one.replace(name, str(place)) for one in found]
    return found


@pytest.mark.parametrize("way", ["sqlite3 ", "python3 "])
def test_nothing_is_doubled_and_the_opt_out_stands(
    blocks: list[str], places: dict[str, Path], paste: Any, record_page: Any, way: str
) -> None:
    """A reply and a STOP were written after the backup; all steps are gone through."""
    if shutil.which(way.strip()) is None:
        pytest.skip(f"{way}is not on this machine")
    here = places["/srv/crm-sms"]
    paste(
        here,
        "crm-sms init",
        f"curl -s {BOX}/_sandbox/crm-sms.toml > crm-sms.toml",
        f"curl -s {BOX}/_sandbox/env >> .env",
        f"curl -s {BOX}/_sandbox/salesforce/records -d '{CONTACT}'",
        "crm-sms sync all || true",
    )
    [backup] = [one for one in blocks if re.search(rf"^{way}", one, re.M)]
    paste(here, backup)
    paste(here, reply("Call me"), reply("STOP"), "crm-sms sync all || true")
    before = record_page("Doe")
    assert "SMS Opt Out Yes" in before
    [restore, fetch] = [one for one in blocks if "install -m" in one or "--since" in one]
    paste(here, restore, fetch.replace("--since 3d", "--since 3d || test $? = 3"))
    assert "is written to again" in paste(here, "crm-sms db restored")
    paste(here, "crm-sms sync all || true")
    after = record_page("Doe")
    assert "SMS Opt Out Yes" in after
    for words in ("Call me", "STOP"):
        assert after.count(words) == before.count(words) > 0
