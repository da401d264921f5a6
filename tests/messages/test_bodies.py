"""Until when the records of a text wait for its body."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from crm_sms.events import Direction, Event, EventKind, Status
from crm_sms.messages import fold
from crm_sms.messages.bodies import body_awaited_until

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
WAIT = timedelta(minutes=2)
SENT = Event("twilio", "AC1", "SM1:sent", EventKind.STATUS, NOON, "SM1", status=Status.SENT)
LISTED = replace(SENT, key="SM1:snapshot", kind=EventKind.SNAPSHOT)
REPLY = replace(SENT, key="SM1", kind=EventKind.REPLY, direction=Direction.INBOUND)


@pytest.mark.parametrize(
    ("facts", "until"),
    [
        ([SENT], NOON + WAIT),
        ([replace(SENT, received_at=NOON + WAIT, key="later"), SENT], NOON + WAIT),
        ([replace(SENT, body="Hello")], None),
        ([replace(LISTED, body="Hello"), SENT], None),
        ([LISTED, SENT], None),  # the provider has no words for it either: a picture, redacted
        ([REPLY], None),
    ],
)
def test_a_text_waits_for_what_only_a_listing_says(
    facts: list[Event], until: datetime | None
) -> None:
    """From the first fact of it, whichever came first; a reply says its words itself."""
    assert body_awaited_until(fold(facts), facts, WAIT) == until
