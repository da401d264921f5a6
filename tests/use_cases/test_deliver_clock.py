"""A machine's clock that goes back, by minutes or by a year: nothing waits for the old time to come
again, and still no two requests write one row at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_sms.records import (
    DesiredField,
    DesiredRecord,
    Lane,
    Outcome,
    Reason,
    Usage,
    Verdict,
    WriteRule,
)

LATE_S = 660
LEASE_S = 40
MINUTE, HOUR = 60, 3600
JUMPS = pytest.mark.parametrize("back_s", [30, 10 * MINUTE, 5 * HOUR, 400 * 24 * HOUR])
BOUND_S = 15 * MINUTE
"""The longest that anything is ever put off."""


def record(key: str, lane: Lane = Lane.TIMELINE, value: str = "1") -> DesiredRecord:
    """A record of ours, in a partition of its own."""
    fields = {"a": DesiredField(value), "b": DesiredField(value, WriteRule.UNTIL_EDITED)}
    return DesiredRecord("small", "Text", key, lane, fields, "Key", partition=key)


def go_back(office: Any, seconds: float) -> None:
    """Somebody or something sets the machine's clock back."""
    office.gone_back += timedelta(seconds=seconds)


def until(office: Any, done: Any, step_s: float = 5) -> float:
    """So many real seconds pass until a worker that looks now and then has brought it about."""
    start = office.crm.now
    while not done():
        assert office.crm.now - start < timedelta(hours=3)
        office.crm.advance(step_s)
        office.deliver()
    return float((office.crm.now - start).total_seconds())


@JUMPS
def test_what_waits_is_written(office: Any, back_s: float) -> None:
    """Rows of every lane that came just before, and one that was backing off."""
    locked = Outcome(Verdict.RETRY, reason=Reason.LOCKED, wait_s=300)
    office.want(record("tired"))
    office.crm.advance(61)
    office.deliver(lambda *_: locked, most_requests=1)
    office.want(*(record(str(lane), lane) for lane in Lane))
    go_back(office, back_s)
    assert until(office, lambda: office.rows() == []) <= BOUND_S + MINUTE


@JUMPS
def test_a_pause_ends(office: Any, back_s: float) -> None:
    """The CRM is back after a minute; nobody waits for the time at which it was asked last."""
    office.want(record("k"))
    office.crm.down = True
    until(office, lambda: len(office.crm.requests) + len(office.crm.reads) > 8)
    office.crm.down = False
    go_back(office, back_s)
    assert until(office, lambda: office.rows() == []) <= BOUND_S + MINUTE


@JUMPS
def test_a_quota_is_asked_again(office: Any, back_s: float) -> None:
    """Calls come back with time, whatever time it is."""
    office.crm.usage = Usage(990, 1000)
    office.want(record("k"))
    until(office, lambda: office.rows() == [])
    go_back(office, back_s)
    office.want(record("l"))
    assert until(office, lambda: office.rows() == []) <= 2 * BOUND_S


def killed(office: Any) -> None:
    """A worker is killed with a request under way that never reaches the CRM."""
    office.want(record("k"))
    office.crm.advance(61)
    with pytest.raises(KeyboardInterrupt):
        office.deliver(KeyboardInterrupt())


@JUMPS
def test_the_lease_of_a_killed_worker_ends(office: Any, back_s: float) -> None:
    """Nobody can tell how old it is, so it counts from now; not for the time at which it would have
    ended."""
    killed(office)
    go_back(office, back_s)
    waited = until(office, lambda: office.crm.requests, 1)
    assert LEASE_S < waited <= LEASE_S + BOUND_S


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 90) | st.integers(0, 2 * HOUR)), max_size=5
    )
)
def test_no_lease_ends_early(new_office: Any, steps: list[tuple[int, int]]) -> None:
    """However often the clock goes back: whoever holds a row is alone with it as long as it may
    think so."""
    office = new_office()
    killed(office)
    start = office.crm.now
    for pass_s, back_s in steps:
        office.crm.advance(pass_s)
        go_back(office, back_s)
        office.deliver()
        if office.crm.requests:
            assert office.crm.now - start > timedelta(seconds=LEASE_S)
    office.ledger.close()


@JUMPS
def test_a_late_writer_is_overwritten_once_it_cannot_come_again(office: Any, back_s: float) -> None:
    """Not before, and at most that much later."""
    office.want(record("k", value="old"))
    office.crm.advance(61)
    office.deliver(LATE_S - 10, most_requests=1)
    office.want(record("k", value="new"))
    until(office, lambda: [row.state for row in office.rows()] == ["settling"])
    go_back(office, back_s)
    waited = until(office, lambda: office.rows() == [])
    assert waited <= LATE_S + BOUND_S
    assert office.crm.late == []
    assert office.crm.living("Text", "k").fields == {"a": "new", "b": "new"}


@JUMPS
def test_a_description_is_asked_again(office: Any, back_s: float) -> None:
    """What the CRM said of its fields before counts for an hour at most."""
    office.crm.hidden = {"b"}
    office.want(record("k"))
    until(office, lambda: office.rows() == [])
    go_back(office, back_s)
    office.crm.hidden = set()
    office.crm.advance(2 * HOUR)
    office.want(record("l"))
    until(office, lambda: office.rows() == [])
    assert office.crm.living("Text", "l").fields == {"a": "1", "b": "1"}
