"""An org that has nothing but the project works as the sandbox's own does.

The sandbox knows no metadata: `deployed` reads the files of the project as an org would, and gives
the API's user the permission set of the project and nothing else.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from crm_sms.bootstrap import planner
from crm_sms.mapping import check
from crm_sms.sandbox.salesforce import schema
from crm_sms.testing.world import CRM, World, build

NUMBER = "+12025550123"


def test_the_fields_are_those_that_the_sandbox_starts_with(project: Any, as_deployed: Any) -> None:
    """Types, lengths, keys, choices and look-ups: two tables, and none of them drifts."""
    made, there = as_deployed(project().files), schema.load()
    for name, obj in made.items():
        for field in obj.fields.values():
            assert asdict(field) == asdict(there[name].fields[field.name]), f"{name}.{field.name}"


@pytest.mark.parametrize(
    "changes",
    [
        (),
        (
            ("SMS_Message__c", "Text__c"),
            ("Body__c = ", "Words__c = "),
            ("SMS_Key__c", "Our_Key__c"),
        ),
        (("SMS_Opt_Out__c", "No_Texts__c"), ('inbound = "Inbound"', 'inbound = "Eingehend"')),
    ],
    ids=["as shipped", "renamed", "other words"],
)
def test_a_reply_and_an_opt_out_come_through(
    project: Any,
    deployed: Any,
    mapping_text: Any,
    tmp_path: Path,
    changes: tuple[tuple[str, str], ...],
) -> None:
    """With the mapping that the project was written for, on an org with that project alone."""
    (tmp_path / "salesforce.toml").write_text(mapping_text(*changes))
    with deployed(project(*changes).files) as box:
        world = build(tmp_path, box)
        contact = world.contact(NUMBER)
        mapping = planner(world.app, CRM).mapping
        descriptions = world.app.crms[CRM].describe(sorted(mapping.objects()))
        assert check(mapping, descriptions) == ()
        _texts(world)
        assert len(world.records(mapping.message.object)) == 2
        assert len([task for task in world.records("Task") if task["Status"] == "Not Started"]) == 1
        person = world.record("Contact", contact)
        assert person[str(mapping.people[0].opt_out)] is True
        assert person["SMS_Reply_Count__c"] == 2
        world.app.close()


def _texts(world: World) -> None:
    world.advance(600)
    world.sync()
    world.receive(world.reply(NUMBER, "SM1"))
    world.settle()
    world.receive(world.reply(NUMBER, "SM2", body="STOP"))
    report = world.settle()[-1]
    assert report.parked == 0
