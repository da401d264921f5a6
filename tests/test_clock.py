"""What time it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.clock import file_clock, machine_clock
from crm_sms.errors import BadSettings

zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def test_the_machine_s_time_is_utc_and_goes_forward() -> None:
    """Aware, so that it can be compared with what the ledger holds."""
    first, second = machine_clock(), machine_clock()
    assert first.tzinfo is UTC
    assert first <= second


def test_without_a_file_it_is_the_machine_s_time(tmp_path: Path) -> None:
    """A simulation that has not begun changes nothing."""
    before = machine_clock()
    assert before <= file_clock(tmp_path / "now")() <= machine_clock()


@given(at=st.datetimes(timezones=zones).filter(lambda at: 1 < at.year < 9999))
def test_it_stands_at_the_instant_in_the_file(
    tmp_path_factory: pytest.TempPathFactory, at: datetime
) -> None:
    """Whatever the zone it is written in, and with a line's end."""
    path = tmp_path_factory.getbasetemp() / "instant"
    path.write_text(f"{at.isoformat()}\n")
    now = file_clock(path)
    assert now() == now() == at
    assert now().tzinfo is UTC


def test_it_follows_the_file(tmp_path: Path) -> None:
    """Every reading looks again: others set it while this process runs."""
    path = tmp_path / "now"
    now = file_clock(path)
    for day in (20, 22, 21):
        path.write_text(f"2026-11-{day}T15:00:00Z")
        assert now() == datetime(2026, 11, day, 15, tzinfo=UTC)


def test_a_file_that_holds_no_instant_is_an_error(tmp_path: Path) -> None:
    """A simulation never falls back to the machine's time unseen."""
    path = tmp_path / "now"
    path.write_text("yesterday")
    with pytest.raises(BadSettings, match=f"clock: {path} holds no instant such as"):
        file_clock(path)()
    path.write_text("2026-11-20T15:00:00")
    with pytest.raises(BadSettings, match="with a zone"):
        file_clock(path)()
