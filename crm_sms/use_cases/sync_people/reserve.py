"""The calls of a CRM that are kept for opt-outs: a sync stops before it uses them."""

from __future__ import annotations

from crm_sms.delivery.windows import is_reserved
from crm_sms.errors import QuotaEnded
from crm_sms.ledger.throttles import usage_at
from crm_sms.use_cases.sync_people.words import Syncing


def keep_reserve(syncing: Syncing) -> None:
    """Raise QuotaEnded if only these are left, by what the CRM said last."""
    crm = syncing.planner.crm
    with syncing.ledger.read() as connection:
        usage = usage_at(connection, crm, syncing.clock())
    if usage and is_reserved(syncing.reserve, usage):
        raise QuotaEnded(
            f"{usage.used} of {usage.limit} calls to {crm} are used, and the rest is kept for "
            "opt-outs (windows.opt_out_quota): people are pulled again when calls have come back; "
            "if this happens often, raise worker.sync_s or the windows, or buy calls"
        )
