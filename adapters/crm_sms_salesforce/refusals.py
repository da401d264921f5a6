"""Error answers that concern the org or our user, as the errors that the core knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from crm_sms.errors import AccessRefused, QuotaEnded, TryLater
from crm_sms.records import Reason, Verdict
from crm_sms_salesforce.faults import ApiError
from crm_sms_salesforce.verdicts import REFUSED_CODES, REFUSED_STATUSES, rule_for


def raise_if_refused(error: ApiError) -> None:
    """Raise AccessRefused for an answer that concerns the org or our user, not what was asked."""
    for fault in error.faults:
        if remedy := REFUSED_CODES.get(fault.code):
            raise AccessRefused(f"Salesforce refuses us: {fault.words}; {remedy}") from error
    if remedy := REFUSED_STATUSES.get(error.status):
        raise AccessRefused(f"Salesforce answered HTTP {error.status}: {remedy}") from error


@contextmanager
def reading() -> Iterator[None]:
    """Turns an ApiError of a call that only reads into AccessRefused, QuotaEnded or TryLater."""
    try:
        yield
    except ApiError as error:
        raise_if_refused(error)
        raise _reading_error(error) from error


def _reading_error(error: ApiError) -> AccessRefused | QuotaEnded | TryLater:
    if not error.faults or error.status >= 500:
        return TryLater(f"Salesforce answered {error}", wait_s=5)
    fault = error.faults[0]
    rule = rule_for(fault)
    if rule.reason is Reason.QUOTA:
        return QuotaEnded(f"Salesforce takes no more calls: {fault.words}", wait_s=rule.wait_s)
    if rule.verdict is Verdict.RETRY:
        return TryLater(f"Salesforce answered {fault.words}", wait_s=rule.wait_s)
    remedy = "give the run-as user's permission set access to what is named"
    return AccessRefused(f"Salesforce refuses to read: {fault.words}; {remedy}")
