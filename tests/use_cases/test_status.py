"""How things stand, counted from what is stored."""

from __future__ import annotations

from datetime import timedelta

from crm_sms.testing.world import CRM, World
from crm_sms.use_cases.status import CrmStatus, LeftBehind, Overview, overview, waiting

NUMBER = "+12025550123"


def look(world: World) -> Overview:
    """The status now."""
    return overview(world.app.ledger, [CRM], world.now)


def crm(world: World) -> CrmStatus:
    """The only CRM's part of it."""
    return look(world).crms[CRM]


def lanes(world: World) -> dict[str, tuple[int, int, int]]:
    """(waiting, due, settling) by lane, empty lanes left out."""
    queues = {q.lane: (q.waiting, q.due, q.settling) for q in crm(world).queues}
    return {lane: counts for lane, counts in queues.items() if any(counts)}


def test_a_fresh_installation_has_nothing(world: World) -> None:
    """Every lane is listed, all of them empty."""
    found = look(world)
    assert (found.inbox, found.inbox_since, found.suppressions, found.parked) == (0, None, 0, 0)
    one = found.crms[CRM]
    assert [queue.lane for queue in one.queues] == ["opt_out", "task", "timeline", "roll_up"]
    assert (one.mirror, one.unmatched, one.last_request, one.pause) == ({}, {}, None, None)


def test_the_inbox_is_counted_with_its_age(world: World) -> None:
    """From when the oldest event came in."""
    began = world.now
    world.receive(world.reply(NUMBER, "SM1"))
    world.advance(60)
    world.receive(world.reply(NUMBER, "SM2"))
    found = look(world)
    assert (found.inbox, found.inbox_since, found.at) == (2, began, began + timedelta(seconds=60))


def test_rows_are_due_when_their_window_ends(world: World) -> None:
    """Lane by lane; delivery takes them out."""
    world.contact(NUMBER)
    world.sync()
    world.receive(world.reply(NUMBER, "SM1"))
    world.process()
    assert lanes(world) == {"task": (1, 0, 0), "timeline": (2, 0, 0), "roll_up": (1, 0, 0)}
    with world.app.ledger.read() as connection:
        assert waiting(connection, CRM) == 4
    world.advance(2)
    assert lanes(world)["task"] == (1, 1, 0)
    world.advance(60)
    assert {due for _, due, _ in lanes(world).values()} == {1, 2}
    world.deliver()
    assert lanes(world) == {}
    last = crm(world).last_request
    assert last is not None
    assert (last.rows, last.unclear, last.parked) == (last.done, 0, 0)
    assert last.ended_at == world.now


def test_a_row_that_may_be_overwritten_is_settling(world: World) -> None:
    """After an unclear outcome it is written, and waits to be written once more."""
    world.contact(NUMBER)
    world.sync()
    world.receive(world.outbound(NUMBER, "SM1"))
    world.process()
    world.advance(61)
    world.fault("drop", when="after_commit", match={"method": "POST"}, times=1)
    world.settle(120, rounds=2)
    assert {settling for _, _, settling in lanes(world).values()} == {1}


def test_parked_rows_are_counted_by_reason(world: World) -> None:
    """And not among those that wait."""
    world.contact(NUMBER)
    world.sync()
    world.fault("row_error", code="FIELD_CUSTOM_VALIDATION_EXCEPTION", message="no")
    world.receive(world.outbound(NUMBER, "SM1"))
    world.settle()
    found = look(world)
    assert set(found.crms[CRM].parked) == {"validation"}
    assert found.parked == sum(found.crms[CRM].parked.values()) > 0
    assert lanes(world) == {}


def test_a_crm_that_does_not_answer_is_left_alone_for_a_reason(world: World) -> None:
    """Until an instant, after which the pause is over."""
    world.contact(NUMBER)
    world.sync()
    world.receive(world.reply(NUMBER, "SM1"))
    world.process()
    world.fault("status", status=503)
    world.advance(61)
    world.deliver()
    pause = crm(world).pause
    assert pause is not None
    assert (pause.until > world.now, bool(pause.why)) == (True, True)
    world.advance((pause.until - world.now).total_seconds())
    assert crm(world).pause is None


def test_texts_without_a_person_are_counted_by_why(world: World) -> None:
    """Unknown numbers and shared ones."""
    for _ in range(2):
        world.contact(NUMBER)
    world.sync()
    world.receive(world.reply(NUMBER, "SM1"), world.reply("+12025550199", "SM2"))
    world.process()
    assert crm(world).unmatched == {"shared": 1, "unknown": 1}


def test_a_number_that_says_no_twice_counts_once(world: World) -> None:
    """Suppressions are numbers, not texts."""
    world.receive(
        world.reply(NUMBER, "SM1", "STOP"),
        world.reply(NUMBER, "SM2", "STOP"),
        world.reply("+12025550199", "SM3", "stop"),
    )
    assert look(world).suppressions == 2


def test_a_pull_that_brings_nothing_keeps_the_mirror_young(world: World) -> None:
    """Its age is when it was last looked at, not when something last changed."""
    world.contact(NUMBER)
    world.sync()
    first = crm(world).mirror["people:Contact"]
    world.advance(3600)
    world.sync()
    assert crm(world).mirror["people:Contact"] == first + timedelta(hours=1) == world.now


def test_rows_of_a_crm_that_is_not_in_the_settings_are_seen(world: World) -> None:
    """Those that wait and those that are parked, which count as parked ones."""
    world.contact(NUMBER)
    world.sync()
    world.fault("row_error", code="FIELD_CUSTOM_VALIDATION_EXCEPTION", message="no")
    world.receive(world.outbound(NUMBER, "SM1"))
    world.settle()
    here = look(world)
    world.receive(world.reply(NUMBER, "SM2"))
    world.process()
    found = overview(world.app.ledger, ["sales"], world.now)
    assert here.left_behind == {}
    assert found.left_behind == {CRM: LeftBehind(waiting=4, parked=here.parked)}
    assert found.parked == here.parked > 0
    assert not found.is_well
