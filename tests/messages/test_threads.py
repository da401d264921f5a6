"""What the texts of a thread mean for each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.events import Direction, Status
from crm_sms.messages import Place, ThreadEntry, places
from crm_sms.messages.threads import ANSWERS_WITHIN

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NEVER_ARRIVED = {Status.FAILED, Status.UNDELIVERED, Status.EXPIRED, Status.CANCELED}


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def text(key: str, seconds: float, status: Status = Status.SENT) -> ThreadEntry:
    return ThreadEntry.of(key, key, Direction.OUTBOUND, at(seconds), status)


def reply(key: str, seconds: float) -> ThreadEntry:
    return ThreadEntry.of(key, key, Direction.INBOUND, at(seconds), Status.RECEIVED)


ENTRIES = st.lists(
    st.builds(
        ThreadEntry.of,
        st.uuids().map(str),
        st.uuids().map(str),
        st.sampled_from(Direction),
        st.integers(0, 12).map(lambda days: NOON + timedelta(days=days)),
        st.sampled_from(Status),
    ),
    max_size=10,
    unique_by=lambda entry: entry.key,
)


@given(ENTRIES, st.data())
def test_order_and_repetition_change_nothing(
    thread: list[ThreadEntry], data: st.DataObject
) -> None:
    """Every permutation and duplication of a thread gives the same places."""
    again = data.draw(st.lists(st.sampled_from(thread), max_size=3)) if thread else []
    assert places(data.draw(st.permutations(thread + again))) == places(thread)


def before(entry: ThreadEntry, thread: list[ThreadEntry]) -> list[ThreadEntry]:
    """The texts of ours before this entry, the last one first; a reply comes before a text of the
    same instant."""
    inbound = entry.direction is Direction.INBOUND
    earlier = [
        other
        for other in thread
        if other.direction is Direction.OUTBOUND
        and (
            other.occurred_at < entry.occurred_at
            if inbound
            else (other.occurred_at, other.tie) < (entry.occurred_at, entry.tie)
        )
    ]
    return sorted(earlier, key=lambda other: (other.occurred_at, other.tie), reverse=True)


@given(ENTRIES)
def test_a_text_comes_after_the_last_of_ours(thread: list[ThreadEntry]) -> None:
    """Checked against the definition; a reply comes after the last that may have arrived, if there
    is one."""
    found = places(thread)
    assert found.keys() == {entry.key for entry in thread}
    for entry in thread:
        earlier = before(entry, thread)
        if entry.direction is Direction.INBOUND:
            earlier = [other for other in earlier if not other.missed] or earlier
        assert found[entry.key].before == (earlier[0].key if earlier else None)


@given(ENTRIES)
def test_a_reply_answers_the_last_text_that_may_have_arrived(thread: list[ThreadEntry]) -> None:
    """Checked against the definition: strictly before it, at most a week old; only the first reply
    to a text has a response time, and the text has the same."""
    found = places(thread)
    expected: dict[str, Place] = {}
    for entry in sorted(thread, key=lambda one: (one.occurred_at, one.tie)):
        asked = [other for other in before(entry, thread) if not other.missed]
        if entry.direction is Direction.OUTBOUND or not asked or asked[0].key in expected:
            continue
        took = entry.occurred_at - asked[0].occurred_at
        if took <= ANSWERS_WITHIN:
            seconds = int(took.total_seconds())
            expected[asked[0].key] = Place(None, entry.occurred_at, seconds)
            expected[entry.key] = Place(None, None, seconds)
    for entry in thread:
        place, wanted = found[entry.key], expected.get(entry.key, Place())
        assert (place.replied_at, place.response_seconds) == (
            wanted.replied_at,
            wanted.response_seconds,
        )


@pytest.mark.parametrize("status", Status)
def test_which_texts_may_have_arrived(status: Status) -> None:
    """All but those that are known to have ended elsewhere: silence says nothing."""
    found = places([text("t1", 0), text("t2", 10, status), reply("r", 60)])
    assert found["r"].before == ("t1" if status in NEVER_ARRIVED else "t2")
    assert found["r"].response_seconds == (60 if status in NEVER_ARRIVED else 50)


def test_a_text_comes_after_one_that_failed_too() -> None:
    """Whom we meant to text does not rest on whether it worked."""
    found = places([text("t1", 0), text("t2", 10, Status.FAILED), text("t3", 20)])
    assert [found[key].before for key in ("t1", "t2", "t3")] == [None, "t1", "t2"]


def test_a_reply_to_failures_only_comes_after_the_last_and_answers_nothing() -> None:
    """It still concerns whom we meant to text."""
    found = places([text("t1", 0, Status.FAILED), text("t2", 1, Status.EXPIRED), reply("r", 2)])
    assert found["r"] == Place("t2")


def test_a_reply_answers_the_text_before_it() -> None:
    """The usual course: a text, an answer, the seconds between them."""
    assert places([text("t", 0), reply("r", 90.7)]) == {
        "t": Place(None, at(90.7), 90),
        "r": Place("t", None, 90),
    }


def test_further_replies_have_no_response_time() -> None:
    """Only the first reply to a text says how long the person took."""
    found = places([text("t", 0), reply("r1", 60), reply("r2", 120)])
    assert found["t"] == Place(None, at(60), 60)
    assert found["r2"] == Place("t")


def test_the_last_of_several_texts_is_answered() -> None:
    """A reply after two texts answers the second; the first stays unanswered."""
    found = places([text("t1", 0), text("t2", 10), reply("r", 60)])
    assert found["t1"] == Place()
    assert found["t2"] == Place("t1", at(60), 50)


def test_each_text_has_its_own_first_reply() -> None:
    """A new text starts a new count."""
    found = places([text("t1", 0), reply("r1", 5), text("t2", 10), reply("r2", 30)])
    assert [found[key].response_seconds for key in ("t1", "r1", "t2", "r2")] == [5, 5, 20, 20]


@pytest.mark.parametrize(("beyond", "answers"), [(0, True), (1, False)])
def test_after_a_week_a_reply_answers_nothing(beyond: int, answers: bool) -> None:
    """Exactly seven days still count, a second more does not."""
    found = places([text("t", 0), reply("r", ANSWERS_WITHIN.total_seconds() + beyond)])
    assert (found["t"].replied_at is not None) == answers
    assert found["r"].before == "t"


def test_a_text_of_the_same_instant_is_not_answered() -> None:
    """Within one second an automatic answer of ours is likelier than a reply to it."""
    assert places([reply("r", 0), text("t", 0)]) == {"r": Place(), "t": Place()}


def test_texts_of_one_instant_go_by_their_tie() -> None:
    """Of two texts at one instant the greater tie is the last."""
    assert places([text("b", 0), text("a", 0), reply("r", 1)])["r"].before == "b"


def test_a_thread_without_texts_of_ours_has_no_answers() -> None:
    """Somebody who writes first answers nothing."""
    assert places([reply("r", 0)]) == {"r": Place()}
