"""Taking it out, followed word by word against the sandbox."""

from __future__ import annotations

import json
import re
import tarfile
import urllib.request
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.checkout, pytest.mark.manuals]
BOX = "http://127.0.0.1:8010"
CONTACT = """{"op": "create", "object": "Contact", "records": [
    {"LastName": "Doe", "MobilePhone": "+12025550123"}]}"""
NO = '{"from": "+12025550123", "to": "+12025550100", "body": "STOP"}'


@pytest.fixture
def manual(page: Any) -> Any:
    """The page."""
    return page("uninstall.md")


@pytest.fixture
def installed(paste: Any, tmp_path: Path) -> Path:
    """An installation at work, where somebody has just said no."""
    folder = tmp_path / "at work"
    folder.mkdir()
    paste(
        folder,
        "crm-sms init",
        f"curl -s {BOX}/_sandbox/crm-sms.toml > crm-sms.toml",
        f"curl -s {BOX}/_sandbox/env >> .env",
        f"curl -s {BOX}/_sandbox/salesforce/records -d '{CONTACT}'",
        f"curl -s {BOX}/_sandbox/twilio/replies -d '{NO}'",
    )
    return folder


def test_nothing_is_left_behind_but_what_the_page_says(
    manual: Any, installed: Path, paste: Any, record_page: Any, fetch: Any, box: str
) -> None:
    """The last no is delivered, the list of removal spares the opt-outs, the folder is gone."""
    told = paste(installed, *manual.blocks("1. Deliver what is left"))
    assert re.search(r"^ opt_out +0 ", told, re.M)
    assert "parked: none" in told
    assert "SMS Opt Out Yes" in record_page("Doe")

    rule = json.dumps({"kind": "expired_token", "for_good": True}).encode()
    fetch(urllib.request.Request(f"{box}/_sandbox/salesforce/faults", rule))
    told = paste(installed, *manual.blocks("4. Sign out of Salesforce"))
    assert re.search(r"failed +salesforce", told)

    paste(installed, *manual.blocks("5. What stays in the org"))
    folder = installed / "salesforce-project"
    deployed = (folder / "manifest" / "package.xml").read_text()
    removed = (folder / "removal" / "destructiveChanges.xml").read_text()
    members = {
        name: re.findall("<members>(.*?)<", text)
        for name, text in (("deployed", deployed), ("removed", removed))
    }
    spared = set(members["deployed"]) - set(members["removed"])
    assert {name.partition(".")[0] for name in spared} == {"Contact", "Lead"}
    assert all("SMS_Opt_Out" in name for name in spared)
    assert not {"Contact", "Lead", "Opportunity", "Task", "Activity"} & set(members["removed"])
    empty = (folder / "removal" / "package.xml").read_text()
    assert "<members>" not in empty
    assert re.findall("<version>.*?<", empty) == re.findall("<version>.*?<", deployed)

    paste(installed, *manual.blocks("6. The ledger"))
    archive = installed.parent / "crm-sms-archive.tar.gz"
    assert archive.stat().st_mode & 0o777 == 0o600
    with tarfile.open(archive) as kept:
        assert {"crm-sms.toml", ".env", "crm-sms.db"} <= set(kept.getnames())
    assert not installed.exists()
