"""What waits for a CRM, counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from crm_sms.ledger import Ledger, outbox
from crm_sms.ledger.queues import Queue, parked_by_reason, queues
from crm_sms.ledger.requests import LastRequest, close_request, last_request, open_request
from crm_sms.ledger.tables import outbox as table
from crm_sms.records import DesiredField, DesiredRecord, Lane, Reason, State, Verdict

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def put(ledger: Ledger, key: str, lane: Lane, at: datetime, crm: str = "sales") -> None:
    """Have a record wait, whose window is a minute."""
    record = DesiredRecord(crm, "Text", key, lane, {"A": DesiredField(1)}, "Key")
    with ledger.write("process") as connection:
        outbox.put(ledger, connection, [(record, None)], at, dict.fromkeys(Lane, MINUTE))


def change(ledger: Ledger, key: str, **values: object) -> None:
    """What a deliverer did to a row."""
    with ledger.write("deliver.settle") as connection:
        connection.execute(table.update().where(table.c.key == key).values(**values))


def test_rows_are_counted_by_lane_and_state(ledger: Ledger) -> None:
    """Due are those whose window and back-off have ended; parked ones are counted by reason."""
    for key, lane, at in (
        ("a", Lane.TASK, NOW - MINUTE),
        ("b", Lane.TASK, NOW - MINUTE),
        ("c", Lane.TASK, NOW),
        ("d", Lane.TIMELINE, NOW - MINUTE),
        ("e", Lane.ROLL_UP, NOW),
        ("f", Lane.ROLL_UP, NOW),
    ):
        put(ledger, key, lane, at)
    put(ledger, "elsewhere", Lane.OPT_OUT, NOW, "service")
    change(ledger, "b", not_before=NOW + MINUTE)
    change(ledger, "d", state=State.SETTLING, not_before=NOW + MINUTE)
    change(ledger, "e", state=State.PARKED, reason=Reason.DATA)
    change(ledger, "f", state=State.PARKED, reason=Reason.DATA)
    with ledger.read() as connection:
        assert queues(connection, "sales", NOW) == [
            Queue("opt_out", 0, 0, 0, None),
            Queue("task", 3, 1, 0, NOW - MINUTE),
            Queue("timeline", 0, 0, 1, None),
            Queue("roll_up", 0, 0, 0, None),
        ]
        assert parked_by_reason(connection, "sales") == {"data": 2}
        assert parked_by_reason(connection, "service") == {}


def test_the_last_request_is_the_one_that_was_opened_last(ledger: Ledger) -> None:
    """Of this CRM; one under way has no end."""
    with ledger.write("deliver.claim") as connection:
        assert last_request(connection, "sales") is None
        first = open_request(connection, "sales", "w1", 3, NOW)
        open_request(connection, "service", "w1", 1, NOW)
        open_one = LastRequest(NOW, None, 3, None, None, None)
        assert last_request(connection, "sales") == open_one
        verdicts = [Verdict.DONE, Verdict.MAYBE, Verdict.PARK]
        close_request(connection, first, 1, verdicts, NOW + MINUTE)
        closed = LastRequest(NOW, NOW + MINUTE, 3, 1, 1, 1)
        assert last_request(connection, "sales") == closed
