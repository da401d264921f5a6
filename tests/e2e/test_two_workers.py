"""Two processors and two deliverers at once, on PostgreSQL, with a transaction held open."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, text

from crm_sms.admin_files import shipped
from crm_sms.bootstrap import delivering, installation, processing
from crm_sms.events import Status
from crm_sms.ledger import texts
from crm_sms.ledger.claims import Turn, candidates, claim
from crm_sms.ledger.facts import append
from crm_sms.ledger.inbox import backlog
from crm_sms.ledger.matched import store_matches
from crm_sms.ledger.tables import messages, outbox
from crm_sms.mapping import Mapping
from crm_sms.testing.world import CRM, World
from crm_sms.use_cases.deliver import claiming, deliver, leaving
from crm_sms.use_cases.deliver.claiming import claim_rows, take_turn, throttle_of
from crm_sms.use_cases.process import planning, process, replanning

PEOPLE = 20


def number(n: int) -> str:
    """The nth person's number."""
    return f"+120255501{n:02}"


def populate(world: World) -> list[str]:
    """Twenty contacts whom the mirror knows."""
    ids = world.create(
        "Contact",
        *({"LastName": f"C{n}", "MobilePhone": number(n)} for n in range(PEOPLE)),
    )
    world.advance(600)
    world.sync()
    return ids


def test_two_processors_share_a_backlog_without_loss_or_double(postgres_world: World) -> None:
    """Both fold facts of the same texts and people; the sums and records are those of one."""
    world = postgres_world
    ids = populate(world)
    for n in range(PEOPLE):
        for status in (Status.QUEUED, Status.SENT, Status.DELIVERED):
            world.receive(world.outbound(number(n), f"SM{n}", status))
        world.receive(world.reply(number(n), f"SR{n}a"), world.reply(number(n), f"SR{n}b"))
    start = threading.Barrier(2)

    def run() -> None:
        app = installation(world.app.folder, {})
        start.wait()
        for _ in range(200):
            if process(processing(app), most_batches=1).events == 0:
                break
        app.close()

    with ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(run) for _ in range(2)]:
            job.result()
    world.settle(rounds=2)
    assert len(world.records("SMS_Message__c")) == 3 * PEOPLE
    assert len(world.tasks()) == PEOPLE
    for id in ids:
        record = world.record("Contact", id)
        assert (record["SMS_Sent_Count__c"], record["SMS_Reply_Count__c"]) == (1, 2)


def test_an_event_in_a_transaction_held_open_is_not_passed_over(postgres_world: World) -> None:
    """A lower event number that commits after a higher one was processed is processed too."""
    world = postgres_world
    populate(world)
    ledger = world.app.ledger
    with ledger.write("receive") as held:
        append(ledger, held, [world.outbound(number(0), "SM1", Status.SENT)], world.now)
        world.receive(world.outbound(number(0), "SM1", Status.DELIVERED))
        assert world.process().events == 1
    assert world.process().events == 1
    world.settle()
    [message] = world.records("SMS_Message__c")
    assert message["Status__c"] == "Delivered"
    with ledger.read() as connection:
        assert backlog(connection)[0] == 0
        assert connection.execute(select(func.count()).select_from(messages)).scalar_one() == 1


def test_two_deliverers_write_every_row_once(postgres_world: World) -> None:
    """Rows are leased to one of them; no record is made twice, no partition is in two requests."""
    world = postgres_world
    populate(world)
    for n in range(PEOPLE):
        world.receive(world.outbound(number(n), f"SM{n}"), world.reply(number(n), f"SR{n}"))
    world.process()
    world.advance(61)
    world.fault("latency", ms=20)
    start = threading.Barrier(2)

    def run() -> int:
        app = installation(world.app.folder, {})
        start.wait()
        done = deliver(delivering(app, CRM)).done
        app.close()
        return done

    with ThreadPoolExecutor(2) as pool:
        done = sum(job.result() for job in [pool.submit(run) for _ in range(2)])
    world.clear_faults()
    rest = world.deliver().done
    assert len(world.records("SMS_Message__c")) == 2 * PEOPLE
    assert len(world.tasks()) == PEOPLE
    assert done + rest == 5 * PEOPLE  # two texts, a task, an entry and the sums of each


def test_rows_of_an_account_under_way_wait_for_it(postgres_world: World) -> None:
    """While one request writes for an account, another one takes only other accounts' rows."""
    world = postgres_world
    [account] = world.create("Account", {"Name": "Acme"})
    world.create(
        "Contact",
        {"LastName": "A", "MobilePhone": number(1), "AccountId": account},
        {"LastName": "B", "MobilePhone": number(2), "AccountId": account},
        {"LastName": "C", "MobilePhone": number(3)},
    )
    world.advance(600)
    world.sync()
    world.receive(world.outbound(number(1), "SM1"))
    world.process()
    world.advance(61)
    job = delivering(world.app, CRM)
    turn = take_turn(job, throttle_of(job), world.now)
    first = Turn(**{name: getattr(turn, name) for name in Turn.__slots__} | {"holder": "1"})
    with world.app.ledger.write("deliver.claim") as connection:
        mine = candidates(connection, first)
        claim(connection, first, mine)
    world.receive(world.outbound(number(2), "SM2"), world.outbound(number(3), "SM3"))
    world.process()
    world.advance(61)
    world.deliver()
    [message] = world.records("SMS_Message__c")
    assert message["To__c"] == number(3)


def wait_until_done_or_locked_out(world: World, job: Future[Any]) -> None:
    """Until the other thread has ended, or waits for a lock that we hold."""
    waits = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    while not job.done():
        with world.app.ledger.engine.connect() as connection:
            if connection.execute(waits).scalar_one():
                return
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("place", "step"), [(claiming, "claim"), (leaving, "keep_sent")], ids=["claim", "leave"]
)
def test_whoever_claims_waits_for_the_other_to_have_claimed_or_left(
    postgres_world: World, monkeypatch: pytest.MonkeyPatch, place: Any, step: str
) -> None:
    """Two workers at once, the second with a clock that is ahead: it sees the first one's leases,
    or takes the rows over with all that the first is about to send."""
    world = postgres_world
    populate(world)
    world.receive(world.outbound(number(0), "SM1", Status.QUEUED))
    world.process()
    world.advance(61)
    jobs: list[Future[Any]] = []
    job, first = delivering(world.app, CRM), [True]
    other = delivering(installation(world.app.folder, {}), CRM)
    later = world.now + timedelta(hours=1 if step == "keep_sent" else 0)
    real = getattr(place, step)

    def meanwhile(*given: Any) -> None:
        if first:
            first.clear()
            turn = take_turn(other, throttle_of(other), later)
            jobs.append(pool.submit(claim_rows, other, turn))
            wait_until_done_or_locked_out(world, jobs[0])
        real(*given)

    monkeypatch.setattr(place, step, meanwhile)
    with ThreadPoolExecutor(1) as pool:
        deliver(job, most_requests=1)
        _, rows = jobs[0].result()
    other.ledger.close()
    taken = [row for row in rows if row.object == "SMS_Message__c"]
    if step == "claim":
        assert taken == []
    else:
        assert all(row.sent["OwnerId"] for row in taken)


def test_a_text_that_is_renamed_while_its_row_is_claimed_has_one_record(
    postgres_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever claims rows comes before the new name or after it, not between look and commit."""
    world = postgres_world
    populate(world)
    world.receive(world.outbound(number(0), "SM1", Status.QUEUED))
    world.process()
    world.advance(61)
    world.receive(world.outbound(number(0), "SM1", Status.SENT, message_key="our-key"))
    other, jobs = installation(world.app.folder, {}), []
    real = texts.forget_waiting

    def forget(connection: Connection, ids: Collection[int]) -> None:
        if ids:
            jobs.append(pool.submit(deliver, delivering(other, CRM)))
            wait_until_done_or_locked_out(world, jobs[0])
        real(connection, ids)

    monkeypatch.setattr(texts, "forget_waiting", forget)
    with ThreadPoolExecutor(1) as pool:
        world.process()
        jobs[0].result()
    other.close()
    world.settle(rounds=2)
    assert [row["Message_Key__c"] for row in world.records("SMS_Message__c")] == ["our-key"]


@pytest.mark.parametrize("batches", [1, 2])
def test_a_new_mapping_reaches_what_is_being_planned_with_the_old_one(
    postgres_world: World, monkeypatch: pytest.MonkeyPatch, batches: int
) -> None:
    """The batch under way is planned again, and the next one is left to the new mapping."""
    world = postgres_world
    populate(world)
    for n in range(40 * batches):
        world.receive(world.outbound(number(0), f"SM{n}"))
    shipped_text = (shipped() / "salesforce.toml").read_text(encoding="utf-8")
    changed = shipped_text.replace('outbound = "Outbound"', 'outbound = "Out"')
    other = installation(world.app.folder, {})
    [planner] = processing(other).planners
    newer = replace(planner, mapping=Mapping.load(changed, "newer.toml"))
    anew = replace(processing(other), planners=(newer,))
    jobs: list[Future[int]] = []

    def store(*args: Any) -> None:
        if not jobs:
            jobs.append(pool.submit(replanning.replan, anew))
            wait_until_done_or_locked_out(world, jobs[0])
        store_matches(*args)

    monkeypatch.setattr(planning, "store_matches", store)
    with ThreadPoolExecutor(1) as pool:
        world.process()
        jobs[0].result()
    process(anew)
    other.close()
    query = select(outbox.c.fields).where(outbox.c.object == "SMS_Message__c")
    with world.app.ledger.read() as connection:
        fields = list(connection.execute(query).scalars())
    assert [row["Direction__c"][1] for row in fields] == ["Out"] * 40 * batches
