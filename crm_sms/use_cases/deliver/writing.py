"""The write itself, and what it teaches of the CRM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from crm_sms.delivery.chunks import Request, merged
from crm_sms.delivery.response import Response, response
from crm_sms.delivery.throttle import Throttle
from crm_sms.errors import TryLater
from crm_sms.ledger.claims import Turn
from crm_sms.records import Outcome, Reason, Usage
from crm_sms.use_cases.deliver.deciding import Work
from crm_sms.use_cases.deliver.leaving import leave
from crm_sms.use_cases.deliver.looking import ask
from crm_sms.use_cases.deliver.preparing import Prepared
from crm_sms.use_cases.deliver.words import Delivery
from crm_sms.use_cases.descriptions import forget_described


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request as a whole; the outcome of each row is in its `Work`. `crm_at` is
    when the CRM answered by its own clock."""

    throttle: Throttle
    response: Response
    calls: int = 0
    usage: Usage | None = None
    crm_at: datetime | None = None


def write(
    delivery: Delivery,
    turn: Turn,
    throttle: Throttle,
    part: Sequence[Prepared],
    work: Work,
    *,
    read: bool,
) -> Answer:
    """Send what was decided; `read` says that the CRM has just answered a look."""
    ids = {id for parcel in work.parcels for id in parcel.ids}
    tries = max(one.claimed.tries for one in part if one.claimed.id in ids)
    if 0 < throttle.pace.failures <= tries and not read and len(merged(work.parcels)) == 1:
        # Is the CRM down, or does it not get over this row? It says so by answering a question.
        ask(delivery, part[0])
        read = True
    parcels = leave(delivery, turn, part, work, throttle.pace.size)
    limits, started = delivery.crm.limits, delivery.clock()
    latest = turn.lease_until - timedelta(seconds=limits.write_timeout_s)
    if not turn.now <= started < latest:  # before `now` if the clock went back
        raise TryLater("looking up took too long for this lease")
    if not parcels.chunks:
        return Answer(throttle, Response(throttle.pace))
    result = delivery.crm.write(parcels.chunks)
    work.outcomes |= _by_id(parcels, result.outcomes)
    every = [outcome for chunk in result.outcomes for outcome in chunk]
    if any(outcome.reason is Reason.FIELD for outcome in every):
        forget_described(delivery.ledger, delivery.name)
    ended = delivery.clock()
    elapsed_s = (ended - started).total_seconds()
    heard = response(throttle.pace, limits, every, elapsed_s=elapsed_s, tries=tries, read=read)
    why = ", ".join(sorted({outcome.reason or "no answer" for outcome in every}))
    throttle = replace(throttle, pace=heard.pace).resting(ended, heard.pause_s, why)
    return Answer(throttle, heard, result.calls, result.usage, result.at)


def _by_id(request: Request, outcomes: Sequence[Sequence[Outcome]]) -> dict[int, Outcome]:
    return {
        id: outcome
        for parcels, results in zip(request.parcels, outcomes, strict=True)
        for parcel, outcome in zip(parcels, results, strict=True)
        for id in parcel.ids
    }
