"""Promises 5, 6 and 10: opt-outs first, nothing dropped in silence, outages pass by themselves."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from crm_sms.bootstrap import delivering, planner
from crm_sms.errors import QuotaEnded
from crm_sms.events import Status
from crm_sms.ledger.outbox import counts, put
from crm_sms.ledger.parked import parked, retry
from crm_sms.mapping.facts import OptOut
from crm_sms.records import Lane, Person, PersonKind, Phone, Reason
from crm_sms.sandbox.server import Sandbox
from crm_sms.testing.world import CRM, World, build
from crm_sms.use_cases.deliver.claiming import claim_rows, take_turn, throttle_of

JANE = "+12025550123"


@pytest.fixture
def jane(world: World) -> str:
    """A contact whom the mirror knows."""
    id = world.contact()
    world.advance(600)
    world.sync()
    return id


def parked_rows(world: World) -> list[tuple[str, Reason]]:
    """Object and reason of what is parked."""
    with world.app.ledger.read() as connection:
        return [(row.object, row.reason) for row in parked(connection)]


def unpark(world: World) -> None:
    """What `parked retry` does."""
    with world.app.ledger.write("parked") as connection:
        ids = [row.id for row in parked(connection)]
        retry(world.app.ledger, connection, ids, world.now)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 500, "body": "json"},
        {"kind": "drop", "when": "before_commit"},
        {"kind": "maintenance"},
        {"kind": "quota", "remaining": 0},
    ],
    ids=lambda fault: str(fault.get("status") or fault["kind"]),
)
def test_an_outage_keeps_everything_and_drains_when_it_ends(
    world: World, jane: str, fault: dict[str, object]
) -> None:
    """While the CRM fails facts are taken and planned; afterwards every record is written once."""
    world.fault(**fault)  # type: ignore[arg-type]
    for number in range(3):
        world.receive(world.outbound(JANE, f"SM{number}"), world.reply(JANE, f"SR{number}"))
        world.settle(600)
    assert world.tasks() == []
    world.clear_faults()
    for _ in range(3):
        world.advance(1000)
        world.deliver()
    assert len(world.records("SMS_Message__c")) == 6
    assert len(world.tasks()) == 1
    assert parked_rows(world) == []


def test_a_failing_crm_is_left_alone_longer_and_longer(world: World, jane: str) -> None:
    """An outage costs few calls: pauses double up to a minute."""
    world.receive(world.outbound(JANE, "SM1"))
    world.settle()
    world.receive(world.outbound(JANE, "SM1", Status.DELIVERED))
    world.process()
    world.advance(61)
    world.fault("status", status=503)
    before = world.app.crms["salesforce"].calls
    for _ in range(600):
        world.advance(1)
        world.deliver()
    assert world.app.crms["salesforce"].calls - before < 20


def test_an_opt_out_passes_a_bad_roll_up_field_and_a_backlog(world: World, jane: str) -> None:
    """A roll-up that fails on the same contact does not hold its opt-out back."""
    world.fault(
        "row_error",
        code="FIELD_CUSTOM_VALIDATION_EXCEPTION",
        match={"object": "Contact"},
        times=1,
        keys=[jane],
    )
    world.receive(world.outbound(JANE, "SM1"), world.reply(JANE, "SM2", "STOP"))
    world.process()
    world.advance(61)
    world.deliver()
    record = world.record("Contact", jane)
    rows = parked_rows(world)
    assert record["SMS_Opt_Out__c"] is True or ("Contact", Reason.VALIDATION) in rows
    unpark(world)
    world.settle()
    assert world.record("Contact", jane)["SMS_Opt_Out__c"] is True
    assert world.record("Contact", jane)["SMS_Reply_Count__c"] == 1


def test_near_the_end_of_the_quota_only_opt_outs_are_written(world: World, jane: str) -> None:
    """A share of the calls is kept: replies wait, a STOP goes through."""
    world.receive(world.outbound(JANE, "SM0"))
    world.settle()
    world.fault("quota", limit=1000, remaining=40)
    world.receive(world.outbound(JANE, "SM0", Status.DELIVERED))
    world.settle()
    world.receive(world.reply(JANE, "SM1", "hello"))
    world.settle()
    assert world.tasks() == []
    world.receive(world.reply(JANE, "SM2", "STOP"))
    world.settle()
    assert world.record("Contact", jane)["SMS_Opt_Out__c"] is True
    assert world.tasks() == []
    world.clear_faults()
    world.advance(3600)
    world.deliver()
    world.settle()
    assert len(world.tasks()) == 1


def test_a_pull_leaves_the_calls_that_are_kept_for_opt_outs(world: World, jane: str) -> None:
    """What the last pull used up, no STOP can use; the pull says why it stops."""
    world.fault("quota", limit=1000, remaining=60)
    for _ in range(60):
        world.contact()
        world.advance(300)
        with suppress(QuotaEnded):
            world.sync()
    with pytest.raises(QuotaEnded, match="kept for opt-outs"):
        world.sync()
    world.receive(world.reply(JANE, "SM1", "STOP"))
    world.settle()
    assert world.record("Contact", jane)["SMS_Opt_Out__c"] is True


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", Reason.VALIDATION),
        ("INSUFFICIENT_ACCESS_OR_READONLY", Reason.ACCESS),
        ("A_CODE_NOBODY_KNOWS", Reason.UNKNOWN),
    ],
)
def test_a_row_that_cannot_be_written_parks_and_the_others_go_on(
    world: World, jane: str, code: str, reason: Reason
) -> None:
    """One bad row parks with its reason; a retry writes it once the cause is gone."""
    raul = world.contact("(202) 555-0188", LastName="Roe")
    world.advance(600)
    world.sync()
    world.receive(world.outbound(JANE, "SM1"), world.outbound("+12025550188", "SM2"))
    world.process()
    world.advance(61)
    world.fault("row_error", code=code, keys=[jane], match={"object": "SMS_Message__c"})
    world.deliver()
    assert parked_rows(world) == [("SMS_Message__c", reason)]
    assert [row["Contact__c"] for row in world.records("SMS_Message__c")] == [raul]
    world.clear_faults()
    unpark(world)
    world.settle()
    assert parked_rows(world) == []
    assert len(world.records("SMS_Message__c")) == 2


def test_a_locked_row_is_tried_again_by_itself(world: World, jane: str) -> None:
    """A lock passes; the row is written on a later try, and only that row waits."""
    world.receive(world.outbound(JANE, "SM1"))
    world.process()
    world.advance(61)
    world.fault("lock", parents=[jane], times=2)
    world.deliver()
    for _ in range(4):
        world.advance(30)
        world.deliver()
    assert len(world.records("SMS_Message__c")) == 1
    assert world.record("Contact", jane)["SMS_Sent_Count__c"] == 1


def test_a_hidden_optional_field_is_left_out(world: World, jane: str) -> None:
    """The record is written without the field that our user cannot see."""
    world.fault("hidden", fields=["SMS_Message__c.Price__c", "Contact.SMS_Click_Count__c"])
    world.receive(world.outbound(JANE, "SM1", price=0.01))
    world.settle(rounds=3)
    [message] = world.records("SMS_Message__c")
    assert message.get("Price__c") is None
    assert parked_rows(world) == []
    assert world.record("Contact", jane)["SMS_Sent_Count__c"] == 1


def test_a_hidden_starred_field_parks_its_rows_and_no_others(world: World, jane: str) -> None:
    """Without the opt-out field opt-outs park; messages and tasks go on."""
    world.fault("hidden", fields=["Contact.SMS_Opt_Out__c"])
    world.receive(world.reply(JANE, "SM1", "hello"), world.reply(JANE, "SM2", "STOP"))
    world.settle(rounds=3)
    assert parked_rows(world) == [("Contact", Reason.FIELD)]
    assert len(world.records("SMS_Message__c")) == 2
    assert len(world.tasks()) == 1
    world.clear_faults()
    world.advance(4000)
    unpark(world)
    world.settle()
    assert world.record("Contact", jane)["SMS_Opt_Out__c"] is True


def test_a_field_hidden_after_it_was_described_is_described_again(world: World, jane: str) -> None:
    """The refused row comes back without the field, at most one try later."""
    world.receive(world.outbound(JANE, "SM1"))
    world.settle()
    world.fault("hidden", fields=["SMS_Message__c.Delivered_At__c"])
    world.receive(world.outbound(JANE, "SM1", Status.DELIVERED))
    world.settle(rounds=3)
    assert world.records("SMS_Message__c")[0]["Status__c"] == "Delivered"
    assert parked_rows(world) == []


def test_a_task_whose_message_parked_goes_without_the_link(world: World, jane: str) -> None:
    """The rep gets the task although the record it would link to cannot be written."""
    world.receive(world.outbound("+12025550100", "SM0"))
    world.settle()
    world.receive(world.reply(JANE, "SM1"))
    world.process()
    world.fault("row_error", code="REQUIRED_FIELD_MISSING", match={"object": "SMS_Message__c"})
    world.advance(61)
    world.deliver()
    world.advance(61)
    world.deliver()
    [task] = world.tasks()
    assert "lightning" not in task["Description"]
    assert "Yes please" in task["Description"]


def test_an_opt_out_waits_for_no_look_of_another_row(world: World, jane: str) -> None:
    """A task whose look fails again and again holds nothing else up."""
    world.receive(world.reply(JANE, "SM1"))
    world.process()
    world.advance(61)
    composite = {"path": "composite"}
    world.fault("drop", when="before_commit", match=composite | {"object": "Task"}, times=1)
    world.deliver()
    world.deliver()
    raul = world.contact("(202) 555-0188", LastName="Roe")
    world.advance(600)
    world.sync()
    world.fault("status", status=503, match={"path": "query"})
    world.fault("status", status=503, match={"path": "composite$", "object": "Task"})
    world.receive(world.reply("+12025550188", "SM2", "STOP"))
    world.process()
    for _ in range(4):
        world.advance(30)
        world.deliver()
    assert world.record("Contact", raul)["SMS_Opt_Out__c"] is True


def test_a_killed_workers_lease_holds_up_no_colleagues_opt_out(world: World) -> None:
    """An opt-out waits for its own record only, not for its account."""
    [account] = world.create("Account", {"Name": "Acme"})
    world.contact(AccountId=account)
    raul = world.contact("(202) 555-0188", LastName="Roe", AccountId=account)
    world.advance(600)
    world.sync()
    world.receive(world.outbound(JANE, "SM1"))
    world.process()
    world.advance(61)
    job = delivering(world.app, CRM)
    claim_rows(job, take_turn(job, throttle_of(job), world.now))  # and the worker is killed
    world.receive(world.reply("+12025550188", "SM2", "STOP"))
    world.process()
    world.deliver()
    assert world.record("Contact", raul)["SMS_Opt_Out__c"] is True


def test_a_contact_that_comes_back_is_opted_out(world: World, jane: str) -> None:
    """The opt-out that parked while the contact was deleted goes on when a pull finds it again."""
    world.receive(world.reply(JANE, "SM1", "STOP"))
    world.process()
    world.delete(jane)
    world.deliver()
    assert ("Contact", Reason.DELETED) in parked_rows(world)
    person = Person(
        "Contact", jane, PersonKind.CONTACT, world.now, phones=(Phone("MobilePhone", JANE),)
    )
    planned = planner(world.app, CRM)
    no = OptOut(world.now, "keyword STOP", (JANE,))
    with world.app.ledger.write("sync.page") as connection:
        wanted = [(planned.mapping.opt_out(CRM, person, no), None)]
        put(world.app.ledger, connection, wanted, world.now, planned.windows)
    assert waiting_opt_outs(world) == 1


def waiting_opt_outs(world: World) -> int:
    """How many opt-outs wait to be written."""
    with world.app.ledger.read() as connection:
        return sum(
            rows
            for _, state, lane, rows in counts(connection)
            if lane == Lane.OPT_OUT and state == "waiting"
        )


def test_a_deleted_contact_parks_what_was_for_it(world: World, jane: str) -> None:
    """Rows for somebody who is gone, or that name them, are kept and shown."""
    world.receive(world.outbound(JANE, "SM1"))
    world.process()
    world.delete(jane)
    world.advance(61)
    world.deliver()
    assert {reason for _, reason in parked_rows(world)} == {Reason.DELETED, Reason.REFERENCE}


def test_requests_shrink_when_the_org_runs_out_of_time_and_recover(world: World) -> None:
    """Batches halve until they pass; every row arrives."""
    ids = world.create(
        "Contact",
        *({"LastName": f"C{n}", "MobilePhone": f"+1202556{n:04}"} for n in range(300)),
    )
    world.advance(600)
    world.sync()
    world.fault("too_long", rows=120)
    world.receive(*(world.outbound(f"+1202556{n:04}", f"SM{n}") for n in range(300)))
    world.process()
    for _ in range(8):
        world.advance(300)
        world.deliver()
    assert len(world.records("SMS_Message__c")) == len(ids)
    assert parked_rows(world) == []


def test_a_revoked_token_fails_with_the_remedy_and_keeps_everything(
    world: World, jane: str
) -> None:
    """The report says what to do; once access is back the rows are written."""
    world.receive(world.outbound(JANE, "SM1"))
    world.settle()
    world.fault("expired_token", for_good=True)
    world.receive(world.reply(JANE, "SM2"))
    [report] = world.settle()
    assert "client_secret" in report.failed or "credential" in report.failed.lower()
    world.clear_faults()
    world.advance(61)
    world.deliver()
    world.advance(61)
    world.deliver()
    assert len(world.tasks()) == 1


def test_a_mapping_error_of_one_text_parks_that_text_alone(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """An expression that fails on one text's facts leaves the others alone."""
    from crm_sms.admin_files import shipped

    text = (shipped() / "salesforce.toml").read_text()
    bad = text.replace(
        'Subject = { text = "SMS reply',
        'Subject = { text = "{{ 1 // message.media_count }} SMS reply',
    )
    (tmp_path / "salesforce.toml").write_text(bad)
    world = build(tmp_path, sandbox)
    world.contact()
    world.contact("(202) 555-0188")
    world.advance(600)
    world.sync()
    world.receive(
        world.reply(JANE, "SM1", media_count=0), world.reply("+12025550188", "SM2", media_count=1)
    )
    world.settle(rounds=2)
    assert [reason for _, reason in parked_rows(world)] == [Reason.SETUP]
    assert len(world.tasks()) == 1
    assert len(world.records("SMS_Message__c")) == 2
    world.app.close()
