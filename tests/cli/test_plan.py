"""`crm-sms plan`: what an admin deploys, written to a folder; what a day of texts will cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crm_sms.admin_files import shipped
from crm_sms.testing.world import World

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


def test_calls_are_foreseen_before_anything_is_set_up(anywhere: Any, folder: Path) -> None:
    """Whether they fit is unknown without a CRM to ask, and why is said."""
    plan = ("--folder", folder, "plan", "--calls", "--volume", "20,000/day")
    answer = anywhere(*plan, "--json")
    assert answer.code == 0
    assert answer.json["texts_a_day"] == 20_000
    assert (answer.json["fit"], answer.json["quota"]) == ("unknown", None)
    assert "client_id" in answer.json["quota_unknown"]
    assert answer.json["mix"]["counted_from"] == 0
    assert answer.json["storage_mb_a_month"] > 0
    total = sum(answer.json["by_kind"].values())
    assert answer.json["calls_a_day"] == pytest.approx(total, abs=2)
    assert sum(answer.json["by_lane"].values()) == pytest.approx(
        answer.json["by_kind"]["write"], abs=2
    )
    assert "is unknown" in anywhere(*plan).out


def test_calls_are_held_against_the_quota(crm_sms: Any, world: World) -> None:
    """Which the org tells; what of it is kept for opt-outs too."""
    world.fault("quota", limit=100_000, remaining=90_000)
    answer = crm_sms("plan", "--calls", "--volume", "20000/day", "--json")
    assert answer.code == 0
    assert answer.json["fit"] == "fits"
    assert answer.json["quota"]["limit"] == 100_000
    assert answer.json["quota"]["used_by_others"] == pytest.approx(10_000, abs=5)
    assert answer.json["kept_for_opt_outs"] == 5_000
    assert answer.json["storage_full_after_months"] > 0
    assert "it fits" in crm_sms("plan", "--calls", "--volume", "20000/day").out


def test_a_quota_that_is_too_small_names_the_setting_to_change(crm_sms: Any, world: World) -> None:
    """Slower is fine; too much ends with 3."""
    world.fault("quota", limit=15_000, remaining=15_000)
    slower = crm_sms("plan", "--calls", "--volume", "20000/day", "--json")
    assert (slower.code, slower.json["fit"]) == (0, "slower")
    assert slower.json["changes"]["windows.tasks"] > 1
    assert slower.json["calls_a_day_with_changes"] <= 7_500
    assert slower.json["windows_stretched"] > 1
    much = crm_sms("plan", "--calls", "--volume", "200000/day")
    assert much.code == 3
    assert "it does not fit" in much.out
    assert "→ set windows.tasks = " in much.out


@pytest.mark.parametrize(
    "args",
    [
        ["--calls"],
        ["--calls", "--volume", "many"],
        ["--calls", "--volume", "20000"],
        ["--calls", "--volume", "1/day", "--out", "sf"],
    ],
    ids=" ".join,
)
def test_a_volume_must_be_said_plainly(anywhere: Any, folder: Path, args: list[str]) -> None:
    """So many texts a day, and nothing else at once."""
    assert anywhere("--folder", folder, "plan", *args).code == 2
