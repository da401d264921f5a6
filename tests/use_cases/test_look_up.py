"""Numbers that nobody is known to hold, looked for in the sandbox's org."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.bootstrap import syncing
from crm_sms.errors import QuotaEnded, TryLater
from crm_sms.ledger.lookups import looks_alike
from crm_sms.ledger.tables import lookups, matches
from crm_sms.phone import candidates, to_e164, variants
from crm_sms.records import Person, PersonKind, Phone
from crm_sms.testing.world import CRM, World
from crm_sms.use_cases.sync_people.look_up import look_up, sight
from crm_sms.use_cases.sync_people.words import SyncReport

JANE, RAUL, BERT = "+12025550123", "+12025550188", "+442079460000"
NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def unseen(world: World, number: str = "(202) 555-0123", **fields: Any) -> str:
    """A contact that a sharing rule shows to our user when the pulls are past it: no pull will
    ever bring it, as nothing of the record changed."""
    id = world.contact(number, **fields)
    world.fault("record_access", ids=[id], access="none")
    world.advance(600)
    world.contact("(202) 555-0100", LastName="Later")
    world.sync()
    world.clear_faults()
    return id


def ask(world: World) -> SyncReport:
    """Looks up what is due, without the pulls."""
    report = SyncReport()
    look_up(syncing(world.app, CRM), report, lambda part, done, total: None)
    return report


def text(world: World, *numbers: str, body: str = "hello") -> None:
    """Replies from numbers, planned."""
    for number in numbers:
        world.receive(world.reply(number, f"SM{number}{world.now:%s}", body))
    world.process()


def asked(world: World) -> list[Any]:
    """What is kept of numbers that were asked for."""
    with world.app.ledger.read() as connection:
        return list(connection.execute(lookups.select()))


def people_of_texts(world: World) -> list[str | None]:
    """Whom the texts concern."""
    with world.app.ledger.read() as connection:
        return [row.person_id for row in connection.execute(matches.select())]


def test_who_holds_an_unknown_number_is_found(world: World) -> None:
    """A sync asks after its pulls, stores who is found, and has the number's texts matched."""
    id = unseen(world)
    text(world, JANE)
    assert people_of_texts(world) == [None]
    report = world.sync()
    assert (report.looked_up, report.found, report.rematched) == (1, 1, 1)
    world.process()
    assert people_of_texts(world) == [id]


def test_a_no_reaches_who_is_found(world: World) -> None:
    """As it reaches whoever a pull brings."""
    id = unseen(world)
    text(world, JANE, body="STOP")
    world.sync()
    world.settle(rounds=2)
    assert world.record("Contact", id)["SMS_Opt_Out__c"] is True


def test_a_number_is_asked_for_once_a_day(world: World) -> None:
    """Whoever gets it meanwhile comes with a pull; only the rare rest waits for the next day."""
    text(world, JANE)
    assert ask(world).looked_up == 1
    calls = world.app.crms[CRM].calls
    world.advance(23 * 3600)
    assert ask(world) == SyncReport()
    assert world.app.crms[CRM].calls == calls
    world.advance(3601)
    assert ask(world).looked_up == 1


def test_a_clock_that_is_set_back_does_not_postpone_it(world: World) -> None:
    """For as long as it jumped, that is."""
    text(world, JANE)
    ask(world)
    world.box.clock.set(NOW - timedelta(days=300))
    assert ask(world).looked_up == 1
    assert ask(world).looked_up == 0


def test_only_numbers_that_nobody_is_known_to_hold_are_asked_for(world: World) -> None:
    """Not those of people who share one, nor what is no person's number."""
    for name in ("Ada", "Bob"):
        world.contact("(202) 555-0188", LastName=name)
    world.sync()
    text(world, RAUL, "55511", JANE)
    assert ask(world).looked_up == 1


def test_no_number_is_kept(world: World) -> None:
    """A keyed digest tells that it was asked for."""
    text(world, JANE)
    ask(world)
    assert "2025550123" not in str(asked(world))
    assert [row.number_digest for row in asked(world)] == [world.app.ledger.digest(JANE)]


def test_what_is_no_longer_asked_for_is_forgotten(world: World) -> None:
    """The next number that is asked for takes rows of before the day before along."""
    text(world, JANE)
    ask(world)
    world.contact()
    world.advance(600)
    world.sync()
    world.process()
    world.advance(48 * 3600)
    text(world, RAUL)
    ask(world)
    assert [row.number_digest for row in asked(world)] == [world.app.ledger.digest(RAUL)]


@pytest.mark.parametrize(
    ("number", "typed"),
    [
        (BERT, "020 7946 0000"),  # of another country than the org's own
        (BERT, "442079460000"),
        ("+525512345678", "+52 1 55 1234 5678"),  # of a plan that is no more
        ("+5215512345678", "+52 55 1234 5678"),
    ],
)
def test_whose_phone_only_looks_like_it_is_kept_as_a_hint(
    world: World, number: str, typed: str
) -> None:
    """Nobody is written to because of that: it may be somebody else's."""
    id = world.contact(typed)
    world.advance(600)
    world.sync()
    text(world, number)
    report = ask(world)
    assert (report.looked_up, report.found, report.rematched) == (1, 0, 0)
    world.process()
    assert people_of_texts(world) == [None]
    with world.app.ledger.read() as connection:
        assert looks_alike(world.app.ledger, connection, CRM, [number]) == {number: [id]}


def test_a_run_asks_for_so_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A history that was just imported must not hold up the pulls; the next run goes on."""
    crm: Any = world.app.crms[CRM]
    crm.limits = replace(crm.limits, keys_per_read=4)
    monkeypatch.setattr("crm_sms.use_cases.sync_people.look_up.MOST_NUMBERS", 10)
    text(world, *(f"+1202555{line:04}" for line in range(12)))
    assert [ask(world).looked_up for _ in range(3)] == [10, 2, 0]


def test_a_batch_that_fails_is_asked_for_again(world: World) -> None:
    """The batches before it are kept."""
    crm: Any = world.app.crms[CRM]
    crm.limits = replace(crm.limits, keys_per_read=4)
    text(world, *(f"+1202555{line:04}" for line in range(6)))
    crm.describe(["Contact", "Lead"])
    world.fault("status", status=503, match={"path": "/search"})
    world.fault("slow_query", rows=0)
    world.contact("(202) 555-9999")
    with pytest.raises(TryLater):
        ask(world)
    assert asked(world) == []
    world.clear_faults()
    assert ask(world).looked_up == 6


def test_the_calls_of_opt_outs_are_left_alone(world: World) -> None:
    """As a pull leaves them."""
    text(world, JANE)
    world.fault("quota", limit=1000, remaining=20)
    with pytest.raises(QuotaEnded):
        world.sync()
    assert asked(world) == []


def test_a_refusal_fails_the_look_ups_alone(world: World) -> None:
    """What was pulled stays, and the report says what was refused."""
    text(world, JANE)
    world.app.crms[CRM].describe(["Contact", "Lead"])
    refusal = {"status": 400, "body": "json", "code": "INSUFFICIENT_ACCESS", "message": "no"}
    world.fault("status", match={"path": "/composite$"}, **refusal)
    report = world.sync()
    assert report.failed.startswith("look-ups: ")
    assert report.rows
    assert asked(world) == []


def somebody(id: str, *phones: str) -> Person:
    """A contact with these phones."""
    held = tuple(Phone("Phone", raw) for raw in phones)
    return Person("Contact", id, PersonKind.CONTACT, NOW, phones=held)


@given(st.integers(0, 9999), st.sampled_from(["US", "CA"]), st.sampled_from(["US", "GB", None]))
def test_only_the_orgs_region_says_who_holds_a_number(line: int, own: str, org: str | None) -> None:
    """What is typed without its country means something else elsewhere."""
    number = f"+1202555{line:04}"
    for spelling in variants(number):
        found = sight([number], [somebody("p", spelling)], org)
        holds = to_e164(spelling, org) == number
        assert found.held == {number: {"p"} if holds else set()}
        assert found.alike == {number: set() if holds else {"p"}}
        assert [person.id for person in found.people] == ["p"]
    assert sight([number], [somebody("p", f"({own})")], own).people == []


@given(st.integers(0, 999_999), st.sampled_from(["3", "01144", "9"]))
def test_who_has_more_digits_is_somebody_else(line: int, before: str) -> None:
    """A search finds numbers that end alike."""
    number = f"+1202{line:06}5"
    found = sight([number], [somebody("p", f"{before} {number[2:]}")], "US")
    assert found.people == []


def test_another_form_of_a_number_is_a_hint() -> None:
    """Who holds the number itself holds it; who holds its candidate may be the same line."""
    number = "+525512345678"
    [other] = candidates(number)
    found = sight([number], [somebody("a", number), somebody("b", other)], "MX")
    assert (found.held, found.alike) == ({number: {"a"}}, {number: {"b"}})
