"""The last moment before a request leaves: its rows are still ours, and what it carries is kept."""

from __future__ import annotations

from collections.abc import Sequence

from crm_sms.delivery.chunks import Request, pack
from crm_sms.delivery.rules import sent_with
from crm_sms.ledger.claims import Turn
from crm_sms.ledger.leased import held, keep_sent
from crm_sms.use_cases.deliver.deciding import Work
from crm_sms.use_cases.deliver.preparing import Prepared
from crm_sms.use_cases.deliver.words import Delivery


def leave(
    delivery: Delivery, turn: Turn, prepared: Sequence[Prepared], work: Work, size: int
) -> Request:
    """The request of at most `size` rows, without those that somebody else took over meanwhile."""
    ledger = delivery.ledger
    wanted = {id for parcel in work.parcels for id in parcel.ids}
    with ledger.write("deliver.leave", give_way=True) as connection:
        # Excludes whoever claims: a row that is taken over either stays here, or comes to the
        # other one with what we are about to send, which is no rep's edit.
        ledger.lock(connection, [f"claim:{turn.crm}"])
        mine = held(connection, turn.holder, wanted)
        ours = [parcel for parcel in work.parcels if mine.issuperset(parcel.ids)]
        request = pack(ours, delivery.crm.limits, size)
        keep_sent(connection, turn.holder, _new_values(request, prepared, work))
    return request


def _new_values(
    request: Request, prepared: Sequence[Prepared], work: Work
) -> dict[int, dict[str, list[str]]]:
    """By row, what may be in the CRM once the request has left, where that is more than before."""
    leaving = {id for box in request.parcels for parcel in box for id in parcel.ids}
    rows = {one.claimed.id: one.row for one in prepared if one.claimed.id in leaving}
    sent = {id: sent_with(row, work.fields[id]) for id, row in rows.items()}
    return {id: values for id, values in sent.items() if values != rows[id].sent}
