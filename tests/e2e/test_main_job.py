"""The main job, from facts in the ledger to records, tasks and opt-outs in the CRM."""

from __future__ import annotations

from datetime import timedelta

from crm_sms.events import Metadata, Status
from crm_sms.testing.world import World

JANE = "+12025550123"


def test_a_text_and_its_answer_become_records_a_task_and_roll_ups(world: World) -> None:
    """A delivered text that is answered stands on the contact in every form a rep may look for."""
    jane = world.contact()
    world.advance(600)
    world.sync()
    world.receive(world.outbound(JANE, "SM1", Status.SENT))
    world.advance(60)
    world.receive(world.outbound(JANE, "SM1", Status.DELIVERED), world.reply(JANE, "SM2"))
    world.settle()

    sent, reply = world.records("SMS_Message__c")
    assert (sent["Status__c"], sent["Contact__c"]) == ("Delivered", jane)
    assert (reply["Direction__c"], reply["Response_Seconds__c"]) == ("Inbound", 60)
    [task] = world.tasks()
    assert task["WhoId"] == jane
    assert "Yes please" in task["Description"]
    assert task["Description"].endswith(f"/lightning/r/SMS_Message__c/{reply['Id']}/view")
    contact = world.record("Contact", jane)
    assert (contact["SMS_Sent_Count__c"], contact["SMS_Reply_Count__c"]) == (1, 1)
    assert len(world.tasks("entry:")) == 2


def test_an_opt_out_reaches_everybody_who_holds_the_number(world: World) -> None:
    """STOP is written on the contact and the lead that share a number, and makes no task."""
    jane = world.contact()
    [lead] = world.create(
        "Lead", {"LastName": "Doe", "Company": "Acme", "MobilePhone": "1-202-555-0123"}
    )
    world.advance(600)
    world.sync()
    world.receive(world.reply(JANE, "SM1", "Stop "))
    world.process()
    world.deliver()
    for name, id in (("Contact", jane), ("Lead", lead)):
        record = world.record(name, id)
        assert record["SMS_Opt_Out__c"] is True
        assert record["SMS_Opt_Out_Phone__c"] == JANE
    world.settle()
    assert world.tasks() == []


def test_an_opt_out_reaches_somebody_who_gets_the_number_later(world: World) -> None:
    """A contact that is made after the STOP is opted out by the next pull."""
    world.sync()
    world.receive(world.reply(JANE, "SM1", "STOP"))
    world.settle()
    jane = world.contact()
    world.advance(600)
    world.sync()
    world.deliver()
    assert world.record("Contact", jane)["SMS_Opt_Out__c"] is True


def test_an_opt_out_that_somebody_unchecks_is_written_back_and_reported(world: World) -> None:
    """Unchecking an opt-out after the subject's own no does not last."""
    jane = world.contact()
    world.advance(600)
    world.sync()
    world.receive(world.reply(JANE, "SM1", "STOP"))
    world.settle()
    world.advance(600)
    world.edit("Contact", jane, SMS_Opt_Out__c=False)
    world.advance(1)
    report = world.sync()
    assert report.written_back == 1
    world.deliver()
    assert world.record("Contact", jane)["SMS_Opt_Out__c"] is True
    assert world.sync().written_back == 0


def test_a_text_from_an_unknown_number_finds_its_person_later(world: World) -> None:
    """A reply waits in triage until the mirror learns the number; then it makes its task."""
    world.sync()
    world.receive(world.reply(JANE, "SM1"))
    report = world.process()
    assert report.unmatched == 1
    world.advance(100)
    assert world.deliver().requests == 0
    jane = world.contact()
    world.advance(600)
    assert world.sync().rematched == 1
    world.settle()
    [task] = world.tasks()
    assert task["WhoId"] == jane


def test_a_shared_number_goes_to_triage_unless_a_text_says_whom_it_meant(world: World) -> None:
    """Of two contacts with one number neither is guessed; the one last texted gets the reply."""
    first, second = world.contact(LastName="One"), world.contact(LastName="Two")
    world.advance(600)
    world.sync()
    world.receive(world.reply(JANE, "SM1"))
    assert world.process().unmatched == 1
    meant = Metadata(person_id=second)
    world.receive(world.outbound(JANE, "SM2", metadata=meant))
    world.advance(60)
    world.receive(world.reply(JANE, "SM3"))
    world.settle()
    [task] = world.tasks()
    assert task["WhoId"] == second
    assert world.record("Contact", first).get("SMS_Reply_Count__c") in (None, 0)


def test_one_task_serves_a_conversation(world: World) -> None:
    """Replies within a day share a task; once it is completed, the next reply makes another."""
    world.contact()
    world.advance(600)
    world.sync()
    for number in range(3):
        world.receive(world.reply(JANE, f"SM{number}", f"line {number}"))
        world.settle(600)
    [task] = world.tasks()
    world.edit("Task", task["Id"], Status="Completed")
    world.advance(60)
    world.sync()
    world.advance(60)
    world.receive(world.reply(JANE, "SM9", "one more thing"))
    world.settle()
    assert len(world.tasks()) == 2


def test_a_conversation_ends_after_a_day(world: World) -> None:
    """A reply on the next day opens a conversation of its own."""
    world.contact()
    world.advance(600)
    world.sync()
    world.receive(world.reply(JANE, "SM1"))
    world.settle()
    world.advance(86_400)
    world.receive(world.reply(JANE, "SM2"))
    world.settle()
    assert len(world.tasks()) == 2


def test_old_texts_make_no_task_but_their_opt_outs_count(world: World) -> None:
    """History that comes in late stands on records without waking anybody."""
    jane = world.contact()
    world.advance(600)
    world.sync()
    old = world.now - timedelta(days=30)
    world.receive(
        world.reply(JANE, "SM1", "call me", occurred_at=old),
        world.reply(JANE, "SM2", "STOP", occurred_at=old + timedelta(minutes=1)),
    )
    world.settle()
    assert world.tasks() == []
    assert len(world.records("SMS_Message__c")) == 2
    assert world.record("Contact", jane)["SMS_Opt_Out__c"] is True


def test_an_unverified_reply_stands_on_the_record_and_makes_no_task(world: World) -> None:
    """What a report-only signature check let through wakes nobody, but may suppress."""
    jane = world.contact()
    world.advance(600)
    world.sync()
    world.receive(
        world.reply(JANE, "SM1", verified=False), world.reply(JANE, "SM2", "STOP", verified=False)
    )
    world.settle()
    assert world.tasks() == []
    assert world.record("Contact", jane)["SMS_Opt_Out__c"] is True


def test_the_only_open_opportunity_of_the_person_gets_the_text(world: World) -> None:
    """The text, its task and the sums stand on the opportunity in which the contact has a role."""
    jane = world.contact()
    [deal] = world.create(
        "Opportunity",
        {"Name": "Big", "StageName": "Prospecting", "CloseDate": "2026-12-31", "Amount": 100},
    )
    world.create("OpportunityContactRole", {"OpportunityId": deal, "ContactId": jane})
    world.advance(600)
    world.sync()
    world.receive(world.reply(JANE, "SM1"))
    world.settle()
    [message] = world.records("SMS_Message__c")
    assert message["Opportunity__c"] == deal
    [task] = world.tasks()
    assert task["WhatId"] == deal
    assert world.record("Opportunity", deal)["SMS_Reply_Count__c"] == 1


def test_a_task_goes_to_the_fallback_when_the_owner_left(world: World) -> None:
    """An inactive owner gets no task: the configured fallback does, else our own user."""
    [rep] = world.create(
        "User",
        {
            "LastName": "Gone",
            "Username": "gone@example.com",
            "Email": "g@example.com",
            "IsActive": True,
        },
    )
    world.contact(OwnerId=rep)
    world.edit("User", rep, IsActive=False)
    world.advance(600)
    world.sync()
    world.receive(world.reply(JANE, "SM1"))
    world.settle()
    [task] = world.tasks()
    assert task["OwnerId"] != rep


def test_everything_again_changes_nothing(world: World) -> None:
    """The same callbacks a second time leave records, tasks and call counts as they are."""
    world.contact()
    world.advance(600)
    world.sync()
    facts = [world.outbound(JANE, "SM1"), world.reply(JANE, "SM2"), world.reply(JANE, "SM3")]
    assert world.receive(*facts) == [True, True, True]
    world.settle(rounds=2)
    before = [world.records(name) for name in ("SMS_Message__c", "Task", "Contact")]
    calls = world.box.salesforce.stats()["calls"]
    assert world.receive(*facts, *facts) == [False] * 6
    world.settle(rounds=2)
    assert [world.records(name) for name in ("SMS_Message__c", "Task", "Contact")] == before
    assert world.box.salesforce.stats()["calls"] == calls
