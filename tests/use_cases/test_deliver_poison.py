"""Promise 10 turned round: a record that alone keeps failing harms nothing but itself, and parks;
a CRM that is down parks nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from crm_sms.records import (
    Chunk,
    DesiredField,
    DesiredRecord,
    Lane,
    Outcome,
    Reason,
    Verdict,
    WriteResult,
    WriteRule,
)

BAD = "bad"
UNCLEAR = Outcome(Verdict.MAYBE)
BROKEN = Outcome(Verdict.RETRY, reason=Reason.UNAVAILABLE, detail="UNKNOWN_EXCEPTION: 1-2 (3)")
HOUR = 3600


def record(key: str, lane: Lane = Lane.TIMELINE, value: str = "1", **rest: Any) -> DesiredRecord:
    """A record of ours, in a partition of its own."""
    fields = {"a": DesiredField(value), "b": DesiredField(value, WriteRule.UNTIL_EDITED)}
    return DesiredRecord("small", "Text", key, lane, fields, "Key", partition=key, **rest)


def breaks(office: Any, monkeypatch: pytest.MonkeyPatch, outcome: Outcome | None) -> None:
    """Every request that carries the bad record has this outcome for all of its rows, and the
    CRM does nothing; without an outcome, the adapter throws."""
    real = office.crm.write

    def write(chunks: Sequence[Chunk]) -> WriteResult:
        if not any(row.key == BAD for chunk in chunks for row in chunk.rows):
            return real(chunks)  # type: ignore[no-any-return]
        office.crm.calls += 1
        office.crm.requests.append(tuple(chunks))
        if outcome is None:
            raise ZeroDivisionError("a bug")
        return WriteResult(tuple((outcome,) * len(chunk.rows) for chunk in chunks))

    monkeypatch.setattr(office.crm, "write", write)


def pass_time(office: Any, seconds: float, step_s: float = 5.0) -> None:
    """A worker that looks every few seconds, whatever its runs come to."""
    for _ in range(int(seconds / step_s)):
        office.crm.advance(step_s)
        try:
            office.deliver()
        except ZeroDivisionError:
            continue


def waiting(office: Any) -> set[str]:
    """Keys of what waits for its first success, and is not parked."""
    return {row.key for row in office.rows() if row.state == "waiting"}


def parked(office: Any) -> list[tuple[str, str, bool]]:
    """Key, reason, and whether it may have been written."""
    return [(row.key, row.reason, row.maybe) for row in office.rows() if row.state == "parked"]


KINDS = pytest.mark.parametrize(
    ("outcome", "reason"),
    [(UNCLEAR, "unclear"), (BROKEN, "unavailable"), (None, "unclear")],
    ids=["unclear", "broken", "thrown"],
)


@KINDS
@pytest.mark.parametrize("lane", [Lane.OPT_OUT, Lane.TIMELINE])
def test_a_record_that_breaks_its_requests_is_found_among_many(
    office: Any,
    monkeypatch: pytest.MonkeyPatch,
    outcome: Outcome | None,
    reason: str,
    lane: Lane,
) -> None:
    """The others that were in its first request are in the CRM some minutes later, though nobody
    could tell which of them was to blame."""
    breaks(office, monkeypatch, outcome)
    office.want(*(record(f"k{n}", lane) for n in range(60)), record(BAD, lane))
    office.crm.advance(61)
    pass_time(office, 300)
    assert waiting(office) == {BAD}
    assert len(office.crm.requests) < 60


@KINDS
def test_a_record_that_breaks_its_requests_parks_while_others_are_written(
    office: Any, monkeypatch: pytest.MonkeyPatch, outcome: Outcome | None, reason: str
) -> None:
    """With a reason that says whether it may be in the CRM; each of the others is written at once,
    and made once."""
    breaks(office, monkeypatch, outcome)
    office.want(record(BAD))
    pass_time(office, 60, 20)
    for number in range(30):
        office.want(record(f"k{number}", Lane.OPT_OUT))
        pass_time(office, 2, 1)
        assert waiting(office) <= {BAD}
        pass_time(office, 60, 20)
    assert parked(office) == [(BAD, reason, reason == "unclear")]
    assert len(office.crm.made) == len(set(office.crm.made)) == 30


@KINDS
def test_a_record_that_breaks_its_requests_is_in_nobodys_way(
    office: Any, monkeypatch: pytest.MonkeyPatch, outcome: Outcome | None, reason: str
) -> None:
    """However often it failed by itself: whatever comes next goes at once, in a quiet hour too."""
    breaks(office, monkeypatch, outcome)
    office.want(record(BAD))
    pass_time(office, HOUR, 30)
    office.want(record("k", Lane.OPT_OUT))
    pass_time(office, 2, 2)
    assert waiting(office) <= {BAD}


@KINDS
def test_a_record_that_breaks_its_requests_parks_with_nothing_else_to_write(
    office: Any, monkeypatch: pytest.MonkeyPatch, outcome: Outcome | None, reason: str
) -> None:
    """Nothing else shows that the CRM writes at all, so it has more tries; but they end."""
    breaks(office, monkeypatch, outcome)
    office.want(record(BAD))
    pass_time(office, 12 * HOUR, 300)
    assert parked(office) == [(BAD, reason, reason == "unclear")]


def test_what_parked_unclear_is_looked_up_before_it_is_written_again(
    office: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has it retried: it was written after all, and a rep deleted it since."""
    task = record(BAD, Lane.TASK, create_only=True)
    office.want(task)
    office.crm.advance(61)
    office.deliver("lost", most_requests=1)
    breaks(office, monkeypatch, UNCLEAR)
    office.crm.living("Text", BAD).deleted = True
    with monkeypatch.context() as blind:
        blind.setattr(office.crm, "read", lambda *_, **__: {"other": None})
        pass_time(office, 12 * HOUR, 300)
    assert parked(office) == [(BAD, "unclear", True)]
    office.retry()
    pass_time(office, 60)
    assert office.rows() == []
    assert office.crm.made == [("Text", BAD)]


def down(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing at all is answered."""
    office.crm.down = True


def silent(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads go wrong, and nobody knows of any write."""

    def write(chunks: Sequence[Chunk]) -> WriteResult:
        return WriteResult(tuple((UNCLEAR,) * len(chunk.rows) for chunk in chunks))

    office.crm.down = True
    monkeypatch.setattr(office.crm, "write", write)


def read_only(outcome: Outcome) -> Callable[[Any, pytest.MonkeyPatch], None]:
    """Reads go well, and every write has this outcome."""

    def start(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        def write(chunks: Sequence[Chunk]) -> WriteResult:
            return WriteResult(tuple((outcome,) * len(chunk.rows) for chunk in chunks))

        monkeypatch.setattr(office.crm, "write", write)

    return start


@pytest.mark.parametrize("rows", [1, 2, 20])
@pytest.mark.parametrize(
    ("outage", "hours"),
    [(down, 12), (silent, 12), (read_only(UNCLEAR), 6), (read_only(BROKEN), 6)],
    ids=["down", "silent", "unclear", "broken"],
)
def test_an_outage_parks_nothing_and_its_backlog_drains(
    office: Any, monkeypatch: pytest.MonkeyPatch, outage: Any, hours: int, rows: int
) -> None:
    """However long the CRM is down; or, where it can be read all the while, for a whole night's
    maintenance."""
    office.want(record("first"))
    pass_time(office, 61)
    with monkeypatch.context() as during:
        outage(office, during)
        office.want(*(record(f"k{n}", Lane(n % 4)) for n in range(rows)))
        pass_time(office, hours * HOUR, 300)
        assert len(waiting(office)) == rows
        office.crm.down = False
    before = len(office.crm.requests)
    pass_time(office, 600, 30)
    assert waiting(office) == set()
    assert parked(office) == []
    assert len(office.crm.requests) - before < 12
