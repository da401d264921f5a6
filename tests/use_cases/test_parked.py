"""What becomes of parked rows, many at a time too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from crm_sms.ledger import Ledger
from crm_sms.ledger.slices import MOST
from crm_sms.ledger.tables import outbox
from crm_sms.records import Reason
from crm_sms.testing.world import CRM, World
from crm_sms.use_cases.descriptions import MAX_AGE, last_described
from crm_sms.use_cases.parked import Picked, drop, parked, retry

NUMBER = "+12025550123"
MANY = 2 * MOST + 1


def park(world: World, count: int = MANY) -> list[int]:
    """So many rows that the CRM refused; their numbers."""
    row: dict[str, Any] = {
        "crm": CRM,
        "object": "Contact",
        "lane": 3,
        "partition": "",
        "fields": {},
        "starred": [],
        "state": "parked",
        "reason": "field",
        "created_at": world.now,
        "due_at": world.now,
        "not_before": world.now,
    }
    with world.app.ledger.write("parked") as connection:
        connection.execute(outbox.insert(), [row | {"key": f"k{n}"} for n in range(count)])
    return [one.id for one in parked(world.app.ledger)]


def test_many_rows_are_retried_in_commits_of_their_own(
    world: World, longest: Callable[[Ledger], Callable[[], int]]
) -> None:
    """No statement is too long and no lock is held for all of them; each is counted once."""
    ids = park(world)
    most = longest(world.app.ledger)
    assert retry(world.app.ledger, [*ids, *ids, 10**6], world.now) == Picked(MANY, (10**6,))
    assert MOST <= most() < 2 * MOST
    assert parked(world.app.ledger) == []
    assert retry(world.app.ledger, ids, world.now) == Picked(0, tuple(ids))


def test_a_retry_right_after_the_remedy_writes(world: World) -> None:
    """What the CRM said of its fields before somebody mended them is asked again."""
    ada = world.contact(NUMBER)
    world.advance(600)
    world.sync()
    world.fault("hidden", fields=["Contact.SMS_Opt_Out__c"])
    world.receive(world.reply(NUMBER, "SM1", body="STOP"))
    world.settle()
    ids = [one.id for one in parked(world.app.ledger, Reason.FIELD)]
    assert len(ids) == 1
    world.clear_faults()
    world.advance(60)
    assert retry(world.app.ledger, ids, world.now) == Picked(1, ())
    world.settle()
    assert world.record("Contact", ada)["SMS_Opt_Out__c"] is True
    assert parked(world.app.ledger) == []


def test_only_the_crms_of_the_rows_are_asked_again(world: World) -> None:
    """A retry that finds nothing costs no call, nor does a drop."""
    world.contact(NUMBER)
    world.sync()
    world.receive(world.reply(NUMBER, "SM1"))
    world.settle()
    before = last_described(world.app.ledger, CRM)
    assert before is not None
    assert before.is_fresh(world.now)
    ids = park(world, 1)
    assert retry(world.app.ledger, [10**6], world.now).rows == 0
    drop(world.app.ledger, ids)
    assert last_described(world.app.ledger, CRM) == before


def test_what_a_retry_forgets_stands_until_the_crm_answers(world: World) -> None:
    """It is asked at once, but if it cannot say, opt-outs still go by its last word."""
    world.contact(NUMBER)
    world.sync()
    world.receive(world.reply(NUMBER, "SM1"))
    world.settle()
    before = last_described(world.app.ledger, CRM)
    assert before is not None
    retry(world.app.ledger, park(world, 1), world.now)
    after = last_described(world.app.ledger, CRM)
    assert after == replace(before, at=before.at - 2 * MAX_AGE)
    assert not after.is_fresh(world.now)


def test_many_rows_are_dropped_in_commits_of_their_own(
    world: World, longest: Callable[[Ledger], Callable[[], int]]
) -> None:
    """As they are retried."""
    first, *others = park(world)
    most = longest(world.app.ledger)
    assert drop(world.app.ledger, others) == Picked(MANY - 1, ())
    assert MOST <= most() < 2 * MOST
    assert [one.id for one in parked(world.app.ledger)] == [first]
