"""Promise 3: every write can be repeated without harm and without undoing what a person changed;
an unclear outcome is settled, not guessed."""

from __future__ import annotations

import pytest

from crm_sms.events import Status
from crm_sms.testing.world import World

JANE = "+12025550123"
WRITES = {"path": "composite"}
LATE_S = 700
"""Beyond the longest time after which Salesforce may still commit."""


@pytest.fixture
def jane(world: World) -> str:
    """A contact whom the mirror knows, with the org's objects described already."""
    id = world.contact()
    world.advance(600)
    world.sync()
    world.receive(world.outbound("+12025550100", "SM0"))
    world.settle()
    return id


def settle_everything(world: World) -> None:
    """Retry until the last rewrite is done."""
    for _ in range(4):
        world.process()
        world.advance(LATE_S)
        world.deliver()


def test_a_connection_lost_after_the_commit_leaves_one_record_and_one_task(
    world: World, jane: str
) -> None:
    """The request committed, the answer was lost: nothing is made twice."""
    world.receive(world.reply(JANE, "SM1"))
    world.process()
    world.advance(61)
    world.fault("drop", when="after_commit", match=WRITES, times=2)
    assert world.deliver().unclear > 0
    settle_everything(world)
    assert len(world.records("SMS_Message__c")) == 1
    assert len(world.tasks()) == 1
    assert world.record("Contact", jane)["SMS_Reply_Count__c"] == 1


def test_a_connection_lost_before_the_commit_loses_nothing(world: World, jane: str) -> None:
    """The request never took effect: it is made again."""
    world.receive(world.reply(JANE, "SM1"))
    world.process()
    world.advance(61)
    world.fault("drop", when="before_commit", match=WRITES, times=3)
    settle_everything(world)
    assert len(world.records("SMS_Message__c")) == 1
    assert len(world.tasks()) == 1


def test_a_late_writer_leaves_no_old_version_behind(world: World, jane: str) -> None:
    """A first version that commits after the second is overwritten once it cannot come again."""
    world.receive(world.outbound(JANE, "SM1", Status.SENT))
    world.process()
    world.advance(61)
    world.fault("timeout", commit_after_s=300, match=WRITES, times=1)
    world.deliver()
    world.clear_faults()
    world.receive(world.outbound(JANE, "SM1", Status.DELIVERED))
    world.settle(30)
    [message] = world.records("SMS_Message__c")
    assert message["Status__c"] == "Delivered"
    world.advance(300)
    world.sync()  # any call: the org's own time goes on
    assert world.records("SMS_Message__c")[0]["Status__c"] == "Sent", "the late writer came"
    settle_everything(world)
    [message] = world.records("SMS_Message__c")
    assert message["Status__c"] == "Delivered"


def test_late_chunks_of_a_composite_make_no_second_task(world: World, jane: str) -> None:
    """Some chunks commit at once, others minutes later: each record is there once."""
    for number in range(3):
        world.contact(f"(202) 555-02{number}0")
    world.advance(600)
    world.sync()
    world.receive(*(world.reply(f"+120255502{n}0", f"SM{n}") for n in range(3)))
    world.process()
    world.advance(61)
    world.deliver()
    world.receive(*(world.reply(f"+120255502{n}0", f"SN{n}", "and") for n in range(3)))
    world.process()
    world.advance(61)
    world.fault("timeout", commit_after_s=400, chunks=[1], match=WRITES, times=1)
    world.deliver()
    settle_everything(world)
    assert len(world.records("SMS_Message__c")) == 6
    assert len(world.tasks()) == 3


def test_a_task_that_a_rep_deleted_while_the_answer_was_lost_is_not_made_again(
    world: World, jane: str
) -> None:
    """The look finds the deleted task, and a deleted find is done."""
    world.receive(world.reply(JANE, "SM1"))
    world.process()
    world.advance(61)
    world.fault("drop", when="after_commit", match=WRITES | {"object": "Task"}, times=1)
    world.deliver()
    [task] = world.tasks()
    world.delete(task["Id"])
    settle_everything(world)
    assert world.tasks() == []
    assert len(world.tasks(deleted=True)) == 1


def test_a_task_that_a_rep_completed_is_never_touched_again(world: World, jane: str) -> None:
    """Later facts about the text leave the rep's task alone."""
    world.receive(world.reply(JANE, "SM1"))
    world.settle()
    [task] = world.tasks()
    world.edit("Task", task["Id"], Status="Completed", Subject="Done by me")
    world.receive(world.reply(JANE, "SM1", media_count=2))
    world.receive(world.outbound(JANE, "SM2"))
    settle_everything(world)
    [task] = world.tasks()
    assert (task["Status"], task["Subject"]) == ("Completed", "Done by me")


def test_an_owner_that_a_rep_changed_survives_a_retry(world: World, jane: str) -> None:
    """The answer was lost, the rep gave the record to a colleague: the rewrite keeps that."""
    [rep] = world.create(
        "User",
        {"LastName": "Rep", "Username": "r@example.com", "Email": "r@e.com", "IsActive": True},
    )
    world.receive(world.outbound(JANE, "SM1"))
    world.process()
    world.advance(61)
    world.fault("drop", when="after_commit", match=WRITES, times=1)
    world.deliver()
    [message] = world.records("SMS_Message__c")
    world.edit("SMS_Message__c", message["Id"], OwnerId=rep)
    settle_everything(world)
    [message] = world.records("SMS_Message__c")
    assert message["OwnerId"] == rep


def test_a_body_that_somebody_emptied_or_wrote_is_not_ours_to_replace(
    world: World, jane: str
) -> None:
    """A field that is only filled where it is empty keeps what a person put there."""
    world.receive(world.outbound(JANE, "SM1"))
    world.settle()
    [message] = world.records("SMS_Message__c")
    world.edit("SMS_Message__c", message["Id"], Body__c="typed by a rep")
    world.receive(world.outbound(JANE, "SM1", Status.DELIVERED, body="the real body"))
    world.settle()
    [message] = world.records("SMS_Message__c")
    assert message["Body__c"] == "typed by a rep"
    assert message["Status__c"] == "Delivered"


def test_a_message_record_that_a_rep_deleted_is_parked_and_not_made_anew(
    world: World, jane: str
) -> None:
    """Later facts about a deleted record are kept and shown, not written as a half-empty one."""
    world.receive(world.outbound(JANE, "SM1"))
    world.settle()
    [message] = world.records("SMS_Message__c")
    world.delete(message["Id"])
    world.receive(world.outbound(JANE, "SM1", Status.DELIVERED))
    [report] = world.settle()
    assert report.parked == 1
    assert world.records("SMS_Message__c") == []
