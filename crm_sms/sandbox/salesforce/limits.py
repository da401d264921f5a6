"""Allowances of the org: calls, query jobs, storage."""

from __future__ import annotations

from crm_sms.sandbox.salesforce.calls import Answer, Call
from crm_sms.sandbox.salesforce.desk import Desk
from crm_sms.sandbox.salesforce.jobs import MOST_A_DAY
from crm_sms.sandbox.salesforce.org import Org

STORAGE_MB = 10_240
KB_A_RECORD = 2
"""What a record takes of the storage, whatever is in it."""
_STORED = ("Account", "Contact", "Lead", "Opportunity", "Task", "SMS_Message__c")
"""Objects whose records count; history, roles and users do not."""


def limits(desk: Desk, call: Call) -> Answer:
    """What there is and what is left of it."""
    used, most = desk.limits()
    jobs = desk.jobs.used(desk.org.now())
    return Answer(
        body={
            "DailyApiRequests": _entry(most, used),
            "DailyBulkApiBatches": _entry(15_000, 0),
            "DailyBulkV2QueryFileStorageMB": _entry(976_562, 0),
            "DailyBulkV2QueryJobs": _entry(MOST_A_DAY, jobs),
            "DataStorageMB": _entry(STORAGE_MB, _stored_mb(desk.org)),
            "FileStorageMB": _entry(STORAGE_MB, 0),
        }
    )


def _entry(most: int, used: int) -> dict[str, int]:
    return {"Max": most, "Remaining": max(most - used, 0)}


def _stored_mb(org: Org) -> int:
    """Whole megabytes, of records that are not in the recycle bin."""
    tables = [org.tables[name].rows.values() for name in _STORED if name in org.tables]
    records = sum(not row.get("IsDeleted") for rows in tables for row in rows)
    return records * KB_A_RECORD // 1024
