"""What an outcome means for its row: leave, wait, settle later, or park."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from crm_sms.delivery.pace import back_off_s
from crm_sms.records import Outcome, Reason, State, Verdict

_OFTEN = 10

_GIVE_UP_AFTER: Mapping[Reason, int] = {
    Reason.LOCKED: _OFTEN,
    Reason.UNAVAILABLE: _OFTEN,
    Reason.QUOTA: _OFTEN,
    Reason.TOO_LARGE: _OFTEN,
    Reason.AUTOMATION: 1,  # one more try in a small chunk: a trigger may fail only in bulk
    Reason.DUPLICATE: 3,  # a race on our own key is over by then
    Reason.FIELD: 1,  # hidden since it was described: one more try with a fresh description
}
"""After how many tries a reason that may pass is taken to stay; tries in which the whole CRM was
silent are not counted."""

_WHOLE_CRM = (Reason.UNAVAILABLE, Reason.QUOTA)
"""Not the row's fault if every row of the request got it: it keeps its place, and the pause is the
CRM's."""


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
    commit; `silent` says that no row got an answer; `jitter` gives numbers between 0 and 1."""

    began: datetime
    ended: datetime
    late_commit: timedelta
    jitter: Callable[[], float]
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Settlement:
    """What becomes of one row, and the verdict that stands.

    Without `state` it is done and leaves, unless it has changed meanwhile. A row that has changed
    is due by its own window, if `not_before` lets it; for others `due_at` is `not_before` unless
    given. `crm_wait_s` asks to leave the whole CRM alone.
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
    crm_wait_s: float = 0.0


def settlement(row: Tried, outcome: Outcome, attempt: Attempt) -> Settlement:
    """One row's fate. After an unclear outcome or a lost lease, a record that is written again and
    again stays until no late writer can be under way, whatever the retry says."""
    whole = attempt.silent and outcome.reason in _WHOLE_CRM and outcome.verdict is Verdict.RETRY
    verdict = outcome.verdict if whole else _final(row, outcome)
    if verdict is Verdict.DONE:
        return _done(row, outcome, attempt)
    if verdict is Verdict.PARK:
        return Settlement(
            State.PARKED,
            attempt.ended,
            verdict,
            maybe=row.maybe,
            rewrite_at=row.rewrite_at,
            tries=row.tries + 1,
            reason=outcome.reason or Reason.UNKNOWN,
            detail=outcome.detail,
        )
    return _again(row, outcome, attempt, whole)


def _final(row: Tried, outcome: Outcome) -> Verdict:
    if outcome.verdict in (Verdict.DONE, Verdict.MAYBE):
        return outcome.verdict
    if outcome.reason is Reason.FIELD and row.tries == 0 and outcome.fields:
        return Verdict.RETRY
    allowed = _GIVE_UP_AFTER.get(outcome.reason) if outcome.reason else None
    if outcome.verdict is Verdict.RETRY and allowed is not None and row.tries >= allowed:
        return Verdict.PARK
    return outcome.verdict


def _done(row: Tried, outcome: Outcome, attempt: Attempt) -> Settlement:
    done, now, again = Verdict.DONE, attempt.ended, row.rewrite_at
    if again is not None and again > attempt.began and not row.create_only:
        return Settlement(
            State.SETTLING, now, done, due_at=again, rewrite_at=again, crm_id=outcome.crm_id
        )
    return Settlement(None, now, done, crm_id=outcome.crm_id)


def _again(row: Tried, outcome: Outcome, attempt: Attempt, whole: bool) -> Settlement:
    unclear = outcome.verdict is Verdict.MAYBE
    wait = 0.0 if whole else max(outcome.wait_s, back_off_s(row.tries, attempt.jitter()))
    return Settlement(
        State.WAITING,
        attempt.ended + timedelta(seconds=wait),
        outcome.verdict if unclear else Verdict.RETRY,
        maybe=unclear or row.maybe,
        rewrite_at=attempt.ended + attempt.late_commit if unclear else row.rewrite_at,
        tries=row.tries + (not whole),
        reason=outcome.reason,
        detail=outcome.detail,
        crm_wait_s=outcome.wait_s if whole else 0.0,
    )
