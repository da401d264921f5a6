"""What an outcome means for its row: every verdict, reason and number of tries."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from crm_sms.delivery.pace import Pace
from crm_sms.delivery.response import Blame, Response
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
TRIES = (0, 1, 2, 3, 4, 9, 10, 99, 100)
SILENT = (Reason.UNAVAILABLE, Reason.QUOTA)
STAYS_AFTER = {
    Reason.AUTOMATION: 2,
    Reason.DUPLICATE: 3,
    Reason.FIELD: 1,
    Reason.LOCKED: 10,
    Reason.UNAVAILABLE: 10,
    Reason.QUOTA: 10,
    Reason.TOO_LARGE: 10,
    Reason.UNCLEAR: 10,
}
RESPONSES = {
    "among others": Response(Pace(10)),
    "alone": Response(Pace(10), lone=True),
    "alone, the CRM reads": Response(Pace(10), Blame.DOUBT, lone=True),
    "the CRM is silent": Response(Pace(10), Blame.CRM, pause_s=8),
    "alone, the CRM is silent": Response(Pace(10), Blame.CRM, lone=True, pause_s=8),
}
HERE = RESPONSES["among others"]


def settled(
    row: Row, outcome: Outcome, jitter: float = 1.0, response: Response = HERE
) -> Settlement:
    """The fate of a row at the end of its request."""
    return settlement(row, outcome, Attempt(NOW, ENDED, LATE, lambda: jitter, response))


def is_counted(verdict: Verdict, reason: Reason | None, response: Response) -> bool:
    """Whether a try speaks against the row."""
    if verdict is Verdict.MAYBE:
        return response.lone and response.blame is not Blame.CRM
    silent = verdict is Verdict.RETRY and reason in SILENT
    return not (silent and response.blame is Blame.CRM)


def expected(
    verdict: Verdict, reason: Reason | None, tries: int, named: bool, response: Response
) -> Verdict:
    """The verdict that stands, as the words of each rule have it."""
    if verdict is Verdict.PARK and reason is Reason.FIELD and named and tries == 0:
        return Verdict.RETRY  # with a fresh description
    if verdict in (Verdict.DONE, Verdict.PARK) or not is_counted(verdict, reason, response):
        return verdict
    counts_as = Reason.UNCLEAR if verdict is Verdict.MAYBE else reason
    most = STAYS_AFTER.get(counts_as, 1000) * (10 if response.blame is Blame.DOUBT else 1)
    return Verdict.PARK if tries >= most else verdict


@pytest.mark.parametrize("response", RESPONSES.values(), ids=RESPONSES)
@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("reason", [None, *Reason])
def test_every_outcome_has_its_fate(
    verdict: Verdict, reason: Reason | None, response: Response
) -> None:
    """Done leaves, park stays, anything else waits again; the rest follows from that."""
    for tries, named in product(TRIES, (False, True)):
        fields = ("F",) if named else ()
        outcome = Outcome(verdict, reason=reason, detail="words", fields=fields)
        after = settled(replace(ROW, tries=tries), outcome, response=response)
        stands = expected(verdict, reason, tries, named, response)
        assert after.verdict is stands
        if stands is Verdict.DONE:
            assert (after.state, after.maybe, after.rewrite_at) == (None, False, None)
            continue
        unclear = verdict is Verdict.MAYBE
        assert (after.maybe, after.rewrite_at) == (unclear, ENDED + LATE if unclear else None)
        assert after.detail == "words"
        assert after.tries == tries + is_counted(verdict, reason, response)
        if stands is Verdict.PARK:
            assert (after.state, after.not_before) == (State.PARKED, ENDED)
            assert after.reason == (Reason.UNCLEAR if unclear else reason or Reason.UNKNOWN)
        else:
            assert (after.state, after.reason) == (State.WAITING, reason)


@pytest.mark.parametrize(("tries", "seconds"), [(0, 1), (1, 2), (5, 32), (9, 300), (50, 300)])
def test_a_row_backs_off_longer_with_every_try(tries: int, seconds: float) -> None:
    """Up to five minutes; half of that with the least jitter."""
    row, outcome = replace(ROW, tries=tries), Outcome(Verdict.RETRY, reason=Reason.VALIDATION)
    for jitter, share in ((1.0, 1.0), (0.0, 0.5)):
        wait = settled(row, outcome, jitter).not_before - ENDED
        assert wait == timedelta(seconds=seconds * share)


@pytest.mark.parametrize("reason", SILENT)
def test_a_failing_crm_is_not_the_row_s_fault(reason: Reason) -> None:
    """While nothing answers the row keeps its place and its tries."""
    silent = RESPONSES["the CRM is silent"]
    found = settled(ROW, Outcome(Verdict.RETRY, reason=reason, wait_s=90), response=silent)
    assert (found.not_before, found.tries) == (ENDED, 0)


@pytest.mark.parametrize("response", RESPONSES.values(), ids=RESPONSES)
def test_a_row_that_may_break_requests_lets_the_others_go_first(response: Response) -> None:
    """Its next try comes after the CRM's pause, when rows that were not with it are free."""
    found = settled(ROW, Outcome(Verdict.MAYBE), response=response)
    assert found.not_before == ENDED + timedelta(seconds=response.pause_s + 1)


@pytest.mark.parametrize("reason", SILENT)
def test_a_row_that_fails_where_others_pass_is_at_fault(reason: Reason) -> None:
    """It backs off by itself, and parks in the end."""
    outcome = Outcome(Verdict.RETRY, reason=reason, wait_s=90)
    found = settled(ROW, outcome)
    assert (found.not_before, found.tries) == (ENDED + timedelta(0, 90), 1)
    assert settled(replace(ROW, tries=10), outcome).verdict is Verdict.PARK


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
