"""What an outcome means for its row: leave, wait, settle later, or park."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from crm_sms.delivery.pace import back_off_s
from crm_sms.delivery.response import Blame, Response, is_silent
from crm_sms.records import Outcome, Reason, State, Verdict

_OFTEN = 10

_GIVE_UP_AFTER: Mapping[Reason, int] = {
    Reason.LOCKED: _OFTEN,
    Reason.UNAVAILABLE: _OFTEN,
    Reason.QUOTA: _OFTEN,
    Reason.TOO_LARGE: _OFTEN,
    Reason.UNCLEAR: _OFTEN,
    Reason.AUTOMATION: 2,  # one more among few, one alone: a trigger may fail only in bulk
    Reason.DUPLICATE: 3,  # a race on our own key is over by then
    Reason.FIELD: 1,  # hidden since it was described: one more try with a fresh description
}
"""After how many tries a reason that may pass is taken to stay; tries that were not the row's fault
are not counted."""

_IN_DOUBT = 10
"""So many times more tries are given while nobody knows that the CRM writes anything: an org that
can only be read for some hours parks nothing."""


class Tried(Protocol):
    """What has become of a row so far: tries, whether one of them may have committed unseen, until
    when such a one may still commit; and whether its record is made once."""

    @property
    def tries(self) -> int: ...
    @property
    def maybe(self) -> bool: ...
    @property
    def rewrite_at(self) -> datetime | None: ...
    @property
    def create_only(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request as all of its rows see it. `late_commit` is how long after it a write may still
    commit; `jitter` gives numbers between 0 and 1."""

    began: datetime
    ended: datetime
    late_commit: timedelta
    jitter: Callable[[], float]
    response: Response


@dataclass(frozen=True, slots=True)
class Settlement:
    """What becomes of one row, and the verdict that stands.

    Without `state` it is done and leaves, unless it has changed meanwhile. A row that has changed
    is due by its own window, if `not_before` lets it; for others `due_at` is `not_before` unless
    given.
    """

    state: State | None
    not_before: datetime
    verdict: Verdict = Verdict.RETRY
    due_at: datetime | None = None
    maybe: bool = False
    rewrite_at: datetime | None = None
    tries: int = 0
    reason: Reason | None = None
    detail: str = ""
    crm_id: str | None = None


def settlement(row: Tried, outcome: Outcome, attempt: Attempt) -> Settlement:
    """One row's fate. After an unclear outcome or a lost lease, a record that is written again and
    again stays until no late writer can be under way, whatever the retry says."""
    verdict = _final(row, outcome, attempt)
    if verdict is Verdict.DONE:
        return _done(row, outcome, attempt)
    unclear = outcome.verdict is Verdict.MAYBE
    counted = _is_own(outcome, attempt)
    wait = 0.0 if verdict is Verdict.PARK else _wait_s(row, outcome, attempt, counted)
    return Settlement(
        State.PARKED if verdict is Verdict.PARK else State.WAITING,
        attempt.ended + timedelta(seconds=wait),
        verdict,
        maybe=unclear or row.maybe,
        rewrite_at=attempt.ended + attempt.late_commit if unclear else row.rewrite_at,
        tries=row.tries + counted,
        reason=_reason(outcome, verdict),
        detail=outcome.detail,
    )


def _final(row: Tried, outcome: Outcome, attempt: Attempt) -> Verdict:
    if outcome.verdict is Verdict.DONE:
        return Verdict.DONE
    if outcome.verdict is Verdict.PARK:
        described = outcome.reason is Reason.FIELD and outcome.fields
        return Verdict.RETRY if described and row.tries == 0 else Verdict.PARK
    unclear = outcome.verdict is Verdict.MAYBE
    allowed = _GIVE_UP_AFTER.get(Reason.UNCLEAR if unclear else outcome.reason or Reason.UNKNOWN)
    if allowed is None or not _is_own(outcome, attempt):
        return outcome.verdict
    patience = _IN_DOUBT if attempt.response.blame is Blame.DOUBT else 1
    return Verdict.PARK if row.tries >= allowed * patience else outcome.verdict


def _is_own(outcome: Outcome, attempt: Attempt) -> bool:
    """Whether a try says something of the row: what nobody answered does only of one that was
    alone."""
    if attempt.response.blame is Blame.CRM and is_silent(outcome):
        return False
    return attempt.response.lone or outcome.verdict is not Verdict.MAYBE


def _wait_s(row: Tried, outcome: Outcome, attempt: Attempt, counted: bool) -> float:
    """A row keeps its place while the CRM is at fault; but one that may be what leaves requests
    without an answer lets the others go first, so that it is found in the end."""
    if counted:
        return max(outcome.wait_s, back_off_s(row.tries, attempt.jitter()))
    if outcome.verdict is Verdict.MAYBE:
        return attempt.response.pause_s + max(outcome.wait_s, back_off_s(0, attempt.jitter()))
    return 0.0


def _reason(outcome: Outcome, verdict: Verdict) -> Reason | None:
    if verdict is not Verdict.PARK:
        return outcome.reason
    return Reason.UNCLEAR if outcome.verdict is Verdict.MAYBE else outcome.reason or Reason.UNKNOWN


def _done(row: Tried, outcome: Outcome, attempt: Attempt) -> Settlement:
    done, now, again = Verdict.DONE, attempt.ended, row.rewrite_at
    if again is not None and again > attempt.began and not row.create_only:
        return Settlement(
            State.SETTLING, now, done, due_at=again, rewrite_at=again, crm_id=outcome.crm_id
        )
    return Settlement(None, now, done, crm_id=outcome.crm_id)
