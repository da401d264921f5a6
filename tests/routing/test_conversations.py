"""Which replies share a task."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.routing import CONVERSATION, Conversation, conversation_of

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)

spans = st.timedeltas(timedelta(days=-3), timedelta(days=3))
talks = st.builds(
    lambda id, start, length: Conversation(
        id, "jane", f"task:{id}", NOON + start, NOON + start + length if length else None
    ),
    st.integers(1, 9),
    spans,
    st.none() | st.timedeltas(timedelta(0), timedelta(days=2)),
)


def talk(closed: timedelta | None = None) -> Conversation:
    """A conversation that began at noon."""
    return Conversation(1, "jane", "task:1", NOON, NOON + closed if closed is not None else None)


@pytest.mark.parametrize(
    ("after", "belongs"),
    [
        (timedelta(0), True),
        (CONVERSATION - TICK, True),
        (CONVERSATION, False),
        (CONVERSATION + TICK, False),
        (-CONVERSATION + TICK, True),
        (-CONVERSATION, False),
        (timedelta(days=-2), False),
    ],
)
def test_a_conversation_lasts_less_than_24_hours_either_way(
    after: timedelta, belongs: bool
) -> None:
    """A reply at exactly 24 hours opens the next one."""
    assert (conversation_of(NOON + after, [talk()]) is not None) == belongs


@pytest.mark.parametrize(
    ("after", "belongs"),
    [(timedelta(hours=-1), True), (timedelta(hours=1), True), (timedelta(hours=1) + TICK, False)],
)
def test_a_completed_task_takes_no_later_reply(after: timedelta, belongs: bool) -> None:
    """One that came before the completion, and late to us, still belongs."""
    closed = talk(closed=timedelta(hours=1))
    assert (conversation_of(NOON + after, [closed]) is not None) == belongs


def test_nothing_known_is_a_new_conversation() -> None:
    """The first reply opens one."""
    assert conversation_of(NOON, []) is None


@given(spans, st.lists(talks, max_size=6, unique_by=lambda one: one.id), st.data())
def test_a_reply_belongs_to_one_at_most_whatever_the_order(
    span: timedelta, known: list[Conversation], data: st.DataObject
) -> None:
    """To one of those that it fits, and the same one however they are listed."""
    at = NOON + span
    found = conversation_of(at, known)
    assert found == conversation_of(at, data.draw(st.permutations(known)))
    fitting = [one for one in known if conversation_of(at, [one])]
    assert (found in fitting) if fitting else found is None


@given(st.lists(spans, min_size=1, max_size=12))
def test_replies_in_order_open_no_conversation_within_a_day_of_another(
    offsets: list[timedelta],
) -> None:
    """Played in time, openings are at least 24 hours apart and every reply finds one."""
    known: list[Conversation] = []
    for number, offset in enumerate(sorted(offsets)):
        at = NOON + offset
        if conversation_of(at, known) is None:
            known.append(Conversation(number, "jane", f"task:{number}", at))
    starts = [one.started_at for one in known]
    assert all(b - a >= CONVERSATION for a, b in pairwise(starts))
    assert all(conversation_of(NOON + offset, known) for offset in offsets)
