"""Each lock of processing on PostgreSQL: two processors in the very place where it is needed.

The first one is stopped there, the second one gets the fact that the first could not see, and goes
on until it is done or waits for the first.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from crm_sms.bootstrap import installation, processing
from crm_sms.events import Event, Status
from crm_sms.phone import parse_address
from crm_sms.testing.world import World
from crm_sms.use_cases.process import planning, process, run

JANE = "+12025550123"
WAITS = text(
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
)

Meanwhile = Callable[[World, Any, str, Event], None]


@pytest.fixture
def world(postgres_world: World) -> World:
    """An installation on PostgreSQL, and a contact whom the mirror knows."""
    postgres_world.contact(JANE)
    postgres_world.advance(600)
    postgres_world.sync()
    return postgres_world


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Processes; when it comes to this step, a fact comes in and another process takes it up."""

    def until_done_or_waiting(world: World, job: Future[Any]) -> None:
        while not job.done():
            with world.app.ledger.engine.connect() as connection:
                if connection.execute(WAITS).scalar_one():
                    return
            time.sleep(0.01)

    def go(world: World, module: Any, step: str, fact: Event) -> None:
        real, jobs = getattr(module, step), list[Future[Any]]()
        other = installation(world.app.folder, {})

        def stopped(*args: Any) -> Any:
            if not jobs:
                world.receive(fact)
                jobs.append(pool.submit(process, processing(other)))
                until_done_or_waiting(world, jobs[0])
            return real(*args)

        monkeypatch.setattr(module, step, stopped)
        with ThreadPoolExecutor(1) as pool:
            world.process()
            jobs[0].result()
        other.close()
        world.settle(rounds=2)

    return go


def test_a_fact_that_comes_while_its_text_is_folded_is_not_overwritten(
    world: World, meanwhile: Meanwhile
) -> None:
    """The lock on a text: else whoever folded without the newest fact would be the last to say."""
    world.receive(world.outbound(JANE, "SM1", Status.QUEUED))
    world.process()
    world.receive(world.outbound(JANE, "SM1", Status.SENT))
    meanwhile(world, run, "link", world.outbound(JANE, "SM1", Status.DELIVERED))
    [message] = world.records("SMS_Message__c")
    assert message["Status__c"] == "Delivered"


def test_a_reply_that_comes_while_its_text_is_processed_answers_it(
    world: World, meanwhile: Meanwhile
) -> None:
    """The lock on a thread: else neither would know of the other."""
    world.receive(world.outbound(JANE, "SM1"))
    at = world.advance(60)
    meanwhile(world, run, "_store", world.reply(JANE, "SM2", received_at=at))
    sent, reply = sorted(
        world.records("SMS_Message__c"), key=lambda row: row["Direction__c"] != "Outbound"
    )
    assert sent["Replied_At__c"]
    assert reply["Response_Seconds__c"] == 60


def test_replies_to_two_numbers_of_ours_at_once_share_the_task(
    world: World, meanwhile: Meanwhile
) -> None:
    """The lock on a person: else each would find no conversation and open one, and each would
    count without the other."""
    world.receive(world.reply(JANE, "SM1"))
    second = replace(world.reply(JANE, "SM2"), recipient=parse_address("+15005550007"))
    meanwhile(world, planning, "store_matches", second)
    assert len(world.tasks()) == 1
    [contact] = world.records("Contact")
    assert contact["SMS_Reply_Count__c"] == 2
