"""No query of the main job reads a whole table, or all of one CRM's rows, to find a few."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from crm_sms.events import Status
from crm_sms.testing.world import World

JANE = "+12025550123"
_LOOKS = ("SELECT", "UPDATE", "DELETE")
_QUEUES = {"inbox", "outbox", "meta", "requests", "watermarks"}
"""Tables that hold what is still to be done, and is read to find what comes first, or little."""

_STEP = re.compile(r"(SCAN|SEARCH) (\w+)(?: USING [\w ]+? \((.*)\))?")


@contextmanager
def _plans(world: World) -> Iterator[dict[str, list[str]]]:
    """SQLite's plan of every statement that runs in the block, by its text."""
    plans: dict[str, list[str]] = {}

    def explain(
        connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        if statement not in plans and statement.startswith(_LOOKS):
            values = parameters[0] if many else parameters
            asked = connection.connection.cursor()
            rows = asked.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
            plans[statement] = [row[3] for row in rows]

    event.listen(world.app.ledger.engine, "before_cursor_execute", explain)
    yield plans
    event.remove(world.app.ledger.engine, "before_cursor_execute", explain)


def _is_wasteful(step: str) -> bool:
    found = _STEP.match(step)
    if found is None or found[2].startswith(("anon_", "subquery", "CONSTANT")):
        return False
    if found[2] in _QUEUES:
        return False
    return found[1] == "SCAN" or found[3] == "crm=?"


def test_every_look_up_uses_an_index(world: World) -> None:
    """The statistics that a fresh SQLite lacks must not matter: its guesses are the worst case."""
    people = [world.contact(f"(202) 555-{number:04d}") for number in range(100, 130)]
    [deal] = world.create(
        "Opportunity", {"Name": "Big", "StageName": "Prospecting", "CloseDate": "2026-12-31"}
    )
    world.create("OpportunityContactRole", {"OpportunityId": deal, "ContactId": people[23]})
    world.advance(600)
    with _plans(world) as plans:
        world.sync()
        for number in range(100, 130):
            world.receive(
                world.outbound(f"+1202555{number:04d}", f"SM{number}"),
                world.outbound(f"+1202555{number:04d}", f"SM{number}", Status.DELIVERED),
                world.reply(f"+1202555{number:04d}", f"SM{number}r"),
            )
        world.receive(world.reply(JANE, "SMstop", "STOP"))
        world.process()
        world.receive(world.outbound(JANE, "SM123", Status.READ, message_key="learnt late"))
        world.settle(rounds=2)
    assert len(plans) > 25
    wasteful = {
        statement: steps for statement, steps in plans.items() if any(map(_is_wasteful, steps))
    }
    assert wasteful == {}
