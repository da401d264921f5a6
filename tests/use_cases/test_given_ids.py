"""The person whom a text's sender meant, by whichever form of the id the sender took."""

from __future__ import annotations

from crm_sms.events import Metadata
from crm_sms.ledger.tables import matches
from crm_sms.testing.world import World

NUMBER = "+12025550123"


def people_of_texts(world: World) -> set[str | None]:
    """Whom the texts concern."""
    with world.app.ledger.read() as connection:
        return {row.person_id for row in connection.execute(matches.select())}


def test_a_short_id_means_the_same_person(world: World) -> None:
    """It is what Salesforce shows in the address of a page; its API gives three characters more."""
    world.contact(NUMBER, LastName="Ada")
    bob = world.contact(NUMBER, LastName="Bob")
    world.sync()
    world.receive(world.reply(NUMBER, "SM1", metadata=Metadata(person_id=bob[:15])))
    world.process()
    assert people_of_texts(world) == {bob}


def test_a_short_id_waits_for_its_person(world: World) -> None:
    """A pull that brings somebody who was meant finds the text, also if it had the short form."""
    [bob] = world.create("Contact", {"LastName": "Bob"})
    world.receive(world.reply(NUMBER, "SM1", metadata=Metadata(person_id=bob[:15])))
    world.process()
    assert people_of_texts(world) == {None}
    assert world.sync().rematched == 1
    world.process()
    assert people_of_texts(world) == {bob}
