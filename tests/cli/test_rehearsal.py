"""`crm-sms deliver --dry-run`: it shows what a delivery then writes, and writes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from crm_sms.testing.world import World

NUMBER = "+12025550123"


@pytest.fixture
def waiting(world: World, contact: str) -> str:
    """A contact of whom a text, a reply and a no wait to be delivered."""
    world.receive(world.outbound(NUMBER, "SM0"), world.reply(NUMBER, "SM1"))
    world.advance(60)
    world.receive(world.reply(NUMBER, "SM2", "STOP"))
    world.process()
    return contact


def by_lane(answer: Any) -> dict[tuple[str, str], Any]:
    """Its groups, by object and lane."""
    groups = answer.json["crms"]["salesforce"]
    return {(group["object"], group["lane"]): group for group in groups}


def test_it_shows_what_the_delivery_then_writes(crm_sms: Any, world: World, waiting: str) -> None:
    """As many records of each object, opt-outs first, with these values."""
    answer = crm_sms("deliver", "--dry-run", "--show-records", 9, "--json")
    assert (answer.code, answer.json["dry_run"]) == (0, True)
    groups = by_lane(answer)
    assert next(iter(groups)) == ("Contact", "opt_out")
    fates = {place: group["fates"] for place, group in groups.items()}
    world.settle()
    assert fates == {
        ("Contact", "opt_out"): {"changed": 1},
        ("Contact", "roll_up"): {"changed": 1},
        ("SMS_Message__c", "timeline"): {"new": len(world.records("SMS_Message__c"))},
        ("Task", "timeline"): {"new": len(world.tasks("entry:"))},
        ("Task", "task"): {"new": len(world.tasks())},
    }
    [opt_out] = groups["Contact", "opt_out"]["records"]
    assert opt_out["key"] == waiting
    person = world.record("Contact", waiting)
    for name in ("SMS_Opt_Out__c", "SMS_Opt_Out_Source__c", "SMS_Opt_Out_Phone__c"):
        assert opt_out["fields"][name] == person[name]
    texts = groups["SMS_Message__c", "timeline"]["records"]
    shown = {one["fields"].get("Body__c") for one in texts}
    assert shown == {row.get("Body__c") for row in world.records("SMS_Message__c")}


def test_nothing_is_written_to_crm_or_outbox(crm_sms: Any, world: World, waiting: str) -> None:
    """Nor leased: what waits, waits as before, and may be looked at again."""
    before = crm_sms("status", "--json").json["crms"]["salesforce"]["queues"]
    first = crm_sms("deliver", "--dry-run")
    assert crm_sms("status", "--json").json["crms"]["salesforce"]["queues"] == before
    assert crm_sms("deliver", "--dry-run").out == first.out
    assert world.records("SMS_Message__c") == world.tasks() == []
    assert world.record("Contact", waiting)["SMS_Opt_Out__c"] is False


def test_people_see_counts_and_fields_and_no_values_unasked(
    crm_sms: Any, world: World, waiting: str
) -> None:
    """Numbers and texts come with --show-records only, so many of each object."""
    told = crm_sms("deliver", "--dry-run").out
    assert told.startswith("dry run: nothing is written\n\nsalesforce\n")
    assert "Body__c" in told
    assert NUMBER not in told
    assert "Yes please" not in told
    told = crm_sms("deliver", "--dry-run", "--show-records", 1).out
    assert f"    To__c = {NUMBER}\n" in told
    assert "Ada Doe wrote on 2026-11-20 15:00 UTC: Yes please" in told
    assert told.count("\n  new twilio:") == 1


def test_what_is_written_already_is_unchanged_or_gone(
    crm_sms: Any, world: World, waiting: str
) -> None:
    """After the delivery there is nothing left to show but rows that settle."""
    world.settle(rounds=2)
    groups = by_lane(crm_sms("deliver", "--dry-run", "--json"))
    assert all(set(group["fates"]) == {"unchanged"} for group in groups.values())


def test_a_record_that_is_not_made_yet_stands_by_its_key(
    crm_sms: Any, world: World, waiting: str
) -> None:
    """Where a mapping writes its address by itself."""
    file = world.app.folder / "salesforce.toml"
    assert crm_sms("init", "--mapping").code == 0
    file.write_text(
        file.read_text().replace(
            "[task.fields]", '[task.fields]\nCallDisposition = { text = "{{ message_url }}" }', 1
        )
    )
    world.receive(world.reply("+12025550123", "SM3", "START"), world.reply(NUMBER, "SM4"))
    assert crm_sms("process").code == 0
    answer = crm_sms("deliver", "--dry-run", "--show-records", 9, "--json")
    tasks = by_lane(answer)["Task", "task"]["records"]
    told = {one["fields"].get("CallDisposition") for one in tasks}
    assert any(str(value).startswith("<SMS_Message__c ") for value in told)


def test_what_would_be_left_out_or_park_is_told(crm_sms: Any, world: World, waiting: str) -> None:
    """With the field, and the command ends with 3 if anything would park."""
    world.fault("hidden", fields=["SMS_Message__c.Price__c", "Contact.SMS_Opt_Out__c"])
    answer = crm_sms("deliver", "--dry-run", "--json")
    groups = by_lane(answer)
    assert answer.code == 3
    assert groups["SMS_Message__c", "timeline"]["left_out"] == {"Price__c": 3}
    assert groups["Contact", "opt_out"]["fates"] == {"parks": 1}
    told = crm_sms("deliver", "--dry-run").out
    assert "would park: 1: SMS_Opt_Out__c" in told
    assert "left out, crm-sms doctor says why: Price__c" in told


def test_an_empty_outbox_and_a_full_inbox_are_told(
    crm_sms: Any, world: World, contact: str
) -> None:
    """Whoever forgot to process would take nothing for an answer."""
    world.receive(world.reply(NUMBER, "SM1"))
    answer = crm_sms("deliver", "--dry-run")
    assert (answer.code, "salesforce: nothing waits" in answer.out) == (0, True)
    assert "1 event waits to be planned: crm-sms process" in answer.err


def test_a_crm_that_does_not_answer_ends_it(crm_sms: Any, world: World, waiting: str) -> None:
    """One message, and the command ends with 1."""
    world.fault("status", status=503)
    answer = crm_sms("deliver", "--dry-run")
    assert (answer.code, "Traceback" in answer.err) == (1, False)


def test_records_are_shown_in_a_dry_run_only(crm_sms: Any, world: World, waiting: str) -> None:
    """Whoever leaves --dry-run out by mistake delivers nothing."""
    assert crm_sms("deliver", "--show-records", 1).code == 2
    assert world.tasks() == []
