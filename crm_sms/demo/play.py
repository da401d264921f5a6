"""Plays the script: the clock goes on, texts and callbacks fly, the jobs do their work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from crm_sms.bootstrap import own_clients
from crm_sms.demo.org import person_fields
from crm_sms.demo.played import Played, Stopwatch
from crm_sms.demo.stage import Stage
from crm_sms.demo.wire import Orders, click_order, forge
from crm_sms.demo.words import (
    CRM_RETURNS,
    DAYS,
    LIVE_DAY,
    Act,
    Deed,
    Reply,
    Script,
    Sent,
)
from crm_sms.engine.jobs import JOBS
from crm_sms.errors import TryLater
from crm_sms.sandbox.twilio import orders
from crm_sms.testing.world import CRM
from crm_sms.use_cases.deliver import DeliveryReport
from crm_sms.use_cases.status import overview

Tell = Callable[[str, int, "int | None"], None]
"""Hears of (what, so much done, of how much)."""

_GRID_S = 300
"""While the CRM is down nobody waits for anything, so callbacks are looked at every 5 minutes."""
_PARALLEL = 16
_ROUNDS = 200
_TRY_CRM = timedelta(days=1)
_PULL = timedelta(hours=2)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)

FAULTS: Sequence[Mapping[str, Any]] = (
    {"fault": "doubled", "share": 0.15, "seed": 1},
    {"fault": "late", "match": "sending", "seconds": 3600, "share": 0.2, "seed": 2},
    {"fault": "late", "match": "sent", "seconds": 1800, "share": 0.3, "seed": 3},
    {"fault": "reordered", "match": "status", "seconds": 20, "share": 0.5, "seed": 4},
)
"""What the network makes of the callbacks."""

DOWN: Mapping[str, Any] = {"kind": "status", "status": 503}
"""What the CRM says to everything, tokens included, until it returns."""


def play(stage: Stage, script: Script, tell: Tell) -> Played:
    """Play the fortnight; afterwards the clock stands at its end and nothing waits any more."""
    player = _Player(stage, script)
    player.prepare()
    player.while_down(tell)
    player.drain(tell)
    player.live(tell)
    player.finish()
    return player.played


class _Player:
    def __init__(self, stage: Stage, script: Script) -> None:
        self.stage, self.script, self.played = stage, script, Played()
        self.orders = Orders(stage.box.url)
        self.people = {person.ref: person for person in script.people}
        self.provider = stage.app.providers["twilio"]
        self.todo = list(_in_order(script))
        # As in a worker, each job has a CRM client of its own.
        self.apps = {job.name: own_clients(stage.app) for job in JOBS}
        self.runs = {
            job.name: job.prepare(self.apps[job.name], scope)
            for job in JOBS
            for scope in job.scopes(stage.app)
        }

    @property
    def now(self) -> datetime:
        return self.stage.world.now

    def at(self, offset: timedelta) -> datetime:
        return self.stage.start + offset

    def calls(self, job: str) -> int:
        return self.apps[job].crms[CRM].calls

    def run(self, job: str) -> Any:
        return self.runs[job](lambda what, done, total: None)

    # ── before the first text ────────────────────────────────────────────────────────────────

    def prepare(self) -> None:
        """The first pull, then the CRM goes away."""
        url = f"{self.stage.web_url}/webhooks/twilio"
        self.orders("config", {"inbound_url": f"{url}/inbound", "click_url": f"{url}/click"})
        for fault in FAULTS:
            self.orders("faults", fault)
        self.run("sync people")
        self.stage.world.fault(**DOWN)

    # ── thirteen days without the CRM ────────────────────────────────────────────────────────

    def while_down(self, tell: Tell) -> None:
        """Everything is received and planned; the CRM is tried now and then, in vain."""
        end, tried = self.at(CRM_RETURNS), self.now
        while (then := self._next(end, _GRID_S)) < end:
            self._go_to(then)
            self._step()
            if then - tried >= _TRY_CRM:
                tried = then
                self._try_in_vain()
            tell("days without the CRM", (then - self.stage.start) // _DAY, LIVE_DAY)
        tell("days without the CRM", LIVE_DAY, LIVE_DAY)
        self._go_to(end)
        self._step()
        self._forge()

    def _forge(self) -> None:
        """Somebody without the token says that a person wants no more texts, and other lies."""
        victim = next(text for text in self.script.sent if text.outcome == "delivered")
        lies = [
            ("inbound", {"MessageSid": "SM" + "f" * 32, "Body": "STOP", "SmsStatus": "received"}),
            ("status", {"MessageSid": self.played.sids[victim.ref], "MessageStatus": "failed"}),
        ]
        ends = {"From": victim.number, "To": victim.sender, "AccountSid": self.stage.world.account}
        for kind, lie in lies:
            self.played.forged += 1
            status = forge(f"{self.stage.web_url}/webhooks/twilio/{kind}", {**ends, **lie})
            self.played.forged_refused += status == 403

    def _try_in_vain(self) -> None:
        self.played.outage_attempts += 1
        report: DeliveryReport = self.run("deliver")
        assert report.done == 0
        try:
            self.run("sync people")
        except TryLater:
            return
        raise RuntimeError("the CRM was to be down, and answered")

    # ── it returns ───────────────────────────────────────────────────────────────────────────

    def drain(self, tell: Tell) -> None:
        """The whole backlog at once."""
        self.stage.world.clear_faults()
        self.run("sync people")
        self._step()
        before = self.calls("deliver")
        waiting = self._waiting()
        for _ in self._until_nothing_waits():
            self.played.backlog_records += self.run("deliver").done
            tell("records of the backlog", waiting - self._waiting(), waiting)
        self.played.backlog_calls = self.calls("deliver") - before

    def _until_nothing_waits(self) -> Iterator[None]:
        """Each time the next row is due; what still waits after many rounds, the judge names."""
        for _ in range(_ROUNDS):
            if not self._waiting():
                return
            self._go_to(max(self.now + timedelta(seconds=1), self._due() or self.now))
            yield

    def _waiting(self) -> int:
        now = overview(self.stage.app.ledger, [CRM], self.now).crms[CRM]
        return sum(queue.waiting + queue.settling for queue in now.queues)

    def _due(self) -> datetime | None:
        return next(job.due for job in JOBS if job.due)(self.stage.app, CRM)

    # ── the last day ─────────────────────────────────────────────────────────────────────────

    def live(self, tell: Tell) -> None:
        """To the second, every job at its time; replies are timed until their task is there."""
        end = self.at(timedelta(days=DAYS))
        began = pulled = self.now
        clock = Stopwatch(self.stage, self.played)
        while (then := self._next(min(end, pulled + _PULL), 1, self._due())) < end:
            self._go_to(then)
            clock.start()
            done = self._step()
            self.run("deliver")
            clock.stop([self._task_key(one.ref) for one in done if isinstance(one, Reply)])
            if then >= pulled + _PULL:
                pulled = then
                self.run("sync people")
                self._step()
            tell("hours of the last day", (then - began) // _HOUR, (end - began) // _HOUR)
        self._go_to(end)

    def finish(self) -> None:
        """Nothing waits any more; what was called is counted."""
        self._step()
        for _ in self._until_nothing_waits():
            self.run("deliver")
        self.played.api_calls = self.calls("deliver")
        self.played.mirror_calls = self.calls("sync people")

    # ── one instant ──────────────────────────────────────────────────────────────────────────

    def _next(self, end: datetime, grid_s: int, *further: datetime | None) -> datetime:
        """When something happens next, rounded up to whole steps, at most `end`."""
        times = [self.stage.box.twilio.next_due(), *further]
        times += [self.at(self.todo[0].at)] if self.todo else []
        first = min((time for time in times if time), default=end)
        steps = -((self.stage.start - first) // timedelta(seconds=grid_s))
        return min(max(self.at(timedelta(seconds=grid_s * steps)), self.now), end)

    def _go_to(self, then: datetime) -> None:
        self.stage.box.clock.set(then)

    def _step(self) -> list[Sent | Reply | Act]:
        """What is to happen by now happens, callbacks go out, and we plan what came in."""
        done = []
        while self.todo and self.at(self.todo[0].at) <= self.now:
            done.append(self.todo.pop(0))
            _DO[type(done[-1])](self, done[-1])
        if self.stage.box.twilio.deliver(orders.Deliver(parallel=_PARALLEL)):
            self.run("process")
        return done

    def send(self, text: Sent) -> None:
        """The other system sends a text."""
        metadata = dict(text.metadata)
        if text.tells_person:
            metadata["person_id"] = self.stage.ids[text.person]
        url = f"{self.stage.web_url}/webhooks/twilio/status"
        if text.keyed:
            url = self.provider.callback_url(self.stage.web_url, text.ref, metadata)
        order = {
            "to": text.number,
            "from": text.sender,
            "body": text.body,
            "status_callback": url,
            "outcome": text.outcome,
            "error_code": text.error_code,
            "delays": {"delivered": text.delivered_after.total_seconds()},
            "clicks": [click_order(click) for click in text.clicks],
        }
        self.played.sids[text.ref] = self.orders("texts", order)["sid"]

    def reply(self, reply: Reply) -> None:
        """A person writes."""
        order = {"from": reply.number, "to": reply.sender, "body": reply.body}
        self.played.sids[reply.ref] = self.orders("replies", order)["sid"]

    def act(self, act: Act) -> None:
        """Somebody in the CRM does something."""
        _DEEDS[act.deed](self, act)

    def _find(self, object: str, field: str, key: str) -> str | None:
        """A record of ours; if it is not there the judge says so, and nobody can work on it."""
        rows = self.stage.world.records(object)
        return next((row["Id"] for row in rows if row.get(field) == key), None)

    def _task_of(self, act: Act) -> str | None:
        return self._find("Task", "SMS_Key__c", self._task_key(act.of))

    def _task_key(self, reply: str) -> str:
        return f"task:twilio:{self.stage.world.account}:{self.played.sids[reply]}"

    def edit_task(self, act: Act) -> None:
        """A rep changes a task, or completes it."""
        fields = {name: self.stage.ids.get(value, value) for name, value in act.fields.items()}
        if task := self._task_of(act):
            self.stage.world.edit("Task", task, **fields)

    def delete_task(self, act: Act) -> None:
        """A rep throws a task away."""
        if task := self._task_of(act):
            self.stage.world.delete(task)

    def give_text_away(self, act: Act) -> None:
        """A rep gives a message record to a colleague."""
        owner = self.stage.ids[act.fields["OwnerId"]]
        if text := self._find("SMS_Message__c", "Message_Key__c", act.of):
            self.stage.world.edit("SMS_Message__c", text, OwnerId=owner)

    def add_person(self, act: Act) -> None:
        """Somebody enters a number that we had looked for in vain."""
        person = self.people[act.of]
        fields = person_fields(person, self.stage.ids)
        [self.stage.ids[person.ref]] = self.stage.world.create(person.object, fields)

    def uncheck_opt_out(self, act: Act) -> None:
        """Somebody clears an opt-out that the person asked for."""
        person = self.people[act.of]
        self.stage.world.edit(person.object, self.stage.ids[person.ref], SMS_Opt_Out__c=False)


def _in_order(script: Script) -> Iterator[Sent | Reply | Act]:
    every: list[Sent | Reply | Act] = [*script.sent, *script.replies, *script.acts]
    yield from sorted(every, key=lambda one: one.at)


_DO: Mapping[type, Callable[[_Player, Any], None]] = {
    Sent: _Player.send,
    Reply: _Player.reply,
    Act: _Player.act,
}

_DEEDS: Mapping[Deed, Callable[[_Player, Act], None]] = {
    Deed.COMPLETE_TASK: _Player.edit_task,
    Deed.EDIT_TASK: _Player.edit_task,
    Deed.DELETE_TASK: _Player.delete_task,
    Deed.GIVE_TEXT_AWAY: _Player.give_text_away,
    Deed.ADD_PERSON: _Player.add_person,
    Deed.UNCHECK_OPT_OUT: _Player.uncheck_opt_out,
}
