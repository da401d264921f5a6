"""What the outcomes of a request say of the CRM: whose fault no answer is, and how to go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from crm_sms.delivery.pace import Pace
from crm_sms.ports import CrmLimits
from crm_sms.records import Outcome, Reason, Verdict


class Blame(StrEnum):
    """Whose fault it is that a row was not written.

    CRM: everything waits, and no row is counted a try. ROW: others are written. DOUBT: the CRM
    answers, but nobody knows whether it would write another row.
    """

    CRM = "crm"
    ROW = "row"
    DOUBT = "doubt"


@dataclass(frozen=True, slots=True)
class Response:
    """How a CRM took a request. `lone`: it carried one record; `blame` is for rows without an
    answer; `pause_s` is how long the CRM is to be left alone."""

    pace: Pace
    blame: Blame = Blame.ROW
    lone: bool = False
    pause_s: float = 0.0


def response(
    pace: Pace,
    limits: CrmLimits,
    outcomes: Sequence[Outcome],
    *,
    elapsed_s: float,
    tries: int = 0,
    read: bool = False,
) -> Response:
    """`outcomes` are those of all that was written. If it was one record, `tries` is how often it
    failed by itself before; `read` says that the CRM answered a question just before."""
    lone, silent = len(outcomes) == 1, all(map(is_silent, outcomes))
    after = pace.after(
        limits,
        carried=len(outcomes),
        elapsed_s=elapsed_s,
        struggled=any(outcome.shrink for outcome in outcomes),
        unanswered=silent,
    )
    if not silent:
        return Response(after, lone=lone)
    blame = _blame(outcomes[0], pace.failures, tries, read=read) if lone else Blame.CRM
    asked = max(outcome.wait_s for outcome in outcomes) if blame is Blame.CRM else 0.0
    pause = 0.0 if read and blame is not Blame.CRM else max(after.pause_s, asked)
    return Response(after, blame, lone, pause)


def _blame(outcome: Outcome, failures: int, tries: int, *, read: bool) -> Blame:
    """An outage must never be taken for a row's fault, or everything would park; and a row that
    breaks each request must not be taken for an outage, or nothing would be written any more."""
    if failures == 0:  # the request before was answered; but calls that ran out are no row's fault
        return Blame.ROW if read or outcome.reason is not Reason.QUOTA else Blame.CRM
    # With more failures than tries, other rows went unanswered too.
    return Blame.DOUBT if read and failures <= tries else Blame.CRM


def is_silent(outcome: Outcome) -> bool:
    """Whether this could be the word of a CRM that is down."""
    if outcome.verdict is Verdict.RETRY:
        return outcome.reason in (Reason.UNAVAILABLE, Reason.QUOTA)
    return outcome.verdict is Verdict.MAYBE
