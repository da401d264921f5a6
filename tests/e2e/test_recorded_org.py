"""An org that shows our user what a recorded one showed: the standard opt-outs are hidden there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from crm_sms.admin_files import shipped
from crm_sms.ledger.mirror import people_by_id
from crm_sms.sandbox.server import Sandbox
from crm_sms.testing.world import CRM, World, build
from crm_sms.use_cases.descriptions import MAX_AGE
from crm_sms.use_cases.parked import parked

JANE = "+12025550123"
OURS = "SMS_Opt_Out__c"
STANDARD = ("DoNotCall", "HasOptedOutOfEmail", "HasOptedOutOfFax")
"""What the recorded describes leave out, and any org may."""


@pytest.fixture
def org(tmp_path: Path, sandbox: Sandbox, shared: Path) -> Iterator[World]:
    """A contact and a lead in an org that shows of both what the recorded one does; the mapping
    sets the standard opt-outs beside ours."""
    text = (shipped() / "salesforce.toml").read_text(encoding="utf-8")
    line = "[opt_out.fields]\n"
    more = "".join(f'{name} = {{ value = "true" }}\n' for name in STANDARD)
    (tmp_path / "salesforce.toml").write_text(text.replace(line, line + more, 1))
    world = build(tmp_path, sandbox)
    hidden = [name for object in ("Contact", "Lead") for name in unseen(world, shared, object)]
    world.fault("hidden", fields=hidden)
    world.contact(JANE)
    world.create("Lead", {"LastName": "Poe", "Company": "Acme", "MobilePhone": JANE})
    world.advance(600)
    yield world
    world.app.close()


def unseen(world: World, shared: Path, object: str) -> list[str]:
    """The standard fields that the sandbox shows and the recorded org does not."""
    recorded = json.loads((shared / f"data/salesforce/describe/{object}.json").read_text())
    there = {field["name"] for field in recorded["fields"]}
    ours = world.app.crms[CRM].describe([object])[object].fields
    return sorted(
        f"{object}.{name}" for name in ours if name not in there and not name.endswith("__c")
    )


def flags(world: World, name: str) -> list[object]:
    """What contact and lead say."""
    return [world.records(object)[0].get(name) for object in ("Contact", "Lead")]


def test_a_no_is_written_though_the_standard_opt_outs_are_hidden(org: World) -> None:
    """Ours is set, the others wait for the field, and the pull says which these are."""
    report = org.sync()
    for object in ("Contact", "Lead"):
        for name in STANDARD:
            assert any(object in line and name in line for line in report.mapping), (object, name)
    org.receive(org.reply(JANE, "SM1", "STOP"))
    org.settle(rounds=2)
    assert flags(org, OURS) == [True, True]
    assert not any(any(flags(org, name)) for name in STANDARD)
    assert parked(org.app.ledger) == []


def test_the_standard_opt_outs_follow_once_they_are_shown(org: World) -> None:
    """Nobody need say no again."""
    org.sync()
    org.receive(org.reply(JANE, "SM1", "STOP"))
    org.settle(rounds=2)
    org.clear_faults()
    org.advance(MAX_AGE.total_seconds())
    org.sync()
    org.settle(rounds=2)
    assert [flags(org, name) for name in (OURS, *STANDARD)] == [[True, True]] * 4


def test_a_person_s_own_no_is_unknown_where_its_field_is_hidden(org: World) -> None:
    """A hidden checkbox is not an unchecked one."""
    org.fault("hidden", fields=["Contact.SMS_Opt_Out__c"])
    report = org.sync()
    assert any(OURS in line and "Contact" in line for line in report.mapping)
    with org.app.ledger.read() as connection:
        [contact] = org.records("Contact")
        found = people_by_id(connection, CRM, [contact["Id"]])
    assert found[contact["Id"]].opted_out is None
