"""What an outcome means for its row: leave, wait, settle later, or park. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from crm_sms.delivery.pace import back_off_s
from crm_sms.ledger.claims import Settlement, Turn
from crm_sms.ledger.outbox import OutboxRow, State
from crm_sms.records import Outcome, Reason, Verdict

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


@dataclass(frozen=True, slots=True)
class Settled:
    """A settlement and what led to it; `crm_wait_s` asks to leave the whole CRM alone."""

    settlement: Settlement
    verdict: Verdict
    crm_id: str | None = None
    crm_wait_s: float = 0.0


def settlement(
    row: OutboxRow,
    outcome: Outcome,
    now: datetime,
    turn: Turn,
    jitter: Callable[[], float],
    *,
    silent: bool = False,
) -> Settled:
    """One row's fate. After an unclear outcome or a lost lease, a record that is written again and
    again stays until no late writer can be under way, whatever the retry says.

    `silent` says that no row of the request got an answer.
    """
    whole = silent and outcome.reason in _WHOLE_CRM and outcome.verdict is Verdict.RETRY
    verdict = outcome.verdict if whole else _final(row, outcome)
    if verdict is Verdict.DONE:
        return Settled(_done(row, turn, now), verdict, outcome.crm_id)
    if verdict is Verdict.PARK:
        parked = Settlement(
            row,
            State.PARKED,
            now,
            maybe=row.maybe,
            rewrite_at=row.rewrite_at,
            tries=row.tries + 1,
            reason=outcome.reason or Reason.UNKNOWN,
            detail=outcome.detail,
        )
        return Settled(parked, verdict)
    return _again(row, outcome, verdict, now, turn, 0.0 if whole else jitter(), whole)


def _final(row: OutboxRow, outcome: Outcome) -> Verdict:
    if outcome.verdict in (Verdict.DONE, Verdict.MAYBE):
        return outcome.verdict
    if outcome.reason is Reason.FIELD and row.tries == 0 and outcome.fields:
        return Verdict.RETRY
    allowed = _GIVE_UP_AFTER.get(outcome.reason) if outcome.reason else None
    if outcome.verdict is Verdict.RETRY and allowed is not None and row.tries >= allowed:
        return Verdict.PARK
    return outcome.verdict


def _done(row: OutboxRow, turn: Turn, now: datetime) -> Settlement:
    late = row.rewrite_at is not None and row.rewrite_at > turn.now and not row.create_only
    if late and row.rewrite_at:
        return Settlement(
            row, State.SETTLING, now, due_at=row.rewrite_at, rewrite_at=row.rewrite_at
        )
    return Settlement(row, None, now)


def _again(
    row: OutboxRow,
    outcome: Outcome,
    verdict: Verdict,
    now: datetime,
    turn: Turn,
    jitter: float,
    whole: bool,
) -> Settled:
    unclear = verdict is Verdict.MAYBE
    wait = 0.0 if whole else max(outcome.wait_s, back_off_s(row.tries, jitter))
    settled = Settlement(
        row,
        State.WAITING,
        now + timedelta(seconds=wait),
        maybe=unclear or row.maybe,
        rewrite_at=now + turn.late_commit if unclear else row.rewrite_at,
        tries=row.tries + (not whole),
        reason=outcome.reason,
        detail=outcome.detail,
    )
    return Settled(settled, verdict, crm_wait_s=outcome.wait_s if whole else 0.0)
