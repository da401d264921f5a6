"""Whether callbacks kept silent about what a provider's listing says of a text."""

from __future__ import annotations

from collections.abc import Collection

from crm_sms.events import RANK, Event, Status


def is_missed(listed: Event, told: Collection[Status]) -> bool:
    """Whether a callback should have said that the text came so far; `told` are the statuses that
    callbacks gave. No callback says that a text was accepted or queued."""
    if listed.status is None or RANK[listed.status] < RANK[Status.SENT]:
        return False
    return all(RANK[status] < RANK[listed.status] for status in told)
