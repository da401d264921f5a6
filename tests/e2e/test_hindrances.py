"""What stands in the way of one record holds up no other, and what was learnt meanwhile counts."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update

from crm_sms.admin_files import shipped
from crm_sms.bootstrap import delivering, installation, processing, syncing
from crm_sms.errors import StoreUnavailable
from crm_sms.ledger import outbox as ledger_outbox
from crm_sms.ledger.parked import parked
from crm_sms.ledger.tables import outbox
from crm_sms.records import Chunk, WriteResult
from crm_sms.testing.world import CRM, World
from crm_sms.use_cases import parked as parked_rows
from crm_sms.use_cases.deliver import deliver
from crm_sms.use_cases.process import planning, process
from crm_sms.use_cases.sync_people import sync_people

JANE, JOE = "+12025550123", "+12025550124"
_MESSAGES = "sobjects/SMS_Message__c/describe"


def _known(world: World) -> str:
    """Jane, pulled into the mirror."""
    jane = world.contact()
    world.advance(600)
    world.sync()
    return jane


def _with_mapping(world: World, text: str) -> World:
    world.app.close()
    (world.app.folder / "salesforce.toml").write_text(text)
    return World(installation(world.app.folder, {}), world.box, world.account)


def test_a_key_that_is_corrected_in_the_mapping_is_the_one_that_is_written(world: World) -> None:
    """Rows that parked under a field that does not exist are written once the mapping names it."""
    right = (shipped() / "salesforce.toml").read_text(encoding="utf-8")
    wrong = right.replace('key = "Message_Key__c"', 'key = "Message_Id__c"')
    assert wrong != right
    world = _with_mapping(world, wrong)
    _known(world)
    world.receive(world.reply(JANE, "SM1"))
    world.settle()
    with world.app.ledger.read() as connection:
        ids = [row.id for row in parked(connection)]
    assert ids
    world = _with_mapping(world, right)
    world.process()
    parked_rows.retry(world.app.ledger, ids, world.now)
    world.settle(rounds=2)
    [message] = world.records("SMS_Message__c")
    assert message["Message_Key__c"] == f"twilio:{world.account}:SM1"
    world.app.close()


@pytest.mark.parametrize(
    ("status", "code"), [(500, "UNKNOWN_EXCEPTION"), (403, "INSUFFICIENT_ACCESS")]
)
def test_an_object_that_cannot_be_described_holds_back_no_opt_out(
    world: World, status: int, code: str
) -> None:
    """The org says nothing of texts, and never has: the contact takes its opt-out all the same, and
    the text follows when the org speaks."""
    jane = _known(world)
    world.receive(world.reply(JANE, "SM1"))
    world.process()
    world.fault("status", status=status, body="json", code=code, match={"path": _MESSAGES})
    world.advance(61)
    world.receive(world.reply(JANE, "SM2", "STOP"))
    world.process()
    for _ in range(2):
        world.deliver()
        world.advance(70)
    assert world.record("Contact", jane)["SMS_Opt_Out__c"] is True
    assert world.records("SMS_Message__c") == []
    world.clear_faults()
    world.settle()
    assert len(world.records("SMS_Message__c")) == 2


def test_a_body_that_somebody_emptied_is_not_filled_by_the_last_rewrite(world: World) -> None:
    """An unclear write was confirmed by the look; then a rep redacts the text; then comes the write
    that settles a late writer."""
    _known(world)
    world.receive(world.reply(JANE, "SM1"))
    world.process()
    world.advance(61)
    world.fault("drop", when="after_commit", times=1, match={"path": "composite"})
    world.deliver()
    world.advance(20)
    world.deliver()
    [message] = world.records("SMS_Message__c")
    assert message["Body__c"]
    world.edit("SMS_Message__c", message["Id"], Body__c=None)
    for _ in range(5):
        world.advance(300)
        world.deliver()
    assert not world.records("SMS_Message__c")[0].get("Body__c")


def test_rows_that_wait_for_one_that_backs_off_are_due_when_it_is(world: World) -> None:
    """A claim looks through them once, not each second."""
    _known(world)
    world.receive(world.reply(JANE, "SM1"))
    world.process()
    world.advance(61)
    later = world.now + timedelta(seconds=200)
    messages = outbox.c.object == "SMS_Message__c"
    with world.app.ledger.write("meta") as connection:
        connection.execute(update(outbox).where(messages).values(not_before=later))
    world.deliver()
    with world.app.ledger.read() as connection:
        left = connection.execute(select(outbox.c.object, outbox.c.not_before)).all()
        due = ledger_outbox.next_due(connection, CRM)
    assert {row.object for row in left} == {"SMS_Message__c", "Task"}
    assert {row.not_before for row in left} == {later}
    assert due == later
    world.advance(201)
    world.deliver()
    assert len(world.tasks()) == 1


def test_an_uncheck_seen_while_a_request_is_under_way_is_written_back(world: World) -> None:
    """A pull learns that a rep cleared the opt-out, while the answer to another write of the same
    contact is on its way: that answer does not make us believe the flag still stands."""
    jane = _known(world)
    world.receive(world.reply(JANE, "SM1", "STOP"))
    world.settle(rounds=2)
    world.receive(world.outbound(JANE, "SM2"))
    world.process()
    world.advance(61)
    with closing(installation(world.app.folder, {})) as other:
        puller = replace(syncing(world.app, CRM), crm=other.crms[CRM])

        def uncheck() -> None:
            world.advance(1)
            world.edit("Contact", jane, SMS_Opt_Out__c=False)
            world.advance(1)
            sync_people(puller)

        deliver(_then(world, uncheck))
    world.settle(rounds=2)
    assert world.record("Contact", jane)["SMS_Opt_Out__c"] is True


def test_what_the_crm_answered_survives_a_ledger_that_stumbles_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settling is tried again at once: else the rows would count as unclear for minutes."""
    _known(world)
    world.receive(world.reply(JANE, "SM1"))
    world.process()
    world.advance(61)
    ledger, real, tries = world.app.ledger, world.app.ledger.write, []

    def write(name: str, *, give_way: bool = False) -> Any:
        if name == "deliver.settle":
            tries.append(name)
            if len(tries) == 1:
                raise StoreUnavailable("the server is starting up")
        return real(name, give_way=give_way)

    monkeypatch.setattr(ledger, "write", write)
    report = world.deliver()
    assert len(tries) > 1
    assert report.unclear == 0
    assert len(world.records("SMS_Message__c")) == 1


def _then(world: World, act: Any) -> Any:
    """A delivery, after whose first write this happens before its outcome is settled."""
    job = delivering(world.app, CRM)
    acts = [act]

    class _Writer:
        def __getattr__(self, name: str) -> Any:
            return getattr(job.crm, name)

        def write(self, chunks: list[Chunk]) -> WriteResult:
            result = job.crm.write(chunks)
            while acts:
                acts.pop()()
            return result

    return replace(job, crm=_Writer())


_SLOW = """
CREATE FUNCTION wait_a_little() RETURNS trigger AS
'BEGIN PERFORM pg_sleep(0.3); RETURN NEW; END' LANGUAGE plpgsql;
CREATE TRIGGER slow BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION wait_a_little();
"""
_FREE = "SELECT id FROM outbox WHERE object = 'Contact' FOR UPDATE SKIP LOCKED"


def _ids(world: World, query: str) -> list[int]:
    with world.app.ledger.engine.connect() as connection:
        return list(connection.execute(text(query)).scalars())


def test_a_processor_and_a_deliverer_take_the_same_rows_in_one_order(
    postgres_world: World,
) -> None:
    """A second STOP is planned, row by row, while the first is settled: neither waits for the other
    for ever."""
    world = postgres_world
    jane = _known(world)
    world.receive(world.reply(JANE, "SM1", "STOP"))
    world.process()
    world.advance(61)
    with world.app.ledger.engine.begin() as connection:
        connection.execute(text(_SLOW))
    with ThreadPoolExecutor(1) as pool, closing(installation(world.app.folder, {})) as other:
        planned: list[Future[Any]] = []

        def plan_meanwhile() -> None:
            world.receive(world.reply(JANE, "SM2", "STOP"))
            planned.append(pool.submit(process, processing(other)))
            while len(_ids(world, _FREE)) == 2:
                assert not planned[0].done()

        deliver(_then(world, plan_meanwhile), most_requests=1)
        planned[0].result(60)
    assert _ids(world, "SELECT id FROM outbox WHERE holder IS NOT NULL") == []
    world.settle(rounds=2)
    assert world.record("Contact", jane)["SMS_Opt_Out__c"] is True


def test_two_people_of_one_opportunity_are_added_up_by_two_processors(
    postgres_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each adds up the texts of the deal; the second waits for the first."""
    world = postgres_world
    people = [world.contact(), world.contact("(202) 555-0124")]
    deal = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-12-31"}
    [opportunity] = world.create("Opportunity", deal)
    roles = ({"OpportunityId": opportunity, "ContactId": person} for person in people)
    world.create("OpportunityContactRole", *roles)
    world.advance(600)
    world.sync()
    world.receive(world.outbound(JANE, "SM1"))
    real, second = planning.plan_roll_ups, []

    def plan_roll_ups(*arguments: Any) -> None:
        real(*arguments)
        if not second:
            world.receive(world.outbound(JOE, "SM2"))
            second.append(pool.submit(process, processing(other)))
            while not (_ids(world, _BLOCKED)[0] or second[0].done()):
                pass

    monkeypatch.setattr(planning, "plan_roll_ups", plan_roll_ups)
    with ThreadPoolExecutor(1) as pool, closing(installation(world.app.folder, {})) as other:
        world.process()
        second[0].result(30)
    world.settle(rounds=3)
    assert world.record("Opportunity", opportunity)["SMS_Sent_Count__c"] == 2


_BLOCKED = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def test_a_reply_that_came_before_the_pull_saw_the_task_done_gets_a_task(world: World) -> None:
    """A rep completes the task, the person answers a minute later, the pull comes after that."""
    _known(world)
    world.receive(world.reply(JANE, "SM1"))
    world.settle(rounds=2)
    [task] = world.tasks()
    world.edit("Task", task["Id"], Status="Completed")
    world.advance(60)
    world.receive(world.reply(JANE, "SM2", "And another thing"))
    world.settle(rounds=2)
    assert len(world.tasks()) == 1
    world.sync()
    world.settle(rounds=2)
    assert len(world.tasks()) == 2


def test_a_no_that_a_rep_set_by_hand_stays_as_it_was(world: World) -> None:
    """It concerns the person: a STOP from one of their numbers narrows it to none."""
    evidence = {"SMS_Opt_Out_Source__c": "asked the rep"}
    jane = world.contact(Phone="(202) 555-0124", SMS_Opt_Out__c=True, **evidence)
    world.advance(600)
    world.sync()
    world.receive(world.reply(JANE, "SM1", "STOP"))
    world.settle()
    contact = world.record("Contact", jane)
    assert (contact["SMS_Opt_Out_Source__c"], contact.get("SMS_Opt_Out_Phone__c")) == (
        "asked the rep",
        None,
    )
    world.edit("Contact", jane, SMS_Opt_Out__c=False)
    world.advance(600)
    world.sync()
    world.settle()
    contact = world.record("Contact", jane)
    assert (contact["SMS_Opt_Out__c"], contact["SMS_Opt_Out_Phone__c"]) == (True, JANE)


def test_our_own_no_takes_further_numbers(world: World) -> None:
    """A flag of ours names every number that said no."""
    jane = world.contact(Phone="(202) 555-0124")
    world.advance(600)
    world.sync()
    world.receive(world.reply(JANE, "SM1", "STOP"))
    world.settle(rounds=2)
    world.sync()
    world.receive(world.reply(JOE, "SM2", "STOP"))
    world.settle(rounds=2)
    assert world.record("Contact", jane)["SMS_Opt_Out_Phone__c"] == f"{JANE};{JOE}"


def test_a_text_in_triage_finds_its_person_when_the_other_one_is_gone(world: World) -> None:
    """Two held the number; one was a duplicate that somebody deleted."""
    _known(world)
    double = world.contact()
    world.advance(600)
    world.sync()
    world.receive(world.reply(JANE, "SM1"))
    world.settle()
    assert world.tasks() == []
    world.delete(double)
    world.advance(600)
    world.sync()
    world.settle(rounds=3)
    assert len(world.tasks()) == 1
