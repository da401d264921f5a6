"""What the month is played on: an installation with a web service, an org, phones, and the dice."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from crm_sms.bootstrap import own_clients
from crm_sms.demo.stage import Stage
from crm_sms.demo.wire import Orders
from crm_sms.demo.words import Rep, Script
from crm_sms.engine.jobs import JOBS, Job, Once, run_once
from crm_sms.testing.world import CRM, World

T = TypeVar("T")

REPS = tuple(Rep(f"r{n}", f"Rep {name}") for n, name in enumerate(("Ann", "Ben", "Cat")))
SCRIPT = Script(REPS, "boss", (), (), (), (), ())
"""An org with users and nobody else; who is there is drawn."""

TEXT, TASK = "SMS_Message__c", "Task"


class Killed(BaseException):
    """The worker is gone, as with a power cut: nothing of ours runs after it."""


@dataclass(slots=True)
class Somebody:
    """A contact or lead as the org has it; `number` is E.164 whatever was typed."""

    id: str
    object: str
    number: str | None
    account: str | None = None


@dataclass(slots=True)
class Month:
    """The month so far. `people` are those who live in the org, `gone` those who were deleted;
    `said_no` are the numbers that texted STOP; `ending` is what ends when; `killed` says that the
    worker is killed at its next write, "before" or "after" the org has it."""

    stage: Stage
    dice: random.Random
    people: dict[str, Somebody] = field(default_factory=dict)
    gone: dict[str, Somebody] = field(default_factory=dict)
    numbers: list[str] = field(default_factory=list)
    said_no: set[str] = field(default_factory=set)
    no_by_hand: set[str] = field(default_factory=set)
    accounts: list[str] = field(default_factory=list)
    deals: list[str] = field(default_factory=list)
    lost_deals: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    sids: list[str] = field(default_factory=list)
    ending: list[tuple[datetime, Callable[[], None]]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    failures: list[Once] = field(default_factory=list)
    killed: str = ""
    orders: Orders = field(init=False)
    jobs: dict[str, Callable[[], Once]] = field(init=False)

    def __post_init__(self) -> None:
        self.orders = Orders(self.stage.box.url)
        self.jobs = {job.name: self._job(job) for job in JOBS}

    def _job(self, job: Job) -> Callable[[], Once]:
        """As in a worker, each job has a CRM client of its own."""
        app = own_clients(self.stage.app)
        [scope] = job.scopes(app)
        crm: Any = app.crms[CRM]
        if job.name == "deliver":
            crm.write = self._mortal(crm.write)
        prepared = job.prepare(app, scope)
        return lambda: run_once(job.name, scope, lambda: prepared, lambda what, done, total: None)

    def _mortal(self, write: Callable[..., Any]) -> Callable[..., Any]:
        """The same, but for a worker that is killed at it."""

        def mortal(chunks: Any) -> Any:
            die, self.killed = self.killed, ""
            if die == "before":
                raise Killed
            done = write(chunks)
            if die:
                raise Killed
            return done

        return mortal

    @property
    def world(self) -> World:
        """The installation and its sandbox."""
        return self.stage.world

    @property
    def now(self) -> datetime:
        """What time it is."""
        return self.world.now

    def run(self, *names: str) -> None:
        """Each of these jobs once; one that fails goes on the next time."""
        for name in names:
            try:
                done = self.jobs[name]()
            except Killed:
                continue
            if done.failure:
                self.failures.append(done)

    def pass_time(self, seconds: float) -> None:
        """What is due by then happens: troubles end, callbacks go out."""
        self.world.advance(seconds)
        over = [end for at, end in self.ending if at <= self.now]
        self.ending = [(at, end) for at, end in self.ending if at > self.now]
        for end in over:
            end()
        self.stage.box.twilio.deliver()

    def later(self, longest: timedelta, what: Callable[[], None]) -> None:
        """Something that ends after a drawn time."""
        at = self.now + longest * self.dice.uniform(0.05, 1)
        self.ending.append((at, what))

    def one(self, some: Sequence[T] | Mapping[Any, T]) -> T | None:
        """One of these, or None of nothing."""
        every = list(some.values()) if isinstance(some, Mapping) else list(some)
        return self.dice.choice(every) if every else None

    def seed(self, **operation: Any) -> list[str]:
        """Somebody in the org does something."""
        return list(self.stage.box.salesforce.seed(operation)["results"][0])

    def note(self, what: str) -> None:
        """For whoever has to find out why."""
        self.log.append(f"{self.now:%d %H:%M:%S} {what}")

    @property
    def crm(self) -> str:
        """The CRM's configured name."""
        return CRM
