"""Rows that could not be written: what to do about each reason, and doing it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from crm_sms.ledger import Ledger
from crm_sms.ledger import parked as rows
from crm_sms.ledger.parked import Parked
from crm_sms.ledger.slices import slices
from crm_sms.records import Reason
from crm_sms.use_cases.descriptions import forget_described
from crm_sms.use_cases.process.replanning import forget_planned

REMEDIES: Mapping[Reason, str] = {
    Reason.LOCKED: "somebody else kept changing the record or its account; wait until that job is "
    "done, then retry",
    Reason.UNAVAILABLE: "the CRM kept failing on this record alone; retry, and if it parks again "
    "have the cause found in the CRM",
    Reason.UNCLEAR: "the CRM never said whether it wrote this record; look whether it is there, "
    "have found what keeps the CRM from answering, then retry: it is looked up first",
    Reason.QUOTA: "a limit of the CRM stopped this record; see in the detail which, and retry when "
    "there is room",
    Reason.TOO_LARGE: "even alone the record takes the CRM's automation too long; have the "
    "trigger or flow made lighter, then retry",
    Reason.AUTOMATION: "a trigger or flow of the CRM failed on the record; have it corrected, "
    "then retry",
    Reason.DUPLICATE: "another record has the same unique value, or a duplicate rule forbids it; "
    "correct that record or the rule, then retry",
    Reason.DELETED: "the record is gone; restore it and retry, or drop the row",
    Reason.CONVERTED: "the lead was converted; pull people, then process: the texts follow",
    Reason.REFERENCE: "what the record names is gone; pull people, which plans it again without; "
    "if it stays, mend what the detail names and retry, or drop the row",
    Reason.VALIDATION: "a validation rule or required field refused the record; exempt the "
    "integration user or correct the record, then retry",
    Reason.FIELD: "a field is missing, hidden or changed; run crm-sms doctor, correct it, then "
    "retry",
    Reason.ACCESS: "the integration user may not edit the record; give it access, then retry",
    Reason.OWNER: "the owner is inactive or cannot own such records; change the owner or "
    "tasks.fallback_owner, then retry",
    Reason.DATA: "a value does not fit its field; correct the mapping or the field, then retry",
    Reason.SETUP: "the mapping or the CRM's set-up is wrong; run crm-sms doctor, correct it, "
    "then retry",
    Reason.UNKNOWN: "the CRM gave an answer that we do not know; read the detail, correct what it "
    "names, then retry",
}
"""What an admin does about each reason; docs/parked.md says more of each."""


@dataclass(frozen=True, slots=True)
class Picked:
    """Rows that were picked by id or reason: how many were handled, and ids that are not parked."""

    rows: int
    missing: tuple[int, ...]


def parked(ledger: Ledger, reason: Reason | None = None) -> list[Parked]:
    """All parked rows, or those with this reason; the most urgent lane first, then the oldest."""
    with ledger.read() as connection:
        return rows.parked(connection, reason=reason)


def retry(ledger: Ledger, ids: Collection[int], now: datetime) -> Picked:
    """Have these rows written again; what could not be planned is planned anew.

    Each slice of them is a commit: cut off, it leaves the rest parked. Their CRMs are asked anew
    what their fields are, since that is what the remedy may have changed.
    """
    found = _among(parked(ledger), ids)
    for crm in sorted(set(found.values())):
        forget_described(ledger, crm)
    count = 0
    for some in slices(sorted(found)):
        with ledger.write("parked", give_way=True) as connection:
            count += rows.retry(ledger, connection, some, now)
    return Picked(count, tuple(sorted(set(ids) - found.keys())))


def drop(ledger: Ledger, ids: Collection[int]) -> Picked:
    """Give these rows up for good, each slice in a commit. Their texts stay in the ledger."""
    found = _among(parked(ledger), ids)
    count = 0
    for some in slices(sorted(found)):
        with ledger.write("parked", give_way=True) as connection:
            count += rows.drop(connection, some)
    return Picked(count, tuple(sorted(set(ids) - found.keys())))


def drop_all_of(ledger: Ledger, crm: str) -> Picked:
    """Give up all rows of a CRM that is not in the settings, parked or not, each slice in a commit.

    Should it come back, every text is planned for it again.
    """
    count, last = 0, _SLICE
    while last == _SLICE:
        with ledger.write("parked", give_way=True) as connection:
            forget_planned(connection, crm)
            last = rows.drop_some_of(connection, crm, _SLICE)
        count += last
    return Picked(count, ())


_SLICE = 500
"""Rows a commit, so that webhooks need not wait."""


def _among(every: Collection[Parked], ids: Collection[int]) -> dict[int, str]:
    """The CRM of each row that is there."""
    wanted = set(ids)
    return {row.id: row.crm for row in every if row.id in wanted}
