"""`crm-sms sync`, `process` and `deliver`: what they print and what they end with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crm_sms.testing.world import World

NUMBER = "+12025550123"


def test_people_come_into_the_mirror(crm_sms: Any, world: World) -> None:
    """By CRM, with the rows of each part and the calls they took."""
    world.contact(NUMBER)
    answer = crm_sms("sync", "people", "--json")
    done = answer.json["sync_people"]["salesforce"]
    assert (answer.code, done["failure"]) == (0, "")
    assert done["report"]["rows"]["people:Contact"] == 1
    assert done["report"]["calls"] > 0


@pytest.mark.parametrize(
    ("command", "table"), [("people", "crms"), ("provider", "providers"), ("deliver", "crms")]
)
def test_with_nothing_configured_a_command_says_so(
    anywhere: Any, tmp_path: Path, command: str, table: str
) -> None:
    """Silence would look like success; the remedy is on standard error."""
    assert anywhere("--folder", tmp_path, "init").code == 0
    (tmp_path / "crm-sms.toml").unlink()
    args = [command] if command == "deliver" else ["sync", command]
    answer = anywhere("--folder", tmp_path, *args)
    assert answer.code == 0
    assert f"nothing is configured for this: add a table [{table}.NAME]" in answer.err
    assert anywhere("--folder", tmp_path, *args, "--json").json == {}


def test_process_and_deliver_follow_each_other(crm_sms: Any, world: World, contact: str) -> None:
    """A reply becomes a task; until its window ends there is nothing to deliver."""
    world.receive(world.reply(NUMBER, "SM1"))
    assert crm_sms("process").out == "process: 1 event, 1 message, 4 records\n"
    assert crm_sms("deliver").out == "deliver salesforce: nothing to do\n"
    world.advance(61)
    done = crm_sms("deliver", "--json").json["deliver"]["salesforce"]["report"]
    assert (done["done"], done["parked"], done["paused_until"]) == (4, 0, None)
    assert len(world.tasks()) == 1


def test_sync_all_does_everything_at_once(crm_sms: Any, world: World) -> None:
    """What cron calls: nothing waits for the next call."""
    world.contact(NUMBER)
    world.receive(world.reply(NUMBER, "SM1"))
    answer = crm_sms("sync", "all", "--json")
    assert list(answer.json) == ["sync_people", "sync_provider", "process", "deliver"]
    assert answer.code == 0
    assert len(world.tasks()) == 1


def test_a_crm_that_does_not_answer_is_a_failure(crm_sms: Any, world: World, contact: str) -> None:
    """The jobs that need no CRM are done all the same; the message says that nothing is lost."""
    world.receive(world.reply(NUMBER, "SM1"))
    world.fault("status", status=503)
    answer = crm_sms("sync", "all", "--json")
    assert answer.code == 1
    assert answer.json["sync_people"]["salesforce"]["failure"]
    assert answer.json["process"]["report"]["events"] == 1
    assert "nothing is lost" in answer.json["deliver"]["salesforce"]["failure"]


def test_refused_credentials_are_a_failure_with_a_remedy(
    crm_sms: Any, world: World, contact: str
) -> None:
    """One message, no stack trace."""
    answer = crm_sms("sync", "people", CRM_SMS_CRMS__SALESFORCE__CLIENT_SECRET="wrong")
    assert answer.code == 1
    assert "salesforce" in answer.out.lower()
    assert "Traceback" not in answer.out + answer.err


def test_parked_records_end_a_run_with_3(crm_sms: Any, world: World, contact: str) -> None:
    """The run is done, but somebody has to look."""
    world.fault("row_error", code="FIELD_CUSTOM_VALIDATION_EXCEPTION", message="no")
    world.receive(world.outbound(NUMBER, "SM1"))
    answer = crm_sms("sync", "all", "--json")
    assert answer.code == 3
    assert answer.json["deliver"]["salesforce"]["report"]["parked"] > 0


def test_a_bad_mapping_is_told_while_the_last_good_one_stays_in_use(
    crm_sms: Any, world: World, contact: str
) -> None:
    """The message names file and key, and the command ends with 1; no text waits for it."""
    world.receive(world.reply(NUMBER, "SM1"))
    file = world.app.folder / "salesforce.toml"
    file.write_text("[message]\nobject = 3\n")
    answer = crm_sms("process", "--json")
    done = answer.json["process"]
    assert (answer.code, done["report"]["events"]) == (1, 1)
    assert f"{file}: message.object" in done["failure"]
    file.unlink()
    assert crm_sms("process").code == 0


def test_nothing_but_json_on_standard_output(crm_sms: Any, world: World, contact: str) -> None:
    """Log lines go to standard error, also while something goes wrong."""
    world.fault("status", status=503)
    world.receive(world.reply(NUMBER, "SM1"))
    answer = crm_sms("sync", "all", "--json")
    assert "level=" in answer.err
    assert set(answer.json) == {"sync_people", "sync_provider", "process", "deliver"}
