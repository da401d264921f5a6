"""The texts of one person, as whoever asks for them gets them."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete

from crm_sms.events import Direction, Status
from crm_sms.ledger.tables import events
from crm_sms.testing.world import CRM, World
from crm_sms.use_cases.person_texts import person_texts

ADA, BOB = "+12025550123", "+12025550124"


def test_the_oldest_comes_first_with_all_that_is_known(world: World) -> None:
    """Of both directions, folded from every fact, with what the thread says of the answer."""
    ada = world.contact(ADA)
    world.sync()
    world.receive(world.outbound(ADA, "SM1"))
    world.advance(60)
    world.receive(world.outbound(ADA, "SM1", Status.DELIVERED), world.reply(ADA, "SM2", "Yes"))
    world.process()
    sent, reply = person_texts(world.app.ledger, CRM, ada)
    assert (sent.direction, sent.status) == (Direction.OUTBOUND, Status.DELIVERED)
    assert reply.occurred_at - sent.occurred_at == timedelta(seconds=60)
    assert (sent.replied_at, sent.response_seconds) == (reply.occurred_at, 60)
    assert (reply.body, reply.number) == ("Yes", ADA)


def test_nobody_gets_the_texts_of_somebody_else(world: World) -> None:
    """Nor of the same id in another CRM, nor what concerns nobody."""
    ada, bob = world.contact(ADA), world.contact(BOB)
    world.sync()
    world.receive(
        world.reply(ADA, "SM1"), world.reply(BOB, "SM2"), world.reply("+12025550199", "SM3")
    )
    assert person_texts(world.app.ledger, CRM, ada) == []
    world.process()
    ledger = world.app.ledger
    assert [text.number for text in person_texts(ledger, CRM, ada)] == [ADA]
    assert [text.number for text in person_texts(ledger, CRM, bob)] == [BOB]
    assert person_texts(ledger, "another", ada) == person_texts(ledger, CRM, "nobody") == []


def test_a_text_with_two_names_is_one(world: World) -> None:
    """Under the key that its record has."""
    ada = world.contact(ADA)
    world.sync()
    world.receive(world.outbound(ADA, "SM1", message_key="ours"))
    world.receive(world.outbound(ADA, "SM1", Status.DELIVERED))
    world.process()
    [text] = person_texts(world.app.ledger, CRM, ada)
    assert (text.key, text.provider_message_id) == ("ours", "SM1")
    world.settle()
    [record] = world.records("SMS_Message__c")
    assert record["Message_Key__c"] == text.key


def test_more_than_one_statement_takes_come_all(world: World) -> None:
    """Somebody who was texted for years."""
    ada = world.contact(ADA)
    world.sync()
    world.receive(*(world.outbound(ADA, f"SM{number:04}") for number in range(600)))
    world.process()
    found = person_texts(world.app.ledger, CRM, ada)
    assert [text.provider_message_id for text in found] == [f"SM{n:04}" for n in range(600)]


def test_a_text_whose_facts_are_gone_is_left_out(world: World) -> None:
    """There is nothing to tell of it."""
    ada = world.contact(ADA)
    world.sync()
    world.receive(world.reply(ADA, "SM1"))
    world.process()
    with world.app.ledger.write("receive") as connection:
        connection.exec_driver_sql("DELETE FROM event_data")
        connection.execute(delete(events))
    assert person_texts(world.app.ledger, CRM, ada) == []
