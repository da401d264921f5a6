"""`crm-sms db restored`, and what an admin sees before it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from crm_sms.ledger.restored import Behind, put_behind
from crm_sms.testing.world import CRM, World

NUMBER = "+12025550123"


@pytest.fixture
def held(world: World, contact: str) -> World:
    """A reply waits, and delivery has found that the CRM has more of ours than the ledger."""
    world.receive(world.reply(NUMBER, "SM1"))
    world.process()
    world.advance(61)
    with world.app.ledger.write("meta") as connection:
        found = Behind(world.now, world.now - timedelta(days=3))
        put_behind(world.app.ledger, connection, CRM, found)
    return world


def test_deliver_fails_with_the_remedy_and_status_says_it(crm_sms: Any, held: World) -> None:
    """Both name the two commands; every other job goes on."""
    delivered = crm_sms("deliver")
    assert delivered.code == 1
    remedy = "crm-sms sync provider --since 5d, and then crm-sms db restored (docs/backup.md)"
    assert remedy in (delivered.out + delivered.err).replace("\n", " ")
    status = crm_sms("status")
    assert (status.code, "nothing is written: salesforce holds a text" in status.out) == (3, True)
    assert remedy in crm_sms("status", "--json").json["crms"]["salesforce"]["behind"]
    for job in (["sync", "people"], ["sync", "provider"], ["process"]):
        assert crm_sms(*job).code == 0
    assert held.tasks() == []


def test_the_word_has_it_written(crm_sms: Any, held: World) -> None:
    """What waits is looked up first; saying it twice does no harm."""
    told = "salesforce is written to again; 3 records that wait are looked up before\n"
    assert crm_sms("db", "restored").out == told
    again = crm_sms("db", "restored", "--json")
    assert (again.code, again.json) == (0, {"salesforce": {"looked_up": 0}})
    assert crm_sms("status").code == 0
    assert crm_sms("deliver").code == 0
    assert len(held.tasks()) == 1
