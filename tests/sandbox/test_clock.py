"""The sandbox's time."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.sandbox.clock import FileClock, RealTime, change_clock, parse_instant

MARCH = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def test_without_a_file_it_is_the_machines_time(tmp_path: Path) -> None:
    """No path, or a path where nothing is, means real time."""
    for clock in (FileClock(), FileClock(tmp_path / "absent")):
        before = datetime.now(UTC)
        assert before <= clock.now() <= datetime.now(UTC)
        assert clock.is_real


def test_time_stands_until_it_is_set(tmp_path: Path) -> None:
    """A set instant is read again and again, also by another reader of the file."""
    clock = FileClock(tmp_path / "now")
    clock.set(MARCH)
    assert clock.now() == clock.now() == FileClock(tmp_path / "now").now() == MARCH
    assert not clock.is_real


def test_the_file_holds_one_iso_instant_in_utc(tmp_path: Path) -> None:
    """What other programs read is ISO 8601 with the offset of UTC, whatever zone was set."""
    clock = FileClock(tmp_path / "now")
    clock.set(MARCH.astimezone(timezone(timedelta(hours=5, minutes=30))))
    assert (tmp_path / "now").read_text() == "2026-03-02T09:00:00+00:00"


def test_advance_moves_on_from_the_set_instant(tmp_path: Path) -> None:
    """Seconds add up, and the new instant is returned."""
    clock = FileClock(tmp_path / "now")
    clock.set(MARCH)
    assert clock.advance(90) == MARCH + timedelta(seconds=90)
    assert clock.advance(0.5) == clock.now() == MARCH + timedelta(seconds=90.5)


def test_a_clock_without_a_file_cannot_be_set() -> None:
    """The error names the remedy."""
    with pytest.raises(RealTime, match="--clock FILE"):
        FileClock().set(MARCH)


def test_setting_leaves_no_other_file_behind(tmp_path: Path) -> None:
    """The temporary file becomes the clock's."""
    FileClock(tmp_path / "now").set(MARCH)
    assert [path.name for path in tmp_path.iterdir()] == ["now"]


def test_readers_never_see_half_an_instant(tmp_path: Path) -> None:
    """While one thread sets the time over and over, another reads only instants that were set."""
    clock = FileClock(tmp_path / "now")
    clock.set(MARCH)
    instants = {MARCH + timedelta(microseconds=n) for n in range(300)}
    seen: set[datetime] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(clock.now())

    reader = threading.Thread(target=read)
    reader.start()
    for instant in sorted(instants):
        clock.set(instant)
    done.set()
    reader.join()
    assert seen <= instants


@pytest.mark.parametrize("text", ["", "yesterday", "2026-03-02", "2026-03-02T09:00:00", "12"])
def test_a_file_with_anything_else_is_named_in_the_error(tmp_path: Path, text: str) -> None:
    """A naive or broken instant is refused with the file's name and an example."""
    (tmp_path / "now").write_text(text)
    with pytest.raises(ValueError, match=r"now must hold one ISO 8601 instant .* such as 2026"):
        FileClock(tmp_path / "now").now()


@given(st.datetimes(timezones=st.timezones()))
def test_every_instant_survives_the_file(instant: datetime) -> None:
    """What is written in UTC is read as the same instant."""
    try:
        written = instant.astimezone(UTC).isoformat()
    except OverflowError:
        return
    assert parse_instant(written, "the test") == instant.astimezone(UTC)


@pytest.mark.parametrize(
    "order",
    [
        {},
        [],
        None,
        {"now": 5},
        {"now": "soon"},
        {"advance_s": "5"},
        {"advance_s": -1},
        {"now": "2026-03-02T09:00:00Z", "advance_s": 1},
        {"forward": 1},
    ],
)
def test_an_unclear_order_changes_nothing(tmp_path: Path, order: object) -> None:
    """Anything but one of the two orders is refused and leaves the time alone."""
    clock = FileClock(tmp_path / "now")
    clock.set(MARCH)
    with pytest.raises(ValueError, match="ISO 8601"):
        change_clock(clock, order)
    assert clock.now() == MARCH


def test_orders_set_and_advance(tmp_path: Path) -> None:
    """`now` with any zone sets, `advance_s` adds."""
    clock = FileClock(tmp_path / "now")
    change_clock(clock, {"now": "2026-03-02T10:00:00+01:00"})
    assert clock.now() == MARCH
    change_clock(clock, {"advance_s": 1.5})
    assert clock.now() == MARCH + timedelta(seconds=1.5)
