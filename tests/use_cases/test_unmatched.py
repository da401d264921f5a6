"""Triage: whom nobody knows, and what an assignment changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Table

from crm_sms.admin_files import shipped
from crm_sms.errors import RefusedInput
from crm_sms.events import Metadata
from crm_sms.ledger import Ledger, inbox
from crm_sms.ledger.slices import MOST
from crm_sms.ledger.tables import (
    assignments,
    conversations,
    matches,
    message_data,
    messages,
    people,
    phones,
)
from crm_sms.testing.world import CRM, World
from crm_sms.use_cases.unmatched import Assigned, Likeness, Unmatched, assign, unmatched

NUMBER = "+12025550123"
OTHER = "+12025550124"


def listed(world: World) -> list[Unmatched]:
    """What triage shows."""
    return unmatched(world.app.ledger, [CRM])


def assigned(world: World, person_id: str, number: str = NUMBER) -> Assigned:
    """Somebody assigns a number."""
    ids = {CRM: person_id}
    return assign(world.app.ledger, number, ids, region="US", by="kim", now=world.now)


def rules(world: World) -> dict[str | None, str]:
    """The rule of each text, by its person."""
    with world.app.ledger.read() as connection:
        rows = connection.execute(matches.select())
        return {row.person_id: row.rule for row in rows}


def shared(world: World) -> tuple[str, str]:
    """Two contacts who hold the number."""
    ids = world.contact(NUMBER, LastName="Ada"), world.contact(NUMBER, LastName="Bob")
    world.sync()
    return ids


def test_an_unknown_number_is_listed_without_candidates(world: World) -> None:
    """With how many texts it sent and when the last one was."""
    world.receive(world.reply(NUMBER, "SM1"))
    world.advance(60)
    world.receive(world.reply(NUMBER, "SM2"), world.reply(OTHER, "SM3", received_at=world.now))
    world.process()
    found = {one.number: one for one in listed(world)}
    assert (found[NUMBER].texts, found[NUMBER].rule, found[NUMBER].candidates) == (2, "unknown", ())
    assert found[NUMBER].last_at == world.now
    assert found[OTHER].texts == 1


def test_a_shared_number_is_listed_with_those_who_hold_it(world: World) -> None:
    """Each with a name and the id that an assignment takes."""
    ids = shared(world)
    world.receive(world.reply(NUMBER, "SM1"))
    world.process()
    [one] = listed(world)
    assert one.rule == "shared"
    assert {(person.id, person.name, person.kind) for person in one.candidates} == {
        (ids[0], "Ada", "contact"),
        (ids[1], "Bob", "contact"),
    }


def test_another_form_of_the_number_is_a_candidate(world: World) -> None:
    """Mexican mobiles had a 1 behind +52, and texts may still come from there."""
    raul = world.contact("+52 55 1234 5678", LastName="Raul")
    world.sync()
    world.receive(world.reply("+5215512345678", "SM1"))
    world.process()
    [one] = listed(world)
    assert (one.rule, [(c.id, c.likeness) for c in one.candidates]) == (
        "unknown",
        [(raul, Likeness.OTHER_FORM)],
    )


def test_whose_phone_is_typed_like_it_is_a_candidate_once_it_was_looked_up(world: World) -> None:
    """The mirror reads the number by the org's own region; who typed it may have meant this one."""
    bert = world.contact("020 7946 0000", LastName="Bert")
    world.sync()
    world.receive(world.reply("+442079460000", "SM1"))
    world.process()
    assert listed(world)[0].candidates == ()
    world.sync()
    [one] = listed(world)
    assert [(c.id, c.likeness) for c in one.candidates] == [(bert, Likeness.TYPED)]


def test_who_holds_the_number_itself_stands_alone(world: World) -> None:
    """What only looks like it is no candidate beside them."""
    world.contact("+52 55 1234 5678", LastName="Raul")
    for name in ("Ada", "Bob"):
        world.contact("+525512345679", LastName=name)
    world.contact("+52 1 55 1234 5679", LastName="Typed")
    world.sync()
    world.receive(world.reply("+525512345679", "SM1"))
    world.process()
    world.sync()
    [one] = listed(world)
    assert {(c.name, c.likeness) for c in one.candidates} == {
        ("Ada", Likeness.HOLDS),
        ("Bob", Likeness.HOLDS),
    }


def test_whom_the_mapping_leaves_out_is_no_candidate(world: World) -> None:
    """An assignment to them would be refused."""
    text = (shipped() / "salesforce.toml").read_text(encoding="utf-8")
    contacts = 'object = "Contact"\n'
    some = text.replace(contacts, contacts + "where = \"person.name != 'Bob'\"\n", 1)
    (world.app.folder / "salesforce.toml").write_text(some, encoding="utf-8")
    for name in ("Ada", "Bob", "Eve"):
        world.contact(NUMBER, LastName=name)
    world.sync()
    world.receive(world.reply(NUMBER, "SM1"))
    world.process()
    [one] = listed(world)
    assert {candidate.name for candidate in one.candidates} == {"Ada", "Eve"}


def test_the_latest_text_comes_first(world: World) -> None:
    """Who looks at the list looks at its top."""
    for number in (OTHER, NUMBER):
        world.receive(world.reply(number, f"SM{number}"))
        world.advance(10)
    world.process()
    assert [one.number for one in listed(world)] == [NUMBER, OTHER]


def test_many_numbers_and_candidates_are_looked_up_in_pieces(
    world: World, longest: Callable[[Ledger], Callable[[], int]]
) -> None:
    """A first import can leave more unknown numbers than one statement has parameters, and a
    switchboard's number can have more holders."""
    many = 2 * MOST + 1
    numbers = [f"+1202555{n:04}" for n in range(many)]
    at = world.now
    text: dict[str, Any] = {"direction": "inbound", "status": "received", "conflict": False}
    text |= {"occurred_at": at, "received_at": at}
    match = {"crm": CRM, "rule": "shared", "opportunity_rule": "none"}
    person: dict[str, Any] = {
        "crm": CRM,
        "object": "Contact",
        "kind": "contact",
        "name": "Ada",
        "fields": {},
    }
    phone = {"crm": CRM, "e164": numbers[-1]}
    rows: dict[Table, list[dict[str, Any]]] = {
        messages: [{"id": n, "key": f"SM{n}", "tie": f"SM{n}"} | text for n in range(many)],
        message_data: [{"message_id": n, "number": numbers[n]} for n in range(many)],
        matches: [{"message_id": n} | match for n in range(many)],
        people: [{"id": f"p{n}", "modified_at": at} | person for n in range(many)],
        phones: [{"person_id": f"p{n}"} | phone for n in range(many)],
    }
    with world.app.ledger.write("process") as connection:
        for table, some in rows.items():
            connection.execute(table.insert(), some)
    most = longest(world.app.ledger)
    candidates = {one.number: len(one.candidates) for one in listed(world)}
    assert candidates == dict.fromkeys(numbers, 0) | {numbers[-1]: many}
    assert MOST <= most() < 2 * MOST


def test_who_is_matched_is_not_listed(world: World) -> None:
    """Nothing to do, nothing shown."""
    world.contact(NUMBER)
    world.sync()
    world.receive(world.reply(NUMBER, "SM1"))
    world.process()
    assert listed(world) == []


def test_an_assignment_brings_past_and_future_texts_to_the_person(world: World) -> None:
    """The texts so far are planned again; later ones follow without asking."""
    _, bob = shared(world)
    world.receive(world.reply(NUMBER, "SM1"))
    world.process()
    done = assigned(world, bob)
    assert (done.crm, done.person.name, done.texts) == (CRM, "Bob", 1)
    world.process()
    world.receive(world.reply(NUMBER, "SM2"))
    world.settle()
    assert listed(world) == []
    assert rules(world) == {bob: "assigned"}
    records = world.records("SMS_Message__c")
    assert [record["Contact__c"] for record in records] == [bob, bob]


def test_a_later_assignment_moves_the_texts(world: World) -> None:
    """And the record in the CRM with them."""
    ada, bob = shared(world)
    world.receive(world.reply(NUMBER, "SM1"))
    world.process()
    assigned(world, bob)
    world.settle()
    assigned(world, ada)
    world.settle()
    assert rules(world) == {ada: "assigned"}
    assert [record["Contact__c"] for record in world.records("SMS_Message__c")] == [ada]


def test_an_assignment_wins_over_the_text_before(world: World) -> None:
    """The one last texted is a guess; somebody who says so knows."""
    ada, bob = shared(world)
    texted = world.outbound(NUMBER, "SM1", message_key="k1")
    world.receive(texted)
    world.process()
    assigned(world, ada)
    world.process()
    world.receive(world.reply(NUMBER, "SM2"))
    assigned(world, bob)
    world.process()
    assert rules(world) == {bob: "assigned"}


def test_the_sender_wins_over_an_assignment(world: World) -> None:
    """A person id that came with the text says whom it was for."""
    ada, bob = shared(world)
    assigned(world, bob)
    world.receive(world.outbound(NUMBER, "SM1", metadata=Metadata(person_id=ada)))
    world.process()
    assert rules(world) == {ada: "given"}


def test_an_assignment_can_be_made_before_any_text(world: World) -> None:
    """However the number is written; only its digest is kept."""
    _, bob = shared(world)
    assert assigned(world, bob, "(202) 555-0123").texts == 0
    world.receive(world.reply(NUMBER, "SM1"))
    world.process()
    assert rules(world) == {bob: "assigned"}
    with world.app.ledger.read() as connection:
        row = connection.execute(assignments.select()).one()
    assert row.number_digest == world.app.ledger.digest(NUMBER)
    assert (row.by, row.at) == ("kim", world.now)


def test_texts_of_other_numbers_stay_where_they_are(world: World) -> None:
    """Only the number's own messages return to the inbox."""
    _, bob = shared(world)
    world.receive(world.reply(NUMBER, "SM1"), world.reply(OTHER, "SM2"))
    world.process()
    assert assigned(world, bob).texts == 1
    with world.app.ledger.read() as connection:
        assert inbox.backlog(connection)[0] == 1


@pytest.mark.parametrize("number", ["72345", "ACME", "555", ""])
def test_only_numbers_of_people_can_be_assigned(world: World, number: str) -> None:
    """Nothing is stored of anything else."""
    ada, _ = shared(world)
    with pytest.raises(RefusedInput, match="not a phone number"):
        assigned(world, ada, number)


def test_somebody_whom_the_mirror_does_not_know_is_refused(world: World) -> None:
    """The message says how to get them into it; nothing is stored."""
    with pytest.raises(RefusedInput, match="crm-sms sync people"):
        assigned(world, "003000000000000AAA")
    with world.app.ledger.read() as connection:
        assert connection.execute(assignments.select()).all() == []


def test_an_id_that_two_crms_have_needs_the_crm(world: World) -> None:
    """Guessing would put texts on a stranger."""
    ada, _ = shared(world)
    with world.app.ledger.write("sync.page") as connection:
        row = connection.execute(people.select().where(people.c.id == ada)).one()
        connection.execute(people.insert().values({**row._mapping, "crm": "other"}))
    ids = {CRM: ada, "other": ada}
    with pytest.raises(RefusedInput, match=f"{CRM}, other; say which one with --crm"):
        assign(world.app.ledger, NUMBER, ids, region=None, by="kim", now=world.now)


def test_a_reply_that_moves_takes_its_task_along(world: World) -> None:
    """The conversation goes to the new person; no second task is made for the same reply."""
    ada, bob = shared(world)
    world.receive(world.reply(NUMBER, "SM1"))
    world.process()
    assigned(world, ada)
    world.settle()
    for person_id in (bob, ada):
        assigned(world, person_id)
        world.settle()
    assert [task["WhoId"] for task in world.tasks()] == [ada]
    with world.app.ledger.read() as connection:
        talks = connection.execute(conversations.select()).all()
    assert [talk.person_id for talk in talks] == [ada]
