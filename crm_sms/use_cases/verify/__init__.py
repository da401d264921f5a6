"""Does the CRM hold what the ledger says? Compared field by field; nothing is written."""

from crm_sms.use_cases.verify.run import calls_needed, verify
from crm_sms.use_cases.verify.words import (
    DIFFERENCES,
    Finding,
    Kind,
    Verifying,
    VerifyReport,
)

__all__ = [
    "DIFFERENCES",
    "Finding",
    "Kind",
    "VerifyReport",
    "Verifying",
    "calls_needed",
    "verify",
]
