"""What people and faults leave in the org, and what `verify` says of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from crm_sms.bootstrap import verifying
from crm_sms.errors import QuotaEnded
from crm_sms.events import Event, Metadata, Status
from crm_sms.ledger.tables import metadata
from crm_sms.records import Usage
from crm_sms.sandbox.server import Sandbox
from crm_sms.testing.world import CRM, World
from crm_sms.use_cases.verify import Kind, VerifyReport, calls_needed, verify

ADA, BOB = "+12025550123", "+12025550199"
TEXT, TASK = "SMS_Message__c", "Task"


def compared(world: World) -> VerifyReport:
    """What is found now."""
    return verify(verifying(world.app, CRM))


def found(world: World) -> set[tuple[Kind, str, str]]:
    """Every kind with the object and the field that it is about."""
    return {(one.kind, one.object, one.field) for one in compared(world).examples}


def written(world: World) -> None:
    """All that waits reaches the org."""
    world.settle(rounds=3)


@pytest.fixture
def ada(world: World) -> str:
    """Somebody with an opportunity, a text, an answer and a no, all of it in the org."""
    person = world.contact(ADA, FirstName="Ada")
    [deal] = world.create(
        "Opportunity", {"Name": "Big", "StageName": "Prospecting", "CloseDate": "2026-12-31"}
    )
    world.create("OpportunityContactRole", {"OpportunityId": deal, "ContactId": person})
    world.advance(600)
    world.sync()
    offer = Metadata(campaign="spring")
    world.receive(
        world.outbound(ADA, "SM1", metadata=offer, body="Hello", message_key="k1"),
        world.reply(ADA, "SM2"),
        world.reply(ADA, "SM3", "STOP"),
    )
    written(world)
    return person


def delivered(world: World) -> Event:
    """News of the text, which change two fields of its record."""
    return world.outbound(ADA, "SM1", Status.DELIVERED, message_key="k1")


NEWS = ("Status__c", "Delivered_At__c")


def text(world: World, key: str = "k1") -> str:
    """The record of this text."""
    return next(r["Id"] for r in world.records(TEXT) if r["Message_Key__c"] == key)


def test_what_was_written_agrees(world: World, ada: str) -> None:
    """Texts, tasks, sums of people and opportunities, and opt-outs, each looked at."""
    report = compared(world)
    assert report.agrees
    assert not report.counts
    assert report.compared == {TEXT: 3, TASK: 3, "Contact": 2, "Opportunity": 1}


def _edit(field: str, value: Any) -> Callable[[World, str], None]:
    return lambda world, _: world.edit(TEXT, text(world), **{field: value})


def _edit_person(field: str, value: Any) -> Callable[[World, str], None]:
    return lambda world, ada: world.edit("Contact", ada, **{field: value})


def _own_number_again(world: World, _: str) -> None:
    """Somebody else gets the number that said no, and the mirror hears of it."""
    world.contact(ADA, LastName="Roe")
    world.sync()


def _delete_task(world: World, _: str) -> None:
    world.delete(world.tasks()[0]["Id"])


def _purge(world: World, *ids: str) -> None:
    world.delete(*ids)
    world.box.salesforce.seed({"op": "purge", "ids": list(ids)})


def _orphan(world: World, _: str) -> None:
    world.create(TEXT, {"Message_Key__c": "nobody's"})


def _double(world: World, _: str) -> None:
    world.create(TEXT, {"Message_Key__c": f"twilio:{world.account}:SM1"})


def _hide(world: World, _: str) -> None:
    world.fault("hidden", fields=[f"{TEXT}.Body__c"])


def _hide_object(world: World, _: str) -> None:
    world.fault("object_access", objects=[TEXT], access="none")


def _park(world: World, _: str) -> None:
    """A rule of the org refuses what is new about a text."""
    world.fault("validation", match={"object": TEXT}, message="no texts today")
    _unprocessed(world, "")
    written(world)
    world.clear_faults()


def _news(world: World, _: str) -> None:
    """A callback came, and is not written yet."""
    world.receive(world.reply(ADA, "SM9", "And more"))
    world.process()


def _unprocessed(world: World, _: str) -> None:
    """A callback came, and is not even looked at yet."""
    world.receive(delivered(world))


def _new_owner(world: World, ada: str) -> None:
    [account] = world.create("Account", {"Name": "Acme"})
    world.edit("Contact", ada, AccountId=account)
    world.sync()


PLANTED: list[tuple[Callable[[World, str], None], set[tuple[Kind, str, str]]]] = [
    (_edit("Status__c", "Failed"), {(Kind.DIFFERS, TEXT, "Status__c")}),
    (_edit("Contact__c", None), {(Kind.DIFFERS, TEXT, "Contact__c")}),
    (_edit("Direction__c", "Inbound"), {(Kind.EDITED, TEXT, "Direction__c")}),
    (_edit("Body__c", "something else"), {(Kind.EDITED, TEXT, "Body__c")}),
    (_edit("Body__c", None), {(Kind.EDITED, TEXT, "Body__c")}),
    (_edit("Campaign__c", "  spring "), set()),
    (_edit_person("SMS_Reply_Count__c", 9), {(Kind.DIFFERS, "Contact", "SMS_Reply_Count__c")}),
    (_edit_person("SMS_Opt_Out__c", False), {(Kind.OPT_OUT, "Contact", "SMS_Opt_Out__c")}),
    (
        _own_number_again,
        {
            (Kind.ON_ITS_WAY, "Contact", f"SMS_Opt_Out{f}__c")
            for f in ("", "_At", "_Source", "_Phone")
        },
    ),
    (lambda world, _: world.delete(text(world)), {(Kind.DELETED, TEXT, "")}),
    (lambda world, _: _purge(world, text(world)), {(Kind.MISSING, TEXT, "")}),
    (_delete_task, {(Kind.DELETED, TASK, "")}),
    (lambda world, _: _purge(world, world.tasks()[0]["Id"]), {(Kind.DELETED, TASK, "")}),
    (_orphan, {(Kind.ORPHAN, TEXT, "")}),
    (_double, {(Kind.DOUBLE, TEXT, "")}),
    (_hide, {(Kind.LEFT_OUT, TEXT, "Body__c")}),
    (_hide_object, {(Kind.MISSING, TEXT, "")}),
    (_park, {(Kind.PARKED, TEXT, name) for name in NEWS}),
    (_unprocessed, {(Kind.ON_ITS_WAY, TEXT, name) for name in NEWS}),
    (_new_owner, {(Kind.OLDER, TEXT, "Account__c")}),
]


@pytest.mark.parametrize(("plant", "said"), PLANTED, ids=range(len(PLANTED)))
def test_every_kind_of_difference_is_found(
    world: World, ada: str, plant: Any, said: set[tuple[Kind, str, str]]
) -> None:
    """The one that was planted, where it was, and nothing else."""
    plant(world, ada)
    assert found(world) == said


def test_what_waits_is_on_its_way_and_no_difference(world: World, ada: str) -> None:
    """A new record as well as news of an old one."""
    _news(world, ada)
    report = compared(world)
    assert report.agrees
    assert set(report.counts) == {Kind.ON_ITS_WAY}
    written(world)
    assert not compared(world).counts


def test_an_opt_out_by_hand_must_stay_and_nothing_more(world: World) -> None:
    """What else stands there is theirs, also when the same person says no later."""
    person = world.contact(BOB)
    world.edit("Contact", person, SMS_Opt_Out__c=True, SMS_Opt_Out_Source__c="by phone")
    world.sync()
    world.receive(world.reply(BOB, "SM4", "STOP"))
    written(world)
    assert not compared(world).counts
    world.edit("Contact", person, SMS_Opt_Out__c=False)
    assert found(world) == {(Kind.OPT_OUT, "Contact", "SMS_Opt_Out__c")}


def test_an_opt_out_of_somebody_whom_it_never_reached_is_found(world: World, ada: str) -> None:
    """Also where nothing waits that would bring it."""
    _own_number_again(world, ada)
    with world.app.ledger.write("parked") as connection:
        connection.execute(metadata.tables["outbox"].delete())
    assert {one[:2] for one in found(world)} == {(Kind.OPT_OUT, "Contact")}


def test_an_opt_out_that_was_taken_over_is_expected(world: World) -> None:
    """From a record that was merged away, and on which it was set by hand."""
    person = world.contact(BOB, SMS_Opt_Out__c=True)
    left = world.contact(ADA)
    world.sync()
    merge = {"op": "merge", "object": "Contact", "master": left, "losers": [person]}
    world.box.salesforce.seed(merge)
    world.advance(400)
    world.sync()
    assert (Kind.ON_ITS_WAY, "Contact", "SMS_Opt_Out__c") in found(world)
    written(world)
    assert not compared(world).counts


def test_texts_of_nobody_need_no_record(world: World) -> None:
    """They wait in triage."""
    world.sync()
    world.receive(world.outbound(BOB, "SM5"))
    written(world)
    report = compared(world)
    assert report.agrees
    assert not report.compared


def test_a_ledger_that_lost_what_it_wrote_finds_it_all(world: World, ada: str) -> None:
    """As after a restore: values are compared, whoever wrote them."""
    with world.app.ledger.write("parked") as connection:
        connection.execute(metadata.tables["crm_records"].delete())
    assert not compared(world).counts


def test_nothing_is_written(world: World, ada: str) -> None:
    """Neither to the org nor to the ledger."""
    world.edit("Contact", ada, SMS_Opt_Out__c=False)
    world.receive(world.reply(ADA, "SM9", "And more"))

    def held() -> Any:
        with world.app.ledger.read() as connection:
            tables = {n: connection.execute(t.select()).all() for n, t in metadata.tables.items()}
        return tables, [world.records(name, deleted=True) for name in (TEXT, TASK, "Contact")]

    before = held()
    assert compared(world).counts
    assert held() == before


def test_what_changes_meanwhile_is_looked_at_again(world: World, ada: str) -> None:
    """A worker delivers between the ledger's page and the org's answer: no false alarm."""
    prepared = verifying(world.app, CRM)
    read = prepared.crm.read

    class Meanwhile:
        def __getattr__(self, name: str) -> Any:
            return getattr(prepared.crm, name)

        def read(self, *args: Any, **named: Any) -> Any:
            world.receive(delivered(world))
            written(world)
            return read(*args, **named)

    crm: Any = Meanwhile()
    assert verify(replace(prepared, crm=crm)).agrees


def test_the_calls_are_told_before_and_are_few(world: World, ada: str, sandbox: Sandbox) -> None:
    """As many as were told, whatever is found."""
    told, before = calls_needed(verifying(world.app, CRM)), sandbox.salesforce.stats()["calls"]
    report = compared(world)
    assert report.calls == sandbox.salesforce.stats()["calls"] - before
    assert report.calls <= told <= 12


def test_the_calls_that_opt_outs_need_are_left(world: World, ada: str) -> None:
    """It stops before them, and says so."""
    world.fault("quota", limit=1000, remaining=55)
    with pytest.raises(QuotaEnded, match="kept for opt-outs"):
        compared(world)
    assert verifying(world.app, CRM).crm.usage == Usage(950, 1000)


@pytest.mark.parametrize("size", [1, 2, 7])
def test_pages_of_any_size_find_the_same(world: World, ada: str, size: int) -> None:
    """Nothing is lost where one page ends and the next begins."""
    world.edit("Contact", ada, SMS_Opt_Out__c=False)
    _orphan(world, ada)
    whole = compared(world)
    prepared = verifying(world.app, CRM)
    crm: Any = prepared.crm
    crm.limits = replace(crm.limits, keys_per_read=size)
    paged = verify(prepared)
    assert paged.counts == whole.counts
    assert paged.compared == whole.compared


def test_on_postgresql(postgres_world: World) -> None:
    """The same there."""
    world = postgres_world
    person = world.contact(ADA)
    world.sync()
    world.receive(world.outbound(ADA, "SM1"), world.reply(ADA, "SM3", "STOP"))
    written(world)
    assert not compared(world).counts
    world.edit("Contact", person, SMS_Opt_Out__c=False)
    assert found(world) == {(Kind.OPT_OUT, "Contact", "SMS_Opt_Out__c")}
