"""Many requests, few commits: shared, fair, bounded, and one request's fault is its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.errors import StoreUnavailable
from crm_sms.events import Event, EventKind
from crm_sms.web.group_commit import MAX_GROUP, GroupCommit
from crm_sms.web.metrics import Metrics

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def event(key: object) -> Event:
    """An event that only its key tells apart."""
    return Event("acme", "main", str(key), EventKind.STATUS, NOW)


class Memory:
    """A store that holds its first commit until `gate` opens, and refuses keys named `bad…`."""

    def __init__(self) -> None:
        self.commits: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.down = False
        self.entered = threading.Event()

    def __call__(self, events: Sequence[Event]) -> list[bool]:
        self.entered.set()
        assert self.gate.wait(20)
        if self.down:
            raise StoreUnavailable("down")
        keys = [event.key for event in events]
        if any(key.startswith("bad") for key in keys):
            raise ValueError("bad")
        known = {key for commit in self.commits for key in commit}
        self.commits.append(keys)
        return [key not in known for key in keys]


def play(
    scenario: Callable[[GroupCommit], Coroutine[Any, Any, Any]],
    memory: Memory,
    *,
    committed: Callable[[], object] = lambda: None,
    max_waiting: int = 10_000,
) -> Any:
    """Runs a scenario while a writer runs, then stops the writer."""

    async def main() -> Any:
        writer = GroupCommit(memory, committed, max_waiting, Metrics())
        stopping = asyncio.Event()
        running = asyncio.create_task(writer.run(stopping))
        try:
            return await scenario(writer)
        finally:
            stopping.set()
            await asyncio.wait_for(running, 20)

    return asyncio.run(main())


async def while_busy(
    memory: Memory, writer: GroupCommit, groups: Sequence[Sequence[Event]]
) -> list[Any]:
    """Stores groups while another commit is under way; outcomes in their order."""
    memory.gate.clear()
    first = asyncio.create_task(writer.store([event("first")]))
    await asyncio.to_thread(memory.entered.wait, 20)
    tasks = [asyncio.create_task(writer.store(group)) for group in groups]
    await asyncio.sleep(0)
    memory.gate.set()
    await first
    return await asyncio.gather(*tasks, return_exceptions=True)


def test_what_waits_shares_the_next_commit() -> None:
    """While one commit runs, all others gather, in the order in which they came."""
    memory = Memory()
    groups = [[event(number)] for number in range(50)]
    answers = play(lambda writer: while_busy(memory, writer, groups), memory)
    assert answers == [[True]] * 50
    assert memory.commits == [["first"], [str(number) for number in range(50)]]


def test_a_commit_is_bounded_and_first_come_is_first_served() -> None:
    """No commit holds more than the bound, and nobody overtakes."""
    memory = Memory()
    sizes = [1, 3, MAX_GROUP - 5, 2, 499, MAX_GROUP + 7, 1, 1]
    groups = [
        [event(f"{number}-{index}") for index in range(size)] for number, size in enumerate(sizes)
    ]
    play(lambda writer: while_busy(memory, writer, groups), memory)
    assert [len(commit) for commit in memory.commits] == [1, 499, 2, 499, MAX_GROUP + 7, 2]
    flat = [key for commit in memory.commits[1:] for key in commit]
    assert flat == [event.key for group in groups for event in group]


def test_each_request_learns_which_of_its_own_were_new() -> None:
    """A duplicate is told apart from the new events that share its commit."""
    memory = Memory()
    groups = [[event("first"), event("a")], [event("b")], [event("first")], []]
    answers = play(lambda writer: while_busy(memory, writer, groups), memory)
    assert answers == [[False, True], [True], [False], []]


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_a_fault_is_answered_to_its_own_request_only(faults: list[bool]) -> None:
    """Whichever requests the store refuses, exactly those fail, and all others are kept once."""
    memory = Memory()
    names = [f"{'bad' if fault else 'good'}{number}" for number, fault in enumerate(faults)]
    answers = play(
        lambda writer: while_busy(memory, writer, [[event(name)] for name in names]), memory
    )
    assert [isinstance(answer, ValueError) for answer in answers] == faults
    kept = [key for commit in memory.commits for key in commit]
    assert kept == ["first", *(name for name in names if name.startswith("good"))]


def test_a_store_that_is_down_fails_the_group_and_then_recovers() -> None:
    """Nobody is answered as if stored; the next request after recovery is."""

    async def scenario(writer: GroupCommit) -> Any:
        memory.down = True
        refused = await asyncio.gather(
            *(writer.store([event(number)]) for number in range(5)), return_exceptions=True
        )
        memory.down = False
        return refused, await writer.store([event("after")])

    memory = Memory()
    refused, after = play(scenario, memory)
    assert [type(answer) for answer in refused] == [StoreUnavailable] * 5
    assert after == [True]
    assert memory.commits == [["after"]]


def test_too_many_are_refused_at_once() -> None:
    """The queue has an end; whoever is in it is still stored."""
    memory = Memory()
    groups = [[event(number)] for number in range(12)]
    answers = play(lambda writer: while_busy(memory, writer, groups), memory, max_waiting=10)
    assert answers[:10] == [[True]] * 10
    assert [type(answer) for answer in answers[10:]] == [StoreUnavailable] * 2
    assert len(memory.commits[1]) == 10


def test_what_waits_when_the_writer_is_stopped_is_stored() -> None:
    """A shutdown answers everyone who already came."""

    async def main() -> Any:
        memory.gate.clear()
        writer = GroupCommit(memory, lambda: None, 100, Metrics())
        stopping = asyncio.Event()
        running = asyncio.create_task(writer.run(stopping))
        tasks = [asyncio.create_task(writer.store([event(number)])) for number in range(3)]
        await asyncio.to_thread(memory.entered.wait, 20)
        stopping.set()
        memory.gate.set()
        await asyncio.wait_for(running, 20)
        return await asyncio.gather(*tasks)

    memory = Memory()
    assert asyncio.run(main()) == [[True]] * 3


def test_a_writer_that_nobody_uses_stops() -> None:
    """Stopping does not wait for a request."""

    async def nothing(_: GroupCommit) -> None:
        await asyncio.sleep(0)

    play(nothing, Memory())


def test_a_cancelled_request_leaves_the_others_alone() -> None:
    """Its events are stored like any; the writer goes on."""

    async def scenario(writer: GroupCommit) -> Any:
        memory.gate.clear()
        first = asyncio.create_task(writer.store([event("first")]))
        await asyncio.to_thread(memory.entered.wait, 20)
        first.cancel()
        second = asyncio.create_task(writer.store([event("second")]))
        await asyncio.sleep(0)
        memory.gate.set()
        return await second

    memory = Memory()
    assert play(scenario, memory) == [True]
    assert memory.commits == [["first"], ["second"]]


def test_every_commit_is_told_once_it_stands() -> None:
    """Whoever is told can already see the events; a failing hook does no harm."""
    told: list[int] = []

    def committed() -> None:
        told.append(len(memory.commits))
        raise RuntimeError("no worker")

    async def scenario(writer: GroupCommit) -> Any:
        memory.down = True
        with pytest.raises(StoreUnavailable):
            await writer.store([event("lost")])
        memory.down = False
        return [await writer.store([event("a")]), await writer.store([event("b")])]

    memory = Memory()
    assert play(scenario, memory, committed=committed) == [[True], [True]]
    assert told == [1, 2]
