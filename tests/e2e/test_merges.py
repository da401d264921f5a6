"""People who are merged, converted, deleted and restored in the org: their texts follow them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from crm_sms.events import Metadata, Status
from crm_sms.ledger.tables import conversations, matches, outbox
from crm_sms.testing.world import World

ADA, BOB, EVE = "+12025550123", "+12025550188", "+12025550177"


def do(world: World, op: str, **fields: Any) -> Any:
    """Somebody in the org does this."""
    return world.box.salesforce.seed({"op": op, **fields})["results"][0]


def merge(world: World, master: str, *losers: str, object: str = "Contact") -> None:
    """Records become one."""
    do(world, "merge", object=object, master=master, losers=list(losers))


def catch_up(world: World, rounds: int = 2) -> None:
    """Everything that is due, and what that brings about."""
    for _ in range(rounds):
        world.advance(400)
        world.sync()
        world.settle()


def texts(world: World) -> dict[str, Any]:
    """The org's records of texts by the provider's id."""
    empty = {"Contact__c": None, "Lead__c": None}
    return {row["Provider_Message_Id__c"]: empty | row for row in world.records("SMS_Message__c")}


def match_of(world: World) -> Any:
    """The match of the only text."""
    with world.app.ledger.read() as connection:
        return connection.execute(select(matches)).one()


def left_over(world: World) -> list[Any]:
    """What waits or is parked in the end."""
    with world.app.ledger.read() as connection:
        return list(connection.execute(select(outbox.c.object, outbox.c.key, outbox.c.reason)))


def two(world: World) -> tuple[str, str]:
    """Two contacts of one person, both pulled."""
    kept, gone = world.contact("(202) 555-0123"), world.contact("(202) 555-0188")
    world.advance(600)
    world.sync()
    return kept, gone


# ── Merges ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("moment", ["before processing", "before delivery", "after delivery"])
def test_a_merged_persons_texts_are_on_the_record_that_is_left(world: World, moment: str) -> None:
    """Message, task and sums; whenever the merge comes, the task is one and the same."""
    kept, gone = two(world)
    world.receive(world.outbound(BOB, "SM1", Status.DELIVERED), world.reply(BOB, "SM2"))
    if moment != "before processing":
        world.process()
    if moment == "after delivery":
        world.settle()
        assert world.record("Contact", gone)["SMS_Reply_Count__c"] == 1
    merge(world, kept, gone)
    world.edit("Contact", kept, Phone=BOB)
    catch_up(world)
    assert {row["Contact__c"] for row in texts(world).values()} == {kept}
    survivor = world.record("Contact", kept)
    assert (survivor["SMS_Sent_Count__c"], survivor["SMS_Reply_Count__c"]) == (1, 1)
    [task] = world.tasks(deleted=True)
    assert task["WhoId"] == kept
    assert left_over(world) == []


def test_what_is_known_of_a_text_stays_when_its_person_is_merged(world: World) -> None:
    """The rule that chose them and how things stood; the cause is kept."""
    kept, gone = two(world)
    world.edit("Contact", gone, Title="CEO")
    world.receive(world.reply(BOB, "SM1"))
    world.process()
    before = match_of(world)
    merge(world, kept, gone)
    catch_up(world)
    after = match_of(world)
    assert (after.person_id, after.cause) == (kept, "merge")
    assert (after.rule, after.context) == (before.rule, before.context)


def test_a_chain_of_merges_is_followed_to_its_end(world: World) -> None:
    """Whether each of them was pulled by itself or all at once."""
    people = [world.contact(f"(202) 555-01{n}") for n in (23, 88, 77, 66)]
    world.advance(600)
    world.sync()
    world.receive(world.reply(ADA, "SM1"), world.reply(BOB, "SM2"))
    world.process()
    merge(world, people[1], people[0])
    catch_up(world, 1)
    merge(world, people[2], people[1])
    merge(world, people[3], people[2])
    catch_up(world)
    assert {row["Contact__c"] for row in texts(world).values()} == {people[3]}
    assert world.record("Contact", people[3])["SMS_Reply_Count__c"] == 2


def test_an_open_task_goes_on_after_a_merge(world: World) -> None:
    """The next reply, to whichever number, belongs to the conversation: no second task."""
    kept, gone = two(world)
    world.receive(world.reply(BOB, "SM1"))
    world.settle()
    merge(world, kept, gone)
    world.edit("Contact", kept, Phone=BOB)
    catch_up(world)
    world.receive(world.reply(BOB, "SM2"), world.reply(ADA, "SM3"))
    world.settle()
    assert len(world.tasks(deleted=True)) == 1
    with world.app.ledger.read() as connection:
        assert len(connection.execute(select(conversations)).all()) == 1


def test_a_second_reply_that_is_looked_at_first_opens_no_second_task(world: World) -> None:
    """Both texts of the conversation move, in whichever order they are processed."""
    kept, gone = two(world)
    world.receive(world.reply(BOB, "SM1"))
    world.settle()
    world.receive(world.reply(BOB, "SM2"))
    world.settle()
    merge(world, kept, gone)
    world.advance(400)
    world.sync()
    world.receive(world.reply(BOB, "SM3"))
    catch_up(world)
    assert len(world.tasks(deleted=True)) == 1


def test_who_is_restored_after_a_merge_begins_anew(world: World) -> None:
    """Texts and task of before the merge stay with the record that was left."""
    kept, gone = two(world)
    world.edit("Contact", gone, Phone=EVE)
    world.receive(world.reply(BOB, "SM1"))
    world.settle()
    merge(world, kept, gone)
    catch_up(world)
    do(world, "undelete", ids=[gone])
    catch_up(world)
    world.receive(world.reply(EVE, "SM2"), world.reply(ADA, "SM3"))
    catch_up(world)
    whose = {id: row["Contact__c"] for id, row in texts(world).items()}
    assert whose == {"SM1": kept, "SM2": gone, "SM3": kept}
    assert sorted(task["WhoId"] for task in world.tasks()) == sorted([kept, gone])


def test_whoever_was_meant_by_an_id_that_is_merged_away_gets_the_text(world: World) -> None:
    """By the sender, or by somebody who assigned the number; now and later."""
    kept, gone = two(world)
    merge(world, kept, gone)
    catch_up(world)
    world.receive(world.outbound(EVE, "SM1", metadata=Metadata(person_id=gone)))
    world.settle()
    assert texts(world)["SM1"]["Contact__c"] == kept


# ── Conversion ───────────────────────────────────────────────────────────────────────────────────


def lead_of(world: World, number: str = BOB) -> str:
    """A lead that is pulled."""
    [lead] = world.create("Lead", {"LastName": "Roe", "Company": "Acme", "MobilePhone": number})
    world.advance(600)
    world.sync()
    return lead


@pytest.mark.parametrize("moment", ["before processing", "before delivery", "after delivery"])
def test_a_converted_leads_texts_are_on_the_contact(world: World, moment: str) -> None:
    """Contact__c is set; Lead__c stays as it was, since a converted lead cannot be named anew."""
    lead = lead_of(world)
    world.receive(world.outbound(BOB, "SM1", Status.DELIVERED), world.reply(BOB, "SM2"))
    if moment != "before processing":
        world.process()
    if moment == "after delivery":
        world.settle()
    [contact] = do(world, "convert", lead=lead, opportunity={})
    catch_up(world)
    named = lead if moment == "after delivery" else None
    for row in texts(world).values():
        assert (row["Contact__c"], row["Lead__c"]) == (contact, named)
    assert world.record("Contact", contact)["SMS_Reply_Count__c"] == 1
    [task] = world.tasks(deleted=True)
    assert task["WhoId"] == contact
    assert left_over(world) == []
    cause = None if moment == "before processing" else "conversion"
    assert causes(world) == {(cause, contact)}


def causes(world: World) -> set[tuple[str, str]]:
    """Cause and person of every text."""
    with world.app.ledger.read() as connection:
        query = select(matches.c.cause, matches.c.person_id)
        return {(cause, person) for cause, person in connection.execute(query)}


def test_a_converted_lead_whose_contact_is_merged_is_followed(world: World) -> None:
    """Lead, contact, merged contact; what Lead__c names stays."""
    lead = lead_of(world)
    kept = world.contact(ADA)
    world.receive(world.reply(BOB, "SM1"))
    world.sync()
    world.settle()
    [contact] = do(world, "convert", lead=lead)
    merge(world, kept, contact)
    catch_up(world)
    assert (texts(world)["SM1"]["Contact__c"], texts(world)["SM1"]["Lead__c"]) == (kept, lead)
    assert match_of(world).cause == "conversion"


# ── Deletion ─────────────────────────────────────────────────────────────────────────────────────


def test_a_deleted_persons_texts_wait_for_them(world: World) -> None:
    """Meanwhile they concern nobody; restored, the person has them as before."""
    contact = world.contact(BOB)
    world.advance(600)
    world.sync()
    world.receive(world.reply(BOB, "SM1"))
    world.settle()
    before = match_of(world)
    world.delete(contact)
    catch_up(world)
    assert match_of(world).person_id is None
    assert texts(world)["SM1"]["Contact__c"] is None
    do(world, "undelete", ids=[contact])
    catch_up(world)
    assert match_of(world) == before
    assert texts(world)["SM1"]["Contact__c"] == contact
    assert world.record("Contact", contact)["SMS_Reply_Count__c"] == 1
    assert len(world.tasks(deleted=True)) == 1


def test_a_text_that_went_to_another_holder_comes_back(world: World) -> None:
    """Of two who share a number one is deleted by mistake."""
    lead = lead_of(world)
    contact = world.contact(BOB)
    world.receive(world.reply(BOB, "SM1"))
    world.process()
    assert match_of(world).person_id == lead
    world.sync()
    world.delete(lead)
    catch_up(world)
    assert (match_of(world).person_id, match_of(world).cause) == (contact, "deletion")
    do(world, "undelete", ids=[lead])
    catch_up(world)
    assert (match_of(world).person_id, match_of(world).cause) == (lead, None)
    assert (texts(world)["SM1"]["Lead__c"], texts(world)["SM1"]["Contact__c"]) == (lead, None)


@pytest.mark.parametrize("tried", [False, True])
def test_nothing_waits_for_somebody_who_is_purged(world: World, tried: bool) -> None:
    """No pull ever tells of them; where a write did not find them, the CRM is asked."""
    contact = world.contact(BOB)
    world.advance(600)
    world.sync()
    world.receive(world.reply(BOB, "SM1", "STOP"))
    world.process()
    if not tried:
        world.settle()
        world.receive(world.reply(BOB, "SM2"))
        world.process()
    do(world, "purge", ids=[contact])
    world.settle()
    catch_up(world)
    assert left_over(world) == []
    assert match_of_last(world).person_id is None


def match_of_last(world: World) -> Any:
    """The match of the text that came last."""
    with world.app.ledger.read() as connection:
        query = select(matches).order_by(matches.c.message_id.desc())
        return connection.execute(query).first()


def test_what_was_for_somebody_who_is_back_before_any_pull_is_written(world: World) -> None:
    """A write met them deleted, no pull did: the CRM is asked, and has them."""
    contact = world.contact(BOB)
    world.advance(600)
    world.sync()
    world.receive(world.reply(BOB, "SM1", "STOP"))
    world.process()
    world.delete(contact)
    world.settle()
    assert {reason for *_, reason in left_over(world)} == {"deleted", "reference"}
    do(world, "undelete", ids=[contact])
    catch_up(world)
    assert left_over(world) == []
    assert world.record("Contact", contact)["SMS_Opt_Out__c"] is True


def test_a_task_whose_deal_is_gone_is_written_without_it(world: World) -> None:
    """The deal was deleted before the task was written; once a pull has told of it, the task, the
    text and the sums go on without."""
    contact = world.contact(BOB)
    deal = {"Name": "Big", "StageName": "Prospecting", "CloseDate": "2026-12-31"}
    [deal_id] = world.create("Opportunity", deal)
    world.create("OpportunityContactRole", {"OpportunityId": deal_id, "ContactId": contact})
    world.advance(600)
    world.sync()
    world.receive(world.reply(BOB, "SM1"))
    world.process()
    world.delete(deal_id)
    world.settle()
    assert world.tasks() == []
    catch_up(world)
    [task] = world.tasks()
    assert (task["WhoId"], task.get("WhatId")) == (contact, None)
    assert texts(world)["SM1"].get("Opportunity__c") is None
    assert left_over(world) == []


def test_a_deal_that_is_restored_has_its_texts_again(world: World) -> None:
    """What was for it while it was gone is withdrawn, and planned again once it is back."""
    contact = world.contact(BOB)
    deal = {"Name": "Big", "StageName": "Prospecting", "CloseDate": "2026-12-31"}
    [deal_id] = world.create("Opportunity", deal)
    world.create("OpportunityContactRole", {"OpportunityId": deal_id, "ContactId": contact})
    world.advance(600)
    world.sync()
    world.receive(world.reply(BOB, "SM1"))
    world.process()
    world.delete(deal_id)
    world.settle()
    catch_up(world)
    do(world, "undelete", ids=[deal_id])
    catch_up(world)
    assert texts(world)["SM1"]["Opportunity__c"] == deal_id
    assert world.record("Opportunity", deal_id)["SMS_Reply_Count__c"] == 1
    assert left_over(world) == []


# ── Opt-outs ─────────────────────────────────────────────────────────────────────────────────────


def no_of(world: World, object: str, id: str) -> tuple[Any, Any]:
    """The checkbox and the numbers that it concerns."""
    row = world.record(object, id)
    return row.get("SMS_Opt_Out__c"), row.get("SMS_Opt_Out_Phone__c")


@pytest.mark.parametrize("first", ["pulled", "at once"])
def test_a_no_set_by_hand_goes_along_with_a_merge(world: World, first: str) -> None:
    """It concerned the person, so it concerns no number in particular."""
    kept, gone = two(world)
    world.edit("Contact", gone, SMS_Opt_Out__c=True)
    if first == "pulled":
        catch_up(world, 1)
    merge(world, kept, gone)
    catch_up(world)
    assert no_of(world, "Contact", kept) == (True, None)


def test_a_no_set_by_hand_after_ours_was_unchecked_goes_along_as_well(world: World) -> None:
    """Ours concerned a number that the person no longer has; theirs is not taken for it."""
    kept, gone = two(world)
    world.receive(world.reply("+12025550188", "SM1", "STOP"))
    catch_up(world)
    assert no_of(world, "Contact", gone)[0] is True
    for fields in (
        {"MobilePhone": "(202) 555-0999"},
        {"SMS_Opt_Out__c": False},
        {"SMS_Opt_Out__c": True},
    ):
        world.edit("Contact", gone, **fields)
        catch_up(world, 1)
    merge(world, kept, gone)
    catch_up(world)
    assert no_of(world, "Contact", kept)[0] is True


def test_a_no_set_by_hand_goes_along_with_a_conversion(world: World) -> None:
    """None of a lead's fields of ours is mapped when it is converted."""
    lead = lead_of(world)
    world.edit("Lead", lead, SMS_Opt_Out__c=True)
    [contact] = do(world, "convert", lead=lead)
    catch_up(world)
    assert no_of(world, "Contact", contact) == (True, None)


def test_a_carried_no_goes_on_with_the_next_merge(world: World) -> None:
    """However many records it comes through."""
    kept, gone = two(world)
    last = world.contact("(202) 555-0166")
    world.edit("Contact", gone, SMS_Opt_Out__c=True)
    merge(world, kept, gone)
    catch_up(world)
    merge(world, last, kept)
    catch_up(world)
    assert no_of(world, "Contact", last) == (True, None)


def test_a_stop_does_not_narrow_a_carried_no(world: World) -> None:
    """Whether it comes before or after: the person said no, not only their number."""
    kept, gone = two(world)
    world.edit("Contact", gone, SMS_Opt_Out__c=True)
    merge(world, kept, gone)
    world.receive(world.reply(ADA, "SM1", "STOP"))
    catch_up(world)
    world.receive(world.reply(ADA, "SM2", "STOP"))
    catch_up(world)
    assert no_of(world, "Contact", kept) == (True, None)


def test_whoever_unchecks_a_carried_no_takes_it_back(world: World) -> None:
    """It was set by hand; a START does not undo it."""
    kept, gone = two(world)
    world.edit("Contact", gone, SMS_Opt_Out__c=True)
    merge(world, kept, gone)
    catch_up(world)
    world.receive(world.reply(ADA, "SM1", "START"))
    catch_up(world)
    assert no_of(world, "Contact", kept) == (True, None)
    world.edit("Contact", kept, SMS_Opt_Out__c=False)
    catch_up(world)
    assert no_of(world, "Contact", kept) == (False, None)


def test_our_own_no_reaches_the_record_that_is_left_by_its_number(world: World) -> None:
    """If that record has the number; if it has not, the number stays suppressed, wherever it is."""
    kept, gone = two(world)
    world.receive(world.reply(BOB, "SM1", "STOP"))
    world.settle()
    merge(world, kept, gone)
    catch_up(world)
    assert no_of(world, "Contact", kept)[0] is not True
    world.edit("Contact", kept, Phone=BOB)
    catch_up(world)
    assert no_of(world, "Contact", kept) == (True, BOB)


def test_a_no_survives_a_changed_number(world: World) -> None:
    """The flag goes on to concern the old number, and whoever gets that is opted out."""
    contact = world.contact(BOB)
    world.advance(600)
    world.sync()
    world.receive(world.reply(BOB, "SM1", "STOP"))
    world.settle()
    world.edit("Contact", contact, MobilePhone=EVE)
    other = world.contact(BOB)
    catch_up(world)
    assert no_of(world, "Contact", contact) == (True, BOB)
    assert no_of(world, "Contact", other) == (True, BOB)
