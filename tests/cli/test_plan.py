"""`crm-sms plan`: what an admin deploys, written to a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crm_sms.admin_files import shipped

TEXT = (shipped() / "salesforce.toml").read_text(encoding="utf-8")


@pytest.fixture
def folder(anywhere: Any, tmp_path: Path) -> Path:
    """A new installation as `init` leaves it: no credentials, nothing filled in."""
    folder = tmp_path / "installation"
    folder.mkdir()
    assert anywhere("--folder", folder, "init").code == 0
    return folder


def test_a_project_is_written_before_anything_is_set_up(
    anywhere: Any, folder: Path, tmp_path: Path
) -> None:
    """The fields must be there before the credentials are of any use."""
    answer = anywhere("--folder", folder, "plan", "--out", tmp_path / "sf", "--json")
    assert answer.code == 0
    assert answer.json["crm"] == "salesforce"
    assert answer.json["folder"] == str(tmp_path / "sf")
    assert (answer.json["removed"], answer.json["findings"]) == ([], [])
    assert all((tmp_path / "sf" / path).is_file() for path in answer.json["written"])
    assert "sfdx-project.json" in answer.json["written"]


def test_the_answer_says_where_the_commands_are(
    anywhere: Any, folder: Path, tmp_path: Path
) -> None:
    """And, the second time, that nothing had to be written."""
    first = anywhere("--folder", folder, "plan", "--out", tmp_path / "sf")
    assert str(tmp_path / "sf" / "README.md") in first.out
    again = anywhere("--folder", folder, "plan", "--out", tmp_path / "sf")
    assert "0 of them written" in again.out


def test_the_mapping_in_use_decides(anywhere: Any, folder: Path, tmp_path: Path) -> None:
    """The admin's own copy comes before ours. A field that cannot be made ends with 3, named."""
    odd = 'Odd__c = { value = "message.body or 1" }\nExtra__c = { value = "message.body" }'
    (folder / "salesforce.toml").write_text(
        TEXT.replace("[message.fields]", f"[message.fields]\n{odd}")
    )
    answer = anywhere("--folder", folder, "plan", "--out", tmp_path / "sf", "--json")
    assert answer.code == 3
    assert {one["field"]: one["verdict"] for one in answer.json["findings"]} == {
        "SMS_Message__c.Odd__c": "left out",
        "SMS_Message__c.Extra__c": "derived",
    }
    shown = anywhere("--folder", folder, "plan", "--out", tmp_path / "sf")
    assert shown.code == 3
    assert "SMS_Message__c.Odd__c" in shown.out


def test_a_folder_of_somebody_else_is_left_alone(
    anywhere: Any, folder: Path, tmp_path: Path
) -> None:
    """Unless one insists."""
    (tmp_path / "README.md").write_text("theirs")
    answer = anywhere("--folder", folder, "plan", "--out", tmp_path)
    assert answer.code == 1
    assert "README.md" in answer.err
    assert (tmp_path / "README.md").read_text() == "theirs"
    assert anywhere("--folder", folder, "plan", "--out", tmp_path, "--force").code == 0
    assert (tmp_path / "README.md").read_text() != "theirs"


def test_one_of_several_crms_must_be_named(anywhere: Any, folder: Path, tmp_path: Path) -> None:
    """Those that are there are listed."""
    settings = folder / "crm-sms.toml"
    settings.write_text(settings.read_text() + '\n[crms.east]\nadapter = "salesforce"\n')
    plan = ("--folder", folder, "plan", "--out", tmp_path / "sf")
    assert anywhere(*plan).code == 2
    assert "salesforce, east" in anywhere(*plan, "--crm", "west").err
    assert anywhere(*plan, "--crm", "east", "--json").json["crm"] == "east"


def test_an_adapter_without_an_installer_says_what_to_do(
    anywhere: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others' adapters need none."""
    from crm_sms_salesforce import SalesforceCrm

    monkeypatch.delattr(SalesforceCrm, "installer")
    answer = anywhere("--folder", folder, "plan", "--out", tmp_path / "sf")
    assert answer.code == 1
    assert "by hand" in answer.err


def test_without_anything_to_do_it_is_wrong_usage(anywhere: Any, folder: Path) -> None:
    """Nothing is guessed."""
    assert anywhere("--folder", folder, "plan").code == 2
