"""When a request may leave, and what shares its chunks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from crm_sms.ledger.tables import outbox
from crm_sms.records import Chunk
from crm_sms.testing.world import CRM, World
from crm_sms.use_cases.deliver import requesting

JANE = "+12025550123"


def test_a_look_that_took_too_long_leaves_the_write_to_the_next_turn(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What began now might still be under way when another worker takes the rows: nothing leaves,
    nothing counts as unclear, and the rows go as soon as the pause is over."""
    world.contact(JANE)
    world.advance(600)
    world.sync()
    world.receive(world.reply(JANE, "SM1"))
    world.process()
    world.advance(61)
    left = timedelta(seconds=world.app.crms[CRM].limits.write_timeout_s)
    real = requesting.look

    def slow(*args: Any) -> Any:
        found = real(*args)
        with world.app.ledger.read() as connection:
            lease = connection.execute(select(outbox.c.lease_until).limit(1)).scalar_one()
        world.box.clock.set(lease - left)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(requesting, "look", slow)
        report = world.deliver()
    assert (report.done, report.unclear) == (0, 0)
    assert report.paused_until is not None
    assert world.records("SMS_Message__c") == []
    world.advance(5)
    report = world.deliver()
    assert report.unclear == 0
    assert len(world.tasks()) == 1
    assert len(world.records("SMS_Message__c")) == 1


def test_an_opt_out_shares_its_chunk_with_no_other_lane(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other people's sums are due at the same moment and are contacts' rows as well: a chunk that
    fails whole for one of their fields must not take the opt-out along."""
    raul = world.contact("(202) 555-0188", LastName="Roe")
    world.contact(JANE)
    world.advance(600)
    world.sync()
    world.receive(world.outbound(JANE, "SM1"), world.reply("+12025550188", "SM2", "STOP"))
    world.process()
    world.advance(61)
    crm, seen = world.app.crms[CRM], list[Chunk]()
    real = crm.write

    def write(chunks: Sequence[Chunk]) -> Any:
        seen.extend(chunks)
        return real(chunks)

    monkeypatch.setattr(crm, "write", write)
    world.deliver()
    nos = [chunk for chunk in seen if any("SMS_Opt_Out__c" in row.fields for row in chunk.rows)]
    assert [[row.key for row in chunk.rows] for chunk in nos] == [[raul]]
    assert seen[0] is nos[0]
    assert sum(chunk.object == "Contact" for chunk in seen) == 2
