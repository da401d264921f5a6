"""What an outcome means for its row: every verdict, reason and number of tries."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from crm_sms.delivery.settling import Attempt, Settlement, settlement
from crm_sms.records import Outcome, Reason, State, Verdict

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
LATE = timedelta(minutes=11)
ENDED = NOW + timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Row:
    """A row that was never tried."""

    tries: int = 0
    maybe: bool = False
    rewrite_at: datetime | None = None
    create_only: bool = False


ROW = Row()
TRIES = (0, 1, 2, 3, 4, 9, 10)
WHOLE = (Reason.UNAVAILABLE, Reason.QUOTA)
STAYS_AFTER = {
    Reason.AUTOMATION: 1,
    Reason.DUPLICATE: 3,
    Reason.FIELD: 1,
    Reason.LOCKED: 10,
    Reason.UNAVAILABLE: 10,
    Reason.QUOTA: 10,
    Reason.TOO_LARGE: 10,
}


def settled(row: Row, outcome: Outcome, jitter: float = 1.0, *, silent: bool = False) -> Settlement:
    """The fate of a row at the end of its request."""
    return settlement(row, outcome, Attempt(NOW, ENDED, LATE, lambda: jitter, silent))


def expected(
    verdict: Verdict, reason: Reason | None, tries: int, named: bool, silent: bool
) -> Verdict:
    """The verdict that stands, as the words of each rule have it."""
    if verdict in (Verdict.DONE, Verdict.MAYBE) or (silent and reason in WHOLE):
        return verdict
    if reason is Reason.FIELD and named and tries == 0:
        return Verdict.RETRY  # with a fresh description
    if verdict is Verdict.RETRY and tries >= STAYS_AFTER.get(reason, tries + 1):
        return Verdict.PARK
    return verdict


@pytest.mark.parametrize(
    ("verdict", "reason", "tries", "named", "silent"),
    list(product(Verdict, [None, *Reason], TRIES, [False, True], [False, True])),
)
def test_every_outcome_has_its_fate(
    verdict: Verdict, reason: Reason | None, tries: int, named: bool, silent: bool
) -> None:
    """Done leaves, park stays, anything else waits again; the rest follows from that."""
    outcome = Outcome(verdict, reason=reason, detail="words", fields=("F",) if named else ())
    after = settled(replace(ROW, tries=tries), outcome, silent=silent)
    stands = expected(verdict, reason, tries, named, silent)
    assert after.verdict is stands
    match stands:
        case Verdict.DONE:
            assert (after.state, after.maybe, after.rewrite_at) == (None, False, None)
        case Verdict.PARK:
            assert (after.state, after.not_before) == (State.PARKED, ENDED)
            assert after.reason == (reason or Reason.UNKNOWN)
            assert (after.detail, after.tries) == ("words", tries + 1)
        case Verdict.MAYBE:
            assert (after.state, after.maybe) == (State.WAITING, True)
            assert after.rewrite_at == ENDED + LATE
            assert after.tries == tries + 1
        case Verdict.RETRY:
            assert (after.state, after.maybe, after.rewrite_at) == (State.WAITING, False, None)
            assert after.tries == tries + (not (silent and reason in WHOLE))


@pytest.mark.parametrize(("tries", "seconds"), [(0, 1), (1, 2), (5, 32), (9, 300)])
@pytest.mark.parametrize("verdict", [Verdict.RETRY, Verdict.MAYBE])
def test_a_row_backs_off_longer_with_every_try(
    verdict: Verdict, tries: int, seconds: float
) -> None:
    """Half of that with the least jitter."""
    row, outcome = replace(ROW, tries=tries), Outcome(verdict, reason=Reason.LOCKED)
    for jitter, share in ((1.0, 1.0), (0.0, 0.5)):
        wait = settled(row, outcome, jitter).not_before - ENDED
        assert wait == timedelta(seconds=seconds * share)


@pytest.mark.parametrize("reason", WHOLE)
def test_a_failing_crm_is_not_the_row_s_fault(reason: Reason) -> None:
    """While nothing answers the row keeps its place and its tries; the wait is the CRM's."""
    found = settled(ROW, Outcome(Verdict.RETRY, reason=reason, wait_s=90), silent=True)
    assert (found.not_before, found.tries) == (ENDED, 0)
    assert found.crm_wait_s == 90


@pytest.mark.parametrize("reason", WHOLE)
def test_a_row_that_fails_where_others_pass_is_at_fault(reason: Reason) -> None:
    """It backs off by itself, asks for no pause, and parks in the end."""
    outcome = Outcome(Verdict.RETRY, reason=reason, wait_s=90)
    found = settled(ROW, outcome)
    assert (found.not_before, found.tries) == (ENDED + timedelta(0, 90), 1)
    assert found.crm_wait_s == 0
    assert settled(replace(ROW, tries=10), outcome).verdict is Verdict.PARK


def test_a_row_that_stays_unclear_backs_off_no_longer_than_five_minutes() -> None:
    """However often it was tried: an unclear row never parks."""
    wait = settled(replace(ROW, tries=50), Outcome(Verdict.MAYBE)).not_before - ENDED
    assert wait == timedelta(seconds=300)


def test_a_row_waits_at_least_as_long_as_it_was_told() -> None:
    """A longer back-off of our own stands."""
    told = Outcome(Verdict.RETRY, reason=Reason.LOCKED, wait_s=20)
    assert settled(ROW, told).not_before == ENDED + timedelta(seconds=20)
    tired = replace(ROW, tries=9)
    assert settled(tired, told).not_before == ENDED + timedelta(seconds=300)


@pytest.mark.parametrize("verdict", [Verdict.RETRY, Verdict.PARK])
def test_what_may_have_been_written_is_not_forgotten(verdict: Verdict) -> None:
    """A clear answer to a later try says nothing of the earlier request."""
    before = replace(ROW, maybe=True, rewrite_at=NOW + LATE)
    after = settled(before, Outcome(verdict, reason=Reason.LOCKED))
    assert (after.maybe, after.rewrite_at) == (True, NOW + LATE)


def test_a_second_unclear_outcome_moves_the_rewrite() -> None:
    """The later request may commit later."""
    before = replace(ROW, maybe=True, rewrite_at=NOW - timedelta(minutes=1))
    after = settled(before, Outcome(Verdict.MAYBE))
    assert (after.maybe, after.rewrite_at) == (True, ENDED + LATE)


def test_done_while_a_late_writer_may_come_is_written_once_more() -> None:
    """At the instant from which none can be under way."""
    row = replace(ROW, maybe=True, rewrite_at=NOW + LATE, tries=3)
    after = settled(row, Outcome(Verdict.DONE))
    assert (after.state, after.due_at) == (State.SETTLING, NOW + LATE)
    assert after.not_before == ENDED, "news need not wait for it"
    assert (after.maybe, after.rewrite_at) == (False, NOW + LATE)


@pytest.mark.parametrize("late_s", [0, -1, 2])
def test_the_rewrite_is_judged_by_the_time_of_the_claim(late_s: float) -> None:
    """A row that was claimed a moment too early for its rewrite is not taken for rewritten, though
    the moment has passed when the answer comes."""
    row = replace(ROW, rewrite_at=NOW + timedelta(seconds=late_s))
    after = settled(row, Outcome(Verdict.DONE))
    assert after.state is (State.SETTLING if late_s > 0 else None)


def test_a_record_that_is_made_once_is_not_rewritten() -> None:
    """There is nothing of it that a late writer could set back."""
    row = replace(ROW, create_only=True, maybe=True, rewrite_at=NOW + LATE)
    assert settled(row, Outcome(Verdict.DONE)).state is None


def test_the_crm_s_id_is_handed_on() -> None:
    """Others refer to the record by it."""
    assert settled(ROW, Outcome(Verdict.DONE, crm_id="a01")).crm_id == "a01"
