"""`crm-sms verify`: what it prints and what it ends with."""

from __future__ import annotations

from typing import Any

import pytest

from crm_sms.testing.world import World

NUMBER = "+12025550123"
Run = Any


@pytest.fixture
def texted(world: World, contact: str) -> str:
    """Somebody with a text and a no in the org."""
    world.receive(world.outbound(NUMBER, "SM1"), world.reply(NUMBER, "SM2", "STOP"))
    world.settle(rounds=2)
    return contact


def test_agreement_ends_with_0(crm_sms: Run, texted: str) -> None:
    """With how much was compared, and how many calls that took; they are told before."""
    answer = crm_sms("verify")
    assert answer.code == 0
    assert "salesforce agrees with the ledger: 2 Contact, 2 SMS_Message__c, 1 Task" in answer.out
    assert "this takes about 10 calls" in answer.err


def test_differences_end_with_3(crm_sms: Run, world: World, texted: str) -> None:
    """Each kind with its records, their fields and why; the values are nobody's business."""
    world.edit("Contact", texted, SMS_Opt_Out__c=False, SMS_Sent_Count__c=7)
    world.edit("SMS_Message__c", world.records("SMS_Message__c")[0]["Id"], From__c="me")
    answer = crm_sms("verify")
    assert answer.code == 3
    assert "salesforce differs from the ledger" in answer.out
    assert "opt_out: 1\n" in answer.out
    assert "edited: 1 (no difference)\n" in answer.out
    assert f"Contact {texted}" in answer.out
    assert "somebody changed it since we wrote it" in answer.out
    assert NUMBER not in answer.out


def test_the_report_as_json(crm_sms: Run, world: World, texted: str) -> None:
    """The same for programs."""
    world.edit("Contact", texted, SMS_Opt_Out__c=False)
    answer = crm_sms("verify", "--json")
    assert answer.code == 3
    found = answer.json["salesforce"]
    assert (found["agrees"], found["failure"]) == (False, "")
    assert found["compared"] == {"SMS_Message__c": 2, "Task": 1, "Contact": 2}
    assert found["counts"] == {"opt_out": 1}
    [finding] = found["findings"]
    assert finding["kind"] == "opt_out"
    assert (finding["object"], finding["field"]) == ("Contact", "SMS_Opt_Out__c")
    assert finding["crm_id"] == texted


def test_a_crm_that_does_not_answer_ends_with_1(crm_sms: Run, world: World, texted: str) -> None:
    """It does not agree: nobody knows."""
    world.fault("status", status=503)
    answer = crm_sms("verify", "--json")
    assert answer.code == 1
    assert answer.json["salesforce"]["failure"]
    assert "salesforce: " in answer.err


def test_without_a_crm_there_is_nothing_to_compare(anywhere: Run, tmp_path: Any) -> None:
    """And somebody forgot something."""
    assert anywhere("--folder", tmp_path, "init").code == 0
    (tmp_path / "crm-sms.toml").write_text("")
    answer = anywhere("--folder", tmp_path, "verify")
    assert (answer.code, answer.out) == (0, "")
    assert "[crms.NAME]" in answer.err
