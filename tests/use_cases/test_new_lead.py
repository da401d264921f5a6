"""A lead for a number that nobody holds, in the sandbox's org."""

from __future__ import annotations

from typing import Any

import pytest

from crm_sms.admin_files import shipped
from crm_sms.bootstrap import syncing
from crm_sms.errors import AccessRefused, CrmSmsError, RefusedInput, TryLater, Unclear
from crm_sms.ledger.tables import matches, meta
from crm_sms.testing.world import CRM, World
from crm_sms.use_cases.new_lead import LeadMade, LeadPlan, create_lead, plan_lead

NUMBER = "+12025550123"


@pytest.fixture
def texted(world: World) -> World:
    """Somebody unknown texted twice."""
    world.receive(world.reply(NUMBER, "SM1"), world.reply(NUMBER, "SM2"))
    world.process()
    return world


def planned(world: World, number: str = "(202) 555-0123", **names: str) -> LeadPlan:
    """What would be made."""
    return plan_lead(syncing(world.app, CRM), number, **names)


def make(world: World) -> LeadMade:
    """Somebody asks for the lead."""
    used = syncing(world.app, CRM)
    return create_lead(used, plan_lead(used, NUMBER))


def attempts(world: World) -> list[str]:
    """What is kept of leads that may be about to be made."""
    with world.app.ledger.read() as connection:
        names = [row.name for row in connection.execute(meta.select())]
    return [name for name in names if name.startswith("lead:")]


def test_the_plan_says_what_would_be_written_where(texted: World) -> None:
    """In the first of the mapping's phones, with the fields that every lead must have."""
    plan = planned(texted)
    assert (plan.crm, plan.object, plan.texts, plan.person) == (CRM, "Lead", 2, None)
    assert plan.fields == {
        "LastName": f"SMS {NUMBER}",
        "Company": "[not provided]",
        "MobilePhone": NUMBER,
    }
    named = planned(texted, last_name="Roe", company="Acme")
    assert (named.fields["LastName"], named.fields["Company"]) == ("Roe", "Acme")
    assert texted.records("Lead") == []


def test_the_texts_go_to_the_lead_that_was_made(texted: World) -> None:
    """It is in the mirror at once."""
    made = make(texted)
    [lead] = texted.records("Lead")
    assert (made.id, made.made, made.texts) == (lead["Id"], True, 2)
    assert made.person is not None
    assert made.person.name == f"SMS {NUMBER}"
    texted.settle(rounds=2)
    assert {record["Lead__c"] for record in texted.records("SMS_Message__c")} == {lead["Id"]}
    assert attempts(texted) == []


def test_a_no_of_the_number_is_written_on_the_lead(world: World) -> None:
    """Whoever holds the number is opted out, now or later."""
    world.receive(world.reply(NUMBER, "SM1", "STOP"))
    world.process()
    make(world)
    world.settle(rounds=2)
    assert world.records("Lead")[0]["SMS_Opt_Out__c"] is True


def test_who_holds_the_number_by_now_gets_the_texts(texted: World) -> None:
    """However it is typed: somebody made the record while the list was read."""
    id = texted.contact("(202) 555-0123", LastName="Ada")
    plan = planned(texted)
    assert plan.person is not None
    assert (plan.person.id, plan.person.name) == (id, "Ada")
    made = make(texted)
    assert (made.id, made.made, made.texts) == (id, False, 2)
    texted.process()
    with texted.app.ledger.read() as connection:
        assert {row.person_id for row in connection.execute(matches.select())} == {id}
    assert texted.records("Lead") == []


@pytest.mark.parametrize(
    ("number", "said"),
    [("n/a", "not a phone number"), ("+12025550199", "unmatched list")],
)
def test_a_number_without_texts_that_wait_is_refused(texted: World, number: str, said: str) -> None:
    """A slip of the finger must not make a lead."""
    with pytest.raises(RefusedInput, match=said):
        planned(texted, number)


def test_a_number_that_somebody_is_known_to_hold_is_refused(texted: World) -> None:
    """There is somebody to assign it to."""
    for name in ("Ada", "Bob"):
        texted.contact(LastName=name)
    texted.sync()
    with pytest.raises(RefusedInput, match="unmatched assign"):
        planned(texted)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"kind": "object_access", "objects": ["Lead"], "access": "read"}, "Create"),
        ({"kind": "object_access", "objects": ["Lead"], "access": "none"}, "Create"),
        ({"kind": "read_only", "fields": ["Lead.MobilePhone", "Lead.Phone"]}, "MobilePhone"),
    ],
)
def test_what_our_user_may_not_do_is_told_before(
    texted: World, fault: dict[str, Any], said: str
) -> None:
    """With what to give it."""
    texted.fault(**fault)
    with pytest.raises(AccessRefused, match=said):
        planned(texted)


def test_the_number_is_written_where_our_user_may_write_it(texted: World) -> None:
    """Into the next of the mapping's phones."""
    texted.fault("read_only", fields=["Lead.MobilePhone"])
    assert planned(texted).fields["Phone"] == NUMBER


REFUSALS = [
    {"kind": "required", "fields": ["Lead.Title"]},
    {"kind": "validation", "message": "leads need a source", "match": {"object": "Lead"}},
]


@pytest.mark.parametrize("fault", REFUSALS, ids=["required field", "validation rule"])
def test_what_the_org_refuses_is_told_with_a_remedy(texted: World, fault: dict[str, Any]) -> None:
    """And once that is mended, the same command makes the lead."""
    texted.fault(**fault)
    with pytest.raises(RefusedInput, match="validation rule or required field"):
        make(texted)
    assert texted.records("Lead") == []
    texted.clear_faults()
    assert make(texted).made


LOST = {"kind": "drop", "when": "after_commit", "match": {"path": "/composite$"}, "times": 1}


def lose_the_answer(world: World) -> None:
    """The lead is made, and no answer comes: the first two requests are looks."""
    used = syncing(world.app, CRM)
    plan = plan_lead(used, NUMBER)
    write = used.crm.write

    def lost(chunks: Any) -> Any:
        world.fault(**LOST)
        return write(chunks)

    used.crm.write = lost  # type: ignore[method-assign]
    with pytest.raises(Unclear, match="run the same command again"):
        create_lead(used, plan)
    used.crm.write = write  # type: ignore[method-assign]


def test_an_answer_that_was_lost_makes_no_second_lead(texted: World) -> None:
    """Whoever repeats it finds the lead that was made."""
    lose_the_answer(texted)
    made = make(texted)
    assert (made.made, made.texts) == (False, 2)
    assert [lead["Id"] for lead in texted.records("Lead")] == [made.id]


def test_while_a_request_may_still_commit_no_other_is_made(texted: World) -> None:
    """Longer than the CRM can take; then whoever asks decides by what is there."""
    lose_the_answer(texted)
    texted.delete(*(lead["Id"] for lead in texted.records("Lead")))  # as if it were not there yet
    with pytest.raises(Unclear, match="quarter of an hour"):
        make(texted)
    texted.advance(15 * 60)
    assert make(texted).made
    assert len(texted.records("Lead")) == 1


def test_a_lead_that_the_mapping_leaves_out_is_told(texted: World) -> None:
    """It is made as asked, but its texts concern nobody still."""
    text = (shipped() / "salesforce.toml").read_text(encoding="utf-8")
    leads = 'object = "Lead"\n'
    only = text.replace(leads, leads + "where = \"person.name == 'Roe'\"\n", 1)
    (texted.app.folder / "salesforce.toml").write_text(only, encoding="utf-8")
    made = make(texted)
    assert (made.made, made.left_out) == (True, True)
    texted.process()
    with texted.app.ledger.read() as connection:
        assert {row.rule for row in connection.execute(matches.select())} == {"outside"}


def test_two_at_once_make_one_lead(texted: World) -> None:
    """The second one comes while the first one writes."""
    first, second = syncing(texted.app, CRM), syncing(texted.app, CRM)
    plan = plan_lead(first, NUMBER)
    write = first.crm.write
    met: list[Exception] = []

    def meet(chunks: Any) -> Any:
        try:
            create_lead(second, plan)
        except Unclear as error:
            met.append(error)
        return write(chunks)

    first.crm.write = meet  # type: ignore[method-assign]
    create_lead(first, plan)
    assert len(met) == 1
    assert len(texted.records("Lead")) == 1


def test_a_crm_that_is_down_leaves_nothing_behind(texted: World) -> None:
    """Whoever repeats it need not wait."""
    used = syncing(texted.app, CRM)
    plan = plan_lead(used, NUMBER)
    texted.fault("status", status=503)
    with pytest.raises(TryLater):
        create_lead(used, plan)
    texted.clear_faults()
    assert create_lead(used, plan).made


def test_whoever_was_held_up_too_long_makes_none(texted: World) -> None:
    """Somebody else may have begun meanwhile: as after a machine that slept."""
    used = syncing(texted.app, CRM)
    plan = plan_lead(used, NUMBER)
    look = used.crm.find_people

    def slow(*asked: Any) -> Any:
        texted.advance(3600)
        return look(*asked)

    used.crm.find_people = slow  # type: ignore[method-assign]
    with pytest.raises(CrmSmsError, match="too long"):
        create_lead(used, plan)
    assert texted.records("Lead") == []
    assert attempts(texted) == []
