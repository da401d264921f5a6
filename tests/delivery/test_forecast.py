"""A day's calls, told from what happens and how long rows wait."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.delivery.advice import Change, Day, Fit, judge
from crm_sms.delivery.forecast import DAY_S, Stream, Upkeep, WantedRow, forecast, settled
from crm_sms.delivery.windows import Windows, stretch
from crm_sms.ports import CrmLimits
from crm_sms.records import Lane, Usage

LIMITS = CrmLimits(rows_per_chunk=200, chunks_per_request=5, write_timeout_s=1, late_commit_s=1)
NOTHING = Upkeep(objects=0, calls_per_pull=0, sync_s=300)
UPKEEP = Upkeep(objects=3, calls_per_pull=6, sync_s=300)
TEXT = WantedRow(Lane.TIMELINE, "Text", fresh=True)
ENTRY = WantedRow(Lane.TIMELINE, "Task", fresh=True, follows=True)
TASK = WantedRow(Lane.TASK, "Task", fresh=True, follows=True)
SUM = WantedRow(Lane.ROLL_UP, "Person")
NO = WantedRow(Lane.OPT_OUT, "Person")


def day(texts: float, replies: float = 0.25) -> tuple[Stream, ...]:
    """Texts, some of which are answered."""
    return (
        Stream("sent", texts, (TEXT, SUM)),
        Stream("reply", texts * replies, (TEXT, ENTRY, TASK, SUM)),
    )


def writes(streams: Sequence[Stream], windows: Windows | None = None) -> float:
    """Requests that carry rows."""
    return forecast(streams, windows or Windows(), NOTHING, LIMITS).by_kind["write"]


def test_where_nothing_happens_only_the_mirror_asks() -> None:
    """Every pull asks for every part."""
    found = forecast((), Windows(), UPKEEP, LIMITS)
    assert dict(found.by_kind) == {"write": 0, "describe": 0, "pull": DAY_S / 300 * 6}
    assert forecast(day(0), Windows(), UPKEEP, LIMITS).by_kind == found.by_kind


def test_rare_rows_cost_a_request_each() -> None:
    """Lanes of one thing that happens share it."""
    assert writes([Stream("sent", 10, (TEXT, SUM))]) == pytest.approx(10, rel=0.01)


def test_what_refers_to_a_new_record_costs_one_more() -> None:
    """The record is written first, and the rest, whose window has ended too, right after it."""
    assert writes([Stream("reply", 10, (TEXT, TASK))]) == pytest.approx(20, rel=0.01)
    assert writes([Stream("reply", 10, (TEXT, ENTRY))]) == pytest.approx(20, rel=0.01)


def test_what_may_wait_longer_follows_in_its_own_time() -> None:
    """An opt-out takes the text along at once, and the entry waits for the end of its window."""
    found = forecast([Stream("no", 10, (NO, TEXT, ENTRY))], Windows(), NOTHING, LIMITS)
    assert found.by_lane[Lane.OPT_OUT] == pytest.approx(10, rel=0.01)
    assert found.by_lane[Lane.TIMELINE] == pytest.approx(10, rel=0.01)


def test_very_many_rows_cost_a_request_a_window() -> None:
    """However many there are, while they fit."""
    found = writes([Stream("sent", 1e6, (TEXT,))])
    assert found == pytest.approx(DAY_S / 15, rel=0.05)


def test_rows_beyond_the_room_of_a_request_cost_more() -> None:
    """A thousand of one sort go into one."""
    found = forecast([Stream("sent", 1e9, (TEXT,))], Windows(), NOTHING, LIMITS)
    assert found.calls == pytest.approx(1e9 / 1000, rel=0.01)
    unlimited = forecast([Stream("sent", 1e9, (TEXT,))], Windows(), NOTHING, None)
    assert unlimited.calls == pytest.approx(DAY_S / 15, rel=0.01)


def test_new_records_are_counted_by_object() -> None:
    """What they take of the storage is another's business."""
    found = forecast(day(100), Windows(), NOTHING, LIMITS)
    assert found.records == {"Text": 125, "Task": 50}


volumes = st.floats(1, 1e6)
seconds = st.floats(0, 120)
windows_ = st.builds(Windows, tasks=seconds, timeline=seconds, roll_ups=seconds)


@given(texts=volumes, windows=windows_, factor=st.floats(1, 10))
def test_more_texts_cost_more_and_longer_windows_less(
    texts: float, windows: Windows, factor: float
) -> None:
    """And never more than two requests for each thing that happens."""
    streams = day(texts)
    found = forecast(streams, windows, UPKEEP, LIMITS)
    most = 2 * sum(one.a_day for one in streams)
    assert 0 < found.by_kind["write"] <= most * 1.001
    assert found.by_kind["write"] == pytest.approx(sum(found.by_lane.values()))
    slack = 1.001
    assert writes(day(texts * factor), windows) * slack >= writes(streams, windows)
    longer = forecast(streams, windows, NOTHING, LIMITS, stretched=factor)
    # Windows of other lengths may have more rows follow in a second request.
    assert longer.by_kind["write"] <= 2 * slack * found.by_kind["write"]


@pytest.mark.parametrize("texts", [500, 5_000, 50_000, 500_000])
def test_it_is_what_chance_gives(texts: float) -> None:
    """Counted over a week of a random clock that knows windows and nothing else."""
    windows = Windows()
    chance = random.Random(1)
    wait = {"sent": windows.timeline, "reply": windows.tasks}
    happens = sorted(
        (at, wait[one.name], 2 if one.name == "reply" else 1)
        for one in day(texts)
        for at in arrivals(chance, one.a_day / DAY_S, DAY_S * min(7.0, 50_000 / texts))
    )
    counted, due, calls = 0, float("inf"), 1
    for at, after, needs in happens:
        if at > due:
            counted, due = counted + calls, float("inf")
        if at + after < due:
            due, calls = at + after, needs
    days = min(7.0, 50_000 / texts)
    assert writes(day(texts)) == pytest.approx((counted + calls) / days, rel=0.05)


def arrivals(chance: random.Random, per_s: float, until: float) -> list[float]:
    """Random instants."""
    found = [chance.expovariate(per_s)]
    while found[-1] < until:
        found.append(found[-1] + chance.expovariate(per_s))
    return found[:-1]


def test_windows_grow_to_where_their_calls_keep_them() -> None:
    """The stretch of the day's end is the one that the day was played with."""
    quota = Usage(2_000, 40_000)
    found = settled(day(100_000), Windows(), UPKEEP, LIMITS, quota)
    assert found.stretched > 1
    after = stretch(Usage(round(quota.used + found.calls), quota.limit))
    assert found.stretched == pytest.approx(after, rel=0.01)


def test_with_enough_left_nothing_grows() -> None:
    """A day within half of the quota."""
    found = settled(day(1_000), Windows(), UPKEEP, LIMITS, Usage(0, 100_000))
    assert found == forecast(day(1_000), Windows(), UPKEEP, LIMITS)


def of(texts: float, windows: Windows | None = None) -> Day:
    """A day to be judged."""
    return Day(day(texts), windows or Windows(), UPKEEP, LIMITS)


@pytest.mark.parametrize(
    ("texts", "quota", "fit"),
    [
        (2_000, Usage(0, 100_000), Fit.FITS),
        (20_000, Usage(0, 100_000), Fit.FITS),
        (20_000, Usage(45_000, 100_000), Fit.SLOWER),
        (20_000, Usage(0, 15_000), Fit.SLOWER),
        (200_000, Usage(0, 15_000), Fit.TOO_MUCH),
        (20_000, Usage(96_000, 100_000), Fit.TOO_MUCH),
    ],
)
def test_a_day_fits_fits_slower_or_does_not(texts: float, quota: Usage, fit: Fit) -> None:
    """Within half of the quota, up to what is kept for opt-outs, or beyond."""
    assert judge(of(texts), quota).fit is fit


def test_the_setting_that_costs_most_is_named() -> None:
    """With a value that has the day fit, and no larger than needed."""
    found = judge(of(200_000), Usage(0, 100_000))
    assert found.changes == (Change("windows.tasks", 2.0),)
    eased = judge(of(200_000, Windows(tasks=2)), Usage(0, 100_000))
    assert eased.fit is Fit.FITS
    assert eased.day.calls == pytest.approx(found.calls_then or 0)


@given(texts=volumes, windows=windows_, limit=st.integers(1_000, 50_000))
def test_what_is_advised_is_enough(texts: float, windows: Windows, limit: int) -> None:
    """With the changes the day fits, whatever was set before."""
    found = judge(of(texts, windows), Usage(0, limit))
    changed = {change.setting: change.seconds for change in found.changes}
    names = {name: changed.get(f"windows.{name}") for name in ("tasks", "timeline", "roll_ups")}
    eased = replace(windows, **{name: to for name, to in names.items() if to is not None})
    upkeep = replace(UPKEEP, sync_s=changed.get("worker.sync_s", UPKEEP.sync_s))
    again = judge(Day(day(texts), eased, upkeep, LIMITS), Usage(0, limit))
    assert again.fit is Fit.FITS or found.changes == ()


def test_pulls_may_be_what_costs_most() -> None:
    """On a small quota with little to do."""
    (change,) = judge(of(10), Usage(0, 2_000)).changes
    assert change.setting == "worker.sync_s"


@pytest.mark.parametrize("quota", [Usage(0, 20), Usage(60_000, 100_000)])
def test_where_no_setting_helps_none_is_named(quota: Usage) -> None:
    """Others use the quota up, or there is none to speak of."""
    assert judge(of(20_000), quota).changes == ()


@given(texts=st.floats(0, 1e7), used=st.integers(0, 2000), limit=st.integers(0, 1000))
def test_every_day_and_every_quota_are_judged(texts: float, used: int, limit: int) -> None:
    """Whatever a CRM says of itself."""
    found = judge(of(texts), Usage(used, limit))
    assert found.day.calls >= 0
    assert (found.fit is Fit.FITS) <= (found.changes == ())
