"""Makes the events of many requests durable with few commits: while one runs, the next gathers."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog

from crm_sms.errors import StoreUnavailable
from crm_sms.events import Event
from crm_sms.logs import where
from crm_sms.web.metrics import Metrics

_log = structlog.get_logger("crm_sms.web")

MAX_GROUP = 500
"""Events of one commit: the most that architecture.md allows a write transaction."""

Store = Callable[[Sequence[Event]], list[bool]]
"""Stores all of these events or none, and says which were new; called in a thread of its own."""


@dataclass(slots=True, eq=False)
class _Waiting:
    events: Sequence[Event]
    answer: asyncio.Future[list[bool]]


_Outcome = list[bool] | Exception


class GroupCommit:
    """One writer for all requests, first come first served.

    `committed` is called after every commit, in the writer's thread.
    """

    def __init__(
        self, store: Store, committed: Callable[[], object], max_waiting: int, metrics: Metrics
    ) -> None:
        self._store = store
        self._committed = committed
        self._max_waiting = max_waiting
        self._metrics = metrics
        self._queue: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        metrics.waiting.set_function(lambda: len(self._queue))

    async def store(self, events: Sequence[Event]) -> list[bool]:
        """Which of these events were new, once all of them are durable.

        Raises StoreUnavailable, at once when too many wait, or what the store says of these very
        events; then none of them is kept.
        """
        if len(self._queue) >= self._max_waiting:
            raise StoreUnavailable("too many callbacks wait for the ledger")
        waiting = _Waiting(events, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._arrived.set()
        return await waiting.answer

    async def run(self, stopping: asyncio.Event) -> None:
        """Commit whatever waits, until `stopping` is set and nothing waits any more."""
        loop = asyncio.get_running_loop()
        ended = loop.create_task(stopping.wait())
        ended.add_done_callback(lambda _: self._arrived.set())
        with ThreadPoolExecutor(1, "crm-sms-writer") as thread:
            while self._queue or not stopping.is_set():
                await self._arrived.wait()
                self._arrived.clear()
                while group := self._take():
                    outcomes = await loop.run_in_executor(
                        thread, self._commit, [waiting.events for waiting in group]
                    )
                    _answer(group, outcomes)

    def _take(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        size = 0
        while self._queue and (not group or size + len(self._queue[0].events) <= MAX_GROUP):
            group.append(self._queue.popleft())
            size += len(group[-1].events)
        return group

    def _commit(self, requests: list[Sequence[Event]]) -> list[_Outcome]:
        """One outcome for each request. A group in which the store finds fault is halved until
        the faulty request stands alone, so that it costs the others nothing but time."""
        started = time.perf_counter()
        try:
            fresh = self._store([event for events in requests for event in events])
        except StoreUnavailable as error:
            return [error] * len(requests)
        except Exception as error:  # noqa: BLE001  # whatever it is, it belongs to one request
            if len(requests) == 1:
                return [error]
            half = len(requests) // 2
            return self._commit(requests[:half]) + self._commit(requests[half:])
        self._metrics.commit_seconds.observe(time.perf_counter() - started)
        self._metrics.commit_events.observe(len(fresh))
        self._tell()
        return _shared_out(fresh, requests)

    def _tell(self) -> None:
        try:
            self._committed()
        except Exception as error:  # noqa: BLE001  # the commit stands, and the writer must go on
            _log.error("nobody could be told of a commit", error=where(error))


def _shared_out(fresh: list[bool], requests: list[Sequence[Event]]) -> list[_Outcome]:
    outcomes: list[_Outcome] = []
    start = 0
    for events in requests:
        outcomes.append(fresh[start : start + len(events)])
        start += len(events)
    return outcomes


def _answer(group: list[_Waiting], outcomes: list[_Outcome]) -> None:
    for waiting, outcome in zip(group, outcomes, strict=True):
        if waiting.answer.done():  # its request was cancelled; the events are stored all the same
            continue
        if isinstance(outcome, Exception):
            waiting.answer.set_exception(outcome)
        else:
            waiting.answer.set_result(outcome)
