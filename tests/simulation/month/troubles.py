"""What goes wrong between us and the org: for a while, or a few times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from month.stage import TASK, TEXT, Month

COMPOSITE = {"path": "composite$"}

FOR_A_WHILE: tuple[Mapping[str, Any], ...] = (
    {"kind": "status", "status": 503},
    {"kind": "status", "status": 500, "match": {"method": "POST"}},
    {"kind": "maintenance"},
    {"kind": "api_off"},
    {"kind": "quota", "limit": 15_000, "remaining": 0},
    {"kind": "quota", "limit": 15_000, "remaining": 300},
    {"kind": "validation", "match": {"object": TEXT}, "message": "no texts"},
    {"kind": "validation", "match": {"object": TASK}, "message": "no tasks"},
    {"kind": "validation", "match": {"object": "Contact"}, "message": "no contacts"},
    {"kind": "trigger", "match": {"object": TEXT}},
    {"kind": "trigger", "match": {"object": "Lead"}, "above_rows": 1},
    {"kind": "row_error", "code": "UNABLE_TO_LOCK_ROW", "share": 0.4, "seed": 3},
    {"kind": "too_long", "rows": 2},
    {"kind": "hidden", "fields": [f"{TEXT}.Body__c", "Contact.SMS_Sent_Count__c"]},
    {"kind": "hidden", "fields": ["Contact.SMS_Opt_Out_At__c", f"{TEXT}.Status__c"]},
    {"kind": "read_only", "fields": ["Lead.SMS_Reply_Count__c"]},
    {"kind": "length", "field": f"{TEXT}.Campaign__c", "length": 3},
    {"kind": "picklist", "field": f"{TEXT}.Status__c", "values": ["Sent"], "restricted": True},
)
"""Until it is over."""

A_FEW_TIMES: tuple[Mapping[str, Any], ...] = (
    {"kind": "drop", "when": "after_commit", "match": COMPOSITE},
    {"kind": "drop", "when": "before_commit", "match": COMPOSITE},
    {"kind": "timeout", "commit_after_s": 5, "match": COMPOSITE},
    {"kind": "timeout", "commit_after_s": 400, "match": COMPOSITE},
    {"kind": "timeout", "match": COMPOSITE},
    {"kind": "expired_token"},
)
"""So many calls, and it is over."""


def trouble(month: Month) -> None:
    """One that lasts."""
    rule = month.dice.choice(FOR_A_WHILE)
    faults = month.stage.box.salesforce.faults
    [made] = faults.add(dict(rule))
    month.later(timedelta(hours=month.dice.choice((0.2, 3, 20))), lambda: faults.clear(made.id))
    month.note(f"trouble {made.id}: {rule}")


def hiccup(month: Month) -> None:
    """One that strikes a few times."""
    rule = {**month.dice.choice(A_FEW_TIMES), "times": month.dice.choice((1, 1, 2, 4))}
    month.world.fault(**rule)
    month.note(f"hiccup: {rule}")


def kill(month: Month) -> None:
    """A worker is killed when the org has answered, or before; the next one starts at once."""
    month.killed = month.dice.choice(("before", "after", "after"))
    month.note(f"a worker is killed {month.killed} its next write")


EVENTS = ((3, trouble), (4, hiccup), (2, kill))
"""How often each, and what."""
