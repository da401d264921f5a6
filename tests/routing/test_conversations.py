"""Which replies share a task."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.routing import (
    CONVERSATION,
    Conversation,
    Reply,
    conversation_of,
    converse,
    task_key,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
HOUR = timedelta(hours=1)

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


def reply(key: str, hours: float, person: str = "jane", held: int | None = None) -> Reply:
    """A reply so long after noon."""
    return Reply(key, NOON + timedelta(hours=hours), person, held)


def opened(by: Reply, id: int) -> Conversation:
    """The stored conversation that this reply opened."""
    return Conversation(id, by.person_id, task_key(by.key), by.at)


def test_the_first_reply_opens_a_conversation_and_the_others_join_it() -> None:
    """It is not stored yet, and has the first one's task; the next day has its own."""
    first, second, third = reply("a", 0), reply("b", 23.9), reply("c", 24)
    found = converse([third, second, first], [])
    assert found == {"a": opened(first, 0), "b": opened(first, 0), "c": opened(third, 0)}


def test_people_do_not_share_a_conversation() -> None:
    """Whatever the time between them."""
    ann, bob = reply("a", 0, "ann"), reply("b", 1, "bob")
    assert converse([ann, bob], [opened(ann, 1)]) == {"a": opened(ann, 1), "b": opened(bob, 0)}


def test_a_reply_stays_in_the_conversation_that_it_was_in() -> None:
    """Also when its time, learnt late, would place it in another."""
    first, second = reply("a", 0), reply("b", 30)
    late = reply("c", 31, held=1)
    known = [opened(first, 1), opened(second, 2)]
    assert converse([late], known) == {"c": known[0]}


def test_a_reply_that_came_after_the_task_was_done_leaves() -> None:
    """The completion is learnt later; the reply that opened the conversation stays in any case."""
    done = Conversation(1, "ann", task_key("a"), NOON, NOON + HOUR)
    opener, before, after = (
        Reply("a", NOON, "ann", held=1),
        Reply("b", NOON + HOUR, "ann", held=1),
        Reply("c", NOON + HOUR + TICK, "ann", held=1),
    )
    found = converse([after, before, opener], [done])
    assert found["a"] == found["b"] == done
    assert found["c"].task_key == task_key("c")
    ended_at_once = replace(done, closed_at=NOON - TICK)
    assert converse([opener], [ended_at_once]) == {"a": ended_at_once}


def test_a_conversation_follows_the_reply_that_opened_it_to_another_person() -> None:
    """With its task; who joined it and did not move opens another."""
    moved, stays = reply("a", 0, "bob", held=1), reply("b", 1, "ann", held=1)
    found = converse([stays, moved], [Conversation(1, "ann", task_key("a"), NOON)])
    assert found == {"a": Conversation(1, "bob", task_key("a"), NOON), "b": opened(stays, 0)}


def test_who_moves_along_with_the_opening_reply_stays_with_it() -> None:
    """An older one too, that came later."""
    older, opener = reply("a", -1, "bob", held=1), reply("b", 0, "bob", held=1)
    found = converse([older, opener], [Conversation(1, "ann", task_key("b"), NOON)])
    assert {one.id for one in found.values()} == {1}
    assert {one.person_id for one in found.values()} == {"bob"}


REPLIES = st.lists(
    st.builds(
        reply, st.sampled_from("abcdefgh"), st.integers(-60, 60), st.sampled_from(["ann", "bob"])
    ),
    max_size=8,
    unique_by=lambda one: one.key,
)


@given(REPLIES, st.data())
def test_the_order_of_replies_does_not_matter(replies: list[Reply], data: st.DataObject) -> None:
    """Each conversation is of one person and opened by a reply of theirs."""
    found = converse(replies, [])
    assert converse(data.draw(st.permutations(replies)), []) == found
    by_task = {task_key(one.key): one for one in replies}
    for one in replies:
        talk = found[one.key]
        assert talk.person_id == one.person_id == by_task[talk.task_key].person_id
        assert talk.started_at == by_task[talk.task_key].at
        assert abs(talk.started_at - one.at) < CONVERSATION


@given(REPLIES, st.sets(st.sampled_from("abcdefgh")))
def test_what_is_decided_once_stays(replies: list[Reply], again: set[str]) -> None:
    """Any of the replies planned again, with what was stored, are where they were."""
    found = converse(replies, [])
    tasks = sorted({talk.task_key for talk in found.values()})
    stored = {
        key: replace(found[key.removeprefix("task:")], id=n) for n, key in enumerate(tasks, 1)
    }
    held = [replace(one, held=stored[found[one.key].task_key].id) for one in replies]
    some = [one for one in held if one.key in again]
    assert converse(some, stored.values()) == {
        one.key: stored[found[one.key].task_key] for one in some
    }
