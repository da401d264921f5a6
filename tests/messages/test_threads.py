"""Which outbound text each reply answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.events import Direction
from crm_sms.messages import Answer, ThreadEntry, answers
from crm_sms.messages.threads import ANSWERS_WITHIN

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def text(key: str, seconds: float) -> ThreadEntry:
    return ThreadEntry(key, Direction.OUTBOUND, NOON + timedelta(seconds=seconds))


def reply(key: str, seconds: float) -> ThreadEntry:
    return ThreadEntry(key, Direction.INBOUND, NOON + timedelta(seconds=seconds))


def answer(outbound: str, reply: str, seconds: float, response: int | None) -> Answer:
    return Answer(outbound, reply, NOON + timedelta(seconds=seconds), response)


ENTRIES = st.lists(
    st.builds(
        ThreadEntry,
        key=st.uuids().map(str),
        direction=st.sampled_from(Direction),
        occurred_at=st.integers(0, 12).map(lambda days: NOON + timedelta(days=days)),
    ),
    max_size=10,
    unique_by=lambda entry: entry.key,
)


@given(ENTRIES, st.data())
def test_order_and_repetition_change_nothing(
    thread: list[ThreadEntry], data: st.DataObject
) -> None:
    """Every permutation and duplication of a thread gives the same answers."""
    again = data.draw(st.lists(st.sampled_from(thread), max_size=3)) if thread else []
    assert answers(data.draw(st.permutations(thread + again))) == answers(thread)


@given(ENTRIES)
def test_every_reply_answers_the_last_text_before_it(thread: list[ThreadEntry]) -> None:
    """Checked against the definition: the last outbound strictly before, at most a week old, and
    one response time for each text that was answered."""
    by_key = {entry.key: entry for entry in thread}
    found = {given_answer.reply: given_answer for given_answer in answers(thread)}
    for entry in thread:
        earlier = [
            other
            for other in thread
            if other.direction is Direction.OUTBOUND and other.occurred_at < entry.occurred_at
        ]
        last = max(earlier, key=lambda other: (other.occurred_at, other.key), default=None)
        expected = (
            entry.direction is Direction.INBOUND
            and last is not None
            and entry.occurred_at - last.occurred_at <= ANSWERS_WITHIN
        )
        assert (entry.key in found) == expected
        if expected and last:
            assert by_key[found[entry.key].outbound] == last
    timed = [a.outbound for a in found.values() if a.response_seconds is not None]
    assert sorted(timed) == sorted({a.outbound for a in found.values()})


def test_a_reply_answers_the_text_before_it() -> None:
    """The usual course: a text, an answer, the seconds between them."""
    assert answers([text("t", 0), reply("r", 90.7)]) == (answer("t", "r", 90.7, 90),)


def test_further_replies_have_no_response_time() -> None:
    """Only the first reply to a text says how long the person took."""
    found = answers([text("t", 0), reply("r1", 60), reply("r2", 120)])
    assert found == (answer("t", "r1", 60, 60), answer("t", "r2", 120, None))


def test_the_last_of_several_texts_is_answered() -> None:
    """A reply after two texts answers the second; the first stays unanswered."""
    found = answers([text("t1", 0), text("t2", 10), reply("r", 60)])
    assert found == (answer("t2", "r", 60, 50),)


def test_each_text_has_its_own_first_reply() -> None:
    """A new text starts a new count."""
    found = answers([text("t1", 0), reply("r1", 5), text("t2", 10), reply("r2", 30)])
    assert found == (answer("t1", "r1", 5, 5), answer("t2", "r2", 30, 20))


@pytest.mark.parametrize(("beyond", "count"), [(0, 1), (1, 0)])
def test_after_a_week_a_reply_answers_nothing(beyond: int, count: int) -> None:
    """Exactly seven days still count, a second more does not."""
    late = ANSWERS_WITHIN.total_seconds() + beyond
    assert len(answers([text("t", 0), reply("r", late)])) == count


def test_a_text_of_the_same_instant_is_not_answered() -> None:
    """Within one second an automatic answer of ours is likelier than a reply to it."""
    assert answers([reply("r", 0), text("t", 0)]) == ()


def test_texts_of_one_instant_go_by_key() -> None:
    """Of two texts at one instant the greater key is the last."""
    assert answers([text("b", 0), text("a", 0), reply("r", 1)])[0].outbound == "b"


def test_a_thread_without_texts_of_ours_has_no_answers() -> None:
    """Somebody who writes first answers nothing."""
    assert answers([reply("r", 0)]) == ()
