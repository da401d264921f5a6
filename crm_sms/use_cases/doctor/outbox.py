"""What waits: events to be processed, records to be written, and those that nothing will write."""

from __future__ import annotations

from datetime import datetime

from crm_sms.ledger import Ledger, inbox
from crm_sms.ports import Finding
from crm_sms.use_cases.doctor.words import LATE, shown
from crm_sms.use_cases.status import CrmStatus, LeftBehind, what_to_do

_START = "start crm-sms worker, or have cron call crm-sms sync all"


def inbox_of(ledger: Ledger, now: datetime) -> Finding:
    """Whether somebody processes what comes in."""
    with ledger.read() as connection:
        events, since = inbox.backlog(connection)
    text = f"{events} events wait to be processed"
    if since is None or now - since < LATE:
        return Finding("inbox", True, text)
    remedy = f"{_START}; its log says what fails"
    return Finding("inbox", None, f"{text}, since {shown(since)}", remedy)


def parked(name: str, crm: CrmStatus) -> Finding:
    """Records that nothing writes until somebody acts."""
    counts = ", ".join(f"{rows} {reason}" for reason, rows in crm.parked.items())
    if not counts:
        return Finding(f"parked {name}", True, "nothing is parked")
    return Finding(f"parked {name}", None, counts, "crm-sms parked list says what to do")


def queue(name: str, crm: CrmStatus, now: datetime) -> Finding:
    """Whether somebody delivers what is due."""
    waiting, due = sum(q.waiting for q in crm.queues), sum(q.due for q in crm.queues)
    oldest = min((q.oldest for q in crm.queues if q.oldest), default=now)
    text = f"{waiting} records wait, {due} of them are due"
    if not due or now - oldest < LATE:
        return Finding(f"outbox {name}", True, text)
    remedy = _START
    if crm.pause:
        remedy = f"the CRM is left alone until {shown(crm.pause.until)}: {crm.pause.why}"
    return Finding(f"outbox {name}", None, f"{text}, the oldest since {shown(oldest)}", remedy)


def left_behind(name: str, left: LeftBehind) -> Finding:
    """Records of a CRM that the settings do not name any more."""
    text = f"not in the settings, but {left.waiting} records wait and {left.parked} are parked"
    return Finding(f"outbox {name}", None, text, what_to_do(name))
