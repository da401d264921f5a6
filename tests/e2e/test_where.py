"""A mapping that takes only some people in: what they get, and what the others get all the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crm_sms.admin_files import shipped
from crm_sms.bootstrap import planner, verifying
from crm_sms.errors import RefusedInput
from crm_sms.events import Metadata, Status
from crm_sms.sandbox.server import Sandbox
from crm_sms.testing.world import CRM, World, build
from crm_sms.use_cases.unmatched import assign, unmatched
from crm_sms.use_cases.verify import DIFFERENCES, Finding, verify

JANE, ROE = "+12025550123", "+12025550188"


class Place:
    """An installation whose mapping takes in what `where` says of contacts."""

    def __init__(self, world: World) -> None:
        self.world = world
        users = [
            {"LastName": name, "Username": f"{name}@x.example", "Email": f"{name}@x.example"}
            for name in ("kim", "lee")
        ]
        self.kim, self.lee = world.create("User", *users)
        self.write(f"person.owner_id == '{self.kim}'")

    def write(self, where: str | None) -> None:
        """Somebody edits the mapping file."""
        text = (shipped() / "salesforce.toml").read_text(encoding="utf-8")
        if where is not None:
            line = 'object = "Contact"\n'
            text = text.replace(line, f'{line}where = "{where}"\n', 1)
        (self.world.app.folder / "salesforce.toml").write_text(text, encoding="utf-8")

    def contact(self, owner: str, number: str = JANE, **fields: Any) -> str:
        """A contact of this owner's, seen by a pull."""
        id = self.world.contact(number, OwnerId=owner, **fields)
        self.pull()
        return id

    def pull(self) -> Any:
        """Some time later people are pulled."""
        self.world.advance(600)
        return self.world.sync()

    def give(self, id: str, owner: str) -> None:
        """Somebody gives a contact to another owner, and people are pulled."""
        self.world.advance(600)
        self.world.edit("Contact", id, OwnerId=owner)
        self.pull()
        self.world.settle(rounds=2)

    def texts(self, *events: Any) -> None:
        """These come in, and all is written that is to be."""
        self.world.receive(*events)
        self.world.settle(rounds=2)

    def answered(self, id: str) -> None:
        """We text Jane, and she answers a minute later."""
        self.world.receive(self.world.outbound(JANE, f"{id}1"))
        self.world.advance(60)
        self.texts(self.world.reply(JANE, f"{id}2"))

    def count(self, id: str) -> Any:
        """How many replies of theirs the contact counts."""
        return self.world.record("Contact", id).get("SMS_Reply_Count__c")

    def whose(self) -> list[str | None]:
        """Whose texts the CRM has."""
        return [row.get("Contact__c") for row in self.world.records("SMS_Message__c")]

    def differences(self) -> list[Finding]:
        """What the CRM has other than the ledger."""
        report = verify(verifying(self.world.app, CRM))
        return [one for one in report.examples if one.kind in DIFFERENCES]


@pytest.fixture
def place(tmp_path: Path, sandbox: Sandbox) -> Iterator[Place]:
    """Kim's contacts are taken in, Lee's are not."""
    world = build(tmp_path, sandbox)
    yield Place(world)
    world.app.close()


def test_who_is_left_out_gets_nothing_but_opt_outs(place: Place) -> None:
    """No record, entry, count or task; the STOP on everybody who holds the number."""
    inside, outside = place.contact(place.kim, ROE), place.contact(place.lee)
    world = place.world
    place.texts(
        world.outbound(JANE, "A1"), world.reply(JANE, "A2"), world.reply(ROE, "B1", "Hello")
    )
    assert place.whose() == [inside]
    assert [task["WhoId"] for task in world.tasks()] == [inside]
    assert {entry["WhoId"] for entry in world.tasks("entry:")} == {inside}
    assert (place.count(inside), place.count(outside)) == (1, None)
    assert world.record("Contact", outside).get("SMS_Phone_E164__c") is None
    place.texts(world.reply(JANE, "A3", "STOP"))
    record = world.record("Contact", outside)
    assert (record["SMS_Opt_Out__c"], record["SMS_Opt_Out_Phone__c"]) == (True, JANE)
    assert len(world.records("SMS_Message__c")) == 1
    assert place.differences() == []


def test_somebody_left_out_who_gets_a_number_that_said_no_is_opted_out(place: Place) -> None:
    """By the pull, like everybody."""
    place.texts(place.world.reply(JANE, "A1", "STOP"))
    outside = place.contact(place.lee)
    place.world.settle()
    assert place.world.record("Contact", outside)["SMS_Opt_Out__c"] is True


def test_nobody_is_asked_about_texts_of_people_who_are_left_out(place: Place) -> None:
    """They are not unmatched; and a number cannot be assigned to such a person."""
    outside = place.contact(place.lee)
    world = place.world
    world.receive(world.reply(JANE, "A1"), world.reply("+12025550100", "B1"))
    assert world.process().unmatched == 1
    [listed] = unmatched(world.app.ledger, [CRM])
    assert (listed.number, listed.rule) == ("+12025550100", "unknown")
    with pytest.raises(RefusedInput, match=r"leaves this contact out: change people.contact.where"):
        assign(
            world.app.ledger,
            "+12025550100",
            {CRM: outside},
            region="US",
            by="kim",
            now=world.now,
        )


def test_a_number_is_shared_only_with_people_who_are_taken_in(place: Place) -> None:
    """And a text that its sender meant for somebody left out goes to nobody else."""
    inside, outside = place.contact(place.kim), place.contact(place.lee)
    world = place.world
    meant = Metadata(person_id=outside)
    place.texts(world.reply(JANE, "A1"), world.outbound(JANE, "A2", metadata=meant))
    assert place.whose() == [inside]
    assert place.count(inside) == 1


def test_who_comes_in_brings_their_texts_along(place: Place) -> None:
    """On record, timeline and counts; old replies make no task, also when they are planned again,
    new ones do."""
    id = place.contact(place.lee)
    world = place.world
    place.answered("A")
    assert place.whose() == []
    place.give(id, place.kim)
    assert place.whose() == [id, id]
    assert place.count(id) == 1
    assert len(world.tasks("entry:")) == 2
    assert world.tasks() == []
    place.texts(world.outbound(JANE, "A1", Status.DELIVERED))
    place.write(f"person.owner_id == '{place.kim}' and true")
    place.pull()
    world.settle(rounds=2)
    assert world.tasks() == []
    place.texts(world.reply(JANE, "A3", "Are you there?"))
    [task] = world.tasks()
    assert "Are you there?" in task["Subject"]
    assert place.differences() == []


def test_a_text_that_was_meant_for_somebody_finds_them_when_they_come_in(place: Place) -> None:
    """Whatever number it went to."""
    id = place.contact(place.lee)
    world = place.world
    place.texts(world.outbound(ROE, "A1", metadata=Metadata(person_id=id)))
    assert place.whose() == []
    place.give(id, place.kim)
    assert place.whose() == [id]


def test_who_goes_out_keeps_what_they_had(place: Place) -> None:
    """Their texts learn what becomes of them; nothing new begins, and counts stand still. When they
    come back all is as if they had never gone."""
    id = place.contact(place.kim)
    world = place.world
    place.answered("A")
    assert (len(world.tasks()), len(world.tasks("entry:")), place.count(id)) == (1, 2, 1)
    place.give(id, place.lee)
    world.advance(90_000)
    place.texts(world.outbound(JANE, "A1", Status.DELIVERED), world.reply(JANE, "A3"))
    assert place.whose() == [id, id]
    statuses = {row["Direction__c"]: row["Status__c"] for row in world.records("SMS_Message__c")}
    assert statuses["Outbound"] == "Delivered"
    assert (len(world.tasks()), len(world.tasks("entry:")), place.count(id)) == (1, 2, 1)
    assert place.differences() == []
    place.give(id, place.kim)
    assert place.whose() == [id, id, id]
    assert (len(world.tasks()), len(world.tasks("entry:")), place.count(id)) == (1, 3, 2)
    assert place.differences() == []


def test_what_was_on_its_way_for_who_goes_out_is_taken_back(place: Place) -> None:
    """As far as no CRM has seen it; it is written when they come back."""
    id = place.contact(place.kim)
    world = place.world
    world.receive(world.reply(JANE, "A1"))
    world.process()
    place.give(id, place.lee)
    assert (place.whose(), world.tasks(), world.tasks("entry:")) == ([], [], [])
    assert place.differences() == []
    place.give(id, place.kim)
    assert (place.whose(), place.count(id)) == ([id], 1)
    assert len(world.tasks("entry:")) == len(world.tasks()) == 1


def test_what_later_happens_to_texts_of_who_went_out_is_not_counted_or_shown(place: Place) -> None:
    """A text that leaves, and is answered, after that; until they come back."""
    id = place.contact(place.kim)
    world = place.world
    place.texts(world.outbound(JANE, "A1", Status.QUEUED))
    place.give(id, place.lee)
    place.texts(world.outbound(JANE, "A1", Status.SENT))
    world.advance(60)
    place.texts(world.reply(JANE, "A2"))
    [record] = world.records("SMS_Message__c")
    assert (record["Status__c"], record["Replied_At__c"] is None) == ("Sent", False)
    assert (world.record("Contact", id)["SMS_Sent_Count__c"], place.count(id)) == (0, 0)
    assert world.tasks("entry:") == []
    assert place.differences() == []
    place.give(id, place.kim)
    assert (world.record("Contact", id)["SMS_Sent_Count__c"], place.count(id)) == (1, 1)
    assert len(world.tasks("entry:")) == 2
    assert world.tasks() == []


def test_a_number_is_shared_no_more_when_one_of_them_goes_out(place: Place) -> None:
    """A text that was in doubt finds the other."""
    one, other = place.contact(place.kim), place.contact(place.kim)
    place.texts(place.world.reply(JANE, "A1"))
    assert place.whose() == []
    place.give(other, place.lee)
    assert place.whose() == [one]


@pytest.mark.parametrize("where", [None, "true", "person.fields.Department != 'Legal'"])
def test_another_condition_has_everybody_judged_anew(place: Place, where: str | None) -> None:
    """Those who are not changed in the CRM, too; once."""
    id = place.contact(place.lee, Department="Sales")
    place.contact(place.kim, ROE)  # later, so that the pulls from now on leave the other out
    place.texts(place.world.reply(JANE, "A1"))
    assert place.pull().rows["people:Contact"] == 0
    place.write(where)
    assert place.pull().rematched == 1
    place.world.settle(rounds=2)
    assert (place.whose(), place.count(id)) == ([id], 1)
    place.pull()  # it brings what we wrote
    assert place.pull().rows["people:Contact"] == 0


def test_a_condition_that_fails_leaves_people_out_and_says_so(place: Place) -> None:
    """Once, with file and key; the others are judged, and opt-outs are written."""
    place.write("person.fields.Department | length > 3 and person.fields.Title > 1")
    out = place.contact(place.kim, Department="Sales", Title="Dr")
    inside = place.contact(place.kim, ROE)
    report = place.pull()
    [line] = report.mapping
    assert "/salesforce.toml: people.contact.where: failed with TypeError" in line
    assert "Dr" not in line
    assert place.whose() == []
    place.texts(place.world.reply(JANE, "A1", "STOP"), place.world.reply(ROE, "B1"))
    assert place.world.record("Contact", out)["SMS_Opt_Out__c"] is True
    assert place.count(inside) is None


def test_a_condition_on_a_hidden_column_is_told_before_anybody_is_left_out_for_it(
    place: Place,
) -> None:
    """With the key that names it."""
    place.world.fault("hidden", fields=["Contact.Department"])
    place.write("person.fields.Department == 'Sales'")
    report = place.pull()
    [line] = report.mapping
    assert "people.contact.where: Contact: there is no field Department" in line


def test_leads_are_judged_by_their_own_condition(place: Place) -> None:
    """Contacts' says nothing of them."""
    [lead] = place.world.create(
        "Lead", {"LastName": "Roe", "Company": "Roe", "MobilePhone": ROE, "OwnerId": place.lee}
    )
    place.pull()
    place.texts(place.world.reply(ROE, "B1"))
    assert place.world.record("Lead", lead)["SMS_Reply_Count__c"] == 1
    assert planner(place.world.app, CRM).mapping.wheres.keys() == {"Contact"}
