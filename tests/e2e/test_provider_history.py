"""Callbacks that come, late, doubled or never, and listings between them: one record per text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from crm_sms.admin_files import read_mapping
from crm_sms.bootstrap import reconciling
from crm_sms.delivery.windows import Windows
from crm_sms.engine.jobs import JOBS, once, without_windows
from crm_sms.events import ErrorClass, Event, Status
from crm_sms.ledger import Ledger
from crm_sms.ledger.mirror_pages import store_people
from crm_sms.ledger.tables import (
    conversations,
    inbox,
    matches,
    message_aliases,
    messages,
    metadata,
    outbox,
    suppressions,
)
from crm_sms.ports import SmsProvider, WebhookRequest
from crm_sms.records import Lane, Person, PersonKind, Phone
from crm_sms.routing import TaskRules
from crm_sms.sandbox.server import Sandbox, running
from crm_sms.sandbox.twilio import orders
from crm_sms.sandbox.twilio.accounts import SERVICE_SID
from crm_sms.sandbox.twilio.callbacks import wire
from crm_sms.testing.world import World, build
from crm_sms.use_cases.process import Planner, Processing, process
from crm_sms.use_cases.receive import receive
from crm_sms.use_cases.reconcile import Reconciling, reconcile
from crm_sms_twilio import Twilio

START = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
PUBLIC_URL = "https://sms.example.com"
JANE, RAUL, SENDER = "+12025550123", "+12025550188", "+12025550100"
CRM = "salesforce"


def as_events(box: Sandbox, provider: SmsProvider) -> list[Event]:
    """What the due callbacks say, those that got lost left out, in the order they are posted."""
    box.twilio.texts_of(box.twilio.account.sid)  # whatever is to happen by now happens
    due = box.twilio.postman.take_due(box.clock.now(), None)
    found = []
    for callback in due:
        if "lost" in callback.spoilt:
            continue
        sent = wire(callback, box.twilio.accounts[callback.account].auth_token)
        parts = urlsplit(sent.url)
        headers = {name.lower(): value for name, value in sent.headers.items()}
        request = WebhookRequest("POST", parts.path, parts.query, headers, sent.body)
        found += provider.receive(request, parts.path.rpartition("/")[2])
    return found


# ── any interleaving ─────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """One sandbox; every example forgets the texts of those before."""
    with running() as running_box:
        yield running_box


@pytest.fixture(scope="module")
def planner() -> Planner:
    """The shipped mapping."""
    windows = Windows()
    lanes = {lane: windows.of(lane) for lane in Lane}
    return Planner(CRM, read_mapping(CRM, None), TaskRules(), lanes)


@dataclass
class Side:
    """A ledger in memory with what fills it."""

    provider: Twilio
    planner: Planner
    clock: Callable[[], datetime]
    ledger: Ledger = field(default_factory=lambda: Ledger("sqlite://", b"k" * 32))

    def __post_init__(self) -> None:
        metadata.create_all(self.ledger.engine)
        people = [
            Person("Contact", id, PersonKind.CONTACT, START, name=id, phones=(Phone("", number),))
            for id, number in (("P1", JANE), ("P2", RAUL))
        ]
        with self.ledger.write("sync.page") as connection:
            store_people(self.ledger, connection, CRM, people, "US")

    @property
    def rules(self) -> dict[str, Any]:
        return {self.provider.name: self.provider.opt_out_rules}

    def take(self, events: list[Event]) -> None:
        """Callbacks come in."""
        receive(self.ledger, self.rules, events, self.clock())

    def list(self) -> None:
        """One run of the listing."""
        run = Reconciling(self.ledger, self.provider, self.clock, timedelta(days=1))
        assert reconcile(run).failed == ""

    def process(self) -> None:
        """Plan what waits."""
        process(Processing(self.ledger, (self.planner,), self.rules, self.clock))

    def state(self) -> dict[str, Any]:
        """All that must not depend on the order; when we first heard of a text does."""
        with self.ledger.read() as connection:

            def rows(query: Any) -> list[tuple[Any, ...]]:
                return sorted((tuple(row) for row in connection.execute(query)), key=repr)

            columns = [c for c in messages.c if c.name not in ("id", "received_at")]
            tasks = outbox.c.lane == int(Lane.TASK)
            return {
                "messages": rows(select(*columns)),
                "aliases": rows(
                    select(messages.c.key, message_aliases.c.alias).join(message_aliases)
                ),
                "matches": rows(
                    select(messages.c.key, matches.c.person_id, matches.c.rule).join(messages)
                ),
                "suppressed": rows(select(suppressions.c.number_digest).distinct()),
                "records": rows(
                    select(outbox.c.object, outbox.c.key, outbox.c.lane, outbox.c.fields).where(
                        ~tasks
                    )
                ),
                "tasks": rows(select(outbox.c.partition, outbox.c.object).where(tasks)),
                "conversations": rows(select(conversations.c.person_id)),
                "inbox": rows(select(inbox)),
            }


def text(box: Sandbox, provider: Twilio, draw: Any, number: int) -> None:
    """Another system sends, perhaps with a key, perhaps through a pool; or a person writes."""
    kind = draw(st.sampled_from(["keyed", "plain", "pool", "silent", "reply", "stop"]))
    person = draw(st.sampled_from([JANE, RAUL]))
    if kind in ("reply", "stop"):
        body = "STOP" if kind == "stop" else f"answer {number}"
        box.twilio.reply(orders.Reply(**{"from": person, "to": SENDER, "body": body}))
        return
    url = f"{PUBLIC_URL}/webhooks/twilio/status"
    if kind == "keyed":
        url = provider.callback_url(PUBLIC_URL, f"k{number}", {"campaign": "spring"})
    sender = {"service": SERVICE_SID} if kind == "pool" else {"from": SENDER}
    box.twilio.account.opted_out.clear()
    box.twilio.send(
        orders.SendText(
            **{
                "to": person,
                "body": f"text {number}",
                "status_callback": "" if kind == "silent" else url,
                "outcome": draw(st.sampled_from(["delivered", "undelivered", "failed", "read"])),
                "delays": {"sent": draw(st.integers(0, 90)), "delivered": 100},
                **sender,
            }
        )
    )


def reset(box: Sandbox) -> None:
    """Nothing is left of an example before."""
    box.clock.set(START)
    box.twilio.clear_faults()
    box.twilio._plan.clear()
    box.twilio.texts.clear()
    box.twilio.postman.waiting.clear()
    box.twilio.configure(orders.Configure(inbound_url=f"{PUBLIC_URL}/webhooks/twilio/inbound"))


@dataclass
class Game:
    """What may happen, in any order; `under_way` are callbacks that have not come, `came` those
    that have."""

    box: Sandbox
    provider: Twilio
    side: Side
    draw: Any
    under_way: list[Event] = field(default_factory=list)
    came: list[Event] = field(default_factory=list)

    def act(self) -> None:
        """One thing happens."""
        acts = (
            self.send,
            self.send,
            self.callbacks,
            self.callbacks,
            self.list,
            self.plan,
            self.wait,
        )
        self.draw(st.sampled_from(acts))()
        self.under_way += as_events(self.box, self.provider)

    def send(self) -> None:
        """A text goes out or comes in."""
        text(self.box, self.provider, self.draw, len(self.box.twilio.texts))

    def callbacks(self) -> None:
        """Some of the callbacks come, one of them perhaps twice."""
        taken = self.draw(st.permutations(self.under_way))[: self.draw(st.integers(0, 4))]
        self.under_way = [event for event in self.under_way if event not in taken]
        self.came += taken
        self.side.take([*taken, *taken[: self.draw(st.integers(0, 1))]])

    def list(self) -> None:
        """A run of the listing."""
        self.side.list()

    def plan(self) -> None:
        """A run of processing."""
        self.side.process()

    def wait(self) -> None:
        """Time passes."""
        self.box.clock.advance(self.draw(st.integers(1, 60)))

    def end(self) -> None:
        """Every text has come to its end, and every callback that is not lost comes."""
        self.box.clock.advance(3600)
        self.under_way += as_events(self.box, self.provider)
        self.side.take(self.under_way)
        self.came += self.under_way
        self.under_way = []


def connected(box: Sandbox) -> Twilio:
    """The adapter, set up for the sandbox's account."""
    account = box.twilio.account
    accounts = {account.sid: {"auth_token": account.auth_token}}
    settings = {"public_url": PUBLIC_URL, "base_url": box.url, "accounts": accounts}
    return Twilio(settings, box.clock.now)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_interleaving_of_callbacks_and_listings_ends_in_the_same(
    box: Sandbox, planner: Planner, monkeypatch: pytest.MonkeyPatch, data: st.DataObject
) -> None:
    """Texts sent, callbacks lost, late and in any order, pages that shift while new texts come in:
    in the end the ledger and the records are those of all callbacks first and one listing after."""
    monkeypatch.setattr("crm_sms_twilio.history.PAGE_SIZE", 2)
    reset(box)
    box.twilio.add_fault(orders.Fault(fault="lost", share=0.3, seed=data.draw(st.integers(0, 99))))
    if data.draw(st.booleans()):
        box.twilio.add_fault(orders.Fault(fault="shifted"))
    provider = connected(box)
    side, other = (Side(provider, planner, box.clock.now) for _ in range(2))
    game = Game(box, provider, side, data.draw)
    for _ in range(data.draw(st.integers(1, 30))):
        game.act()
    game.end()
    other.take(game.came)
    for one in (side, other):
        one.list()
        one.process()
    found = side.state()
    assert len(found["messages"]) == len(box.twilio.texts)
    assert found == other.state()
    for one in (side, other):
        one.ledger.close()


# ── callbacks that never came, on the way to the CRM ─────────────────────────────────────────────


@pytest.fixture
def live(world: World) -> World:
    """Jane and Raul are known, callbacks go to the installation, and one of them has come."""
    world.contact()
    world.contact("(202) 555-0188", LastName="Roe")
    world.box.twilio.configure(orders.Configure(inbound_url=f"{world.box.url}/webhooks/twilio/in"))
    world.advance(600)
    world.sync()
    world.box.twilio.send(order(world, JANE, "the first text of all"))
    come(world)
    return world


def order(world: World, to: str, body: str, **fields: Any) -> orders.SendText:
    """A text of another system, whose status callbacks come to us."""
    url = f"{world.box.url}/webhooks/twilio/status"
    return orders.SendText(
        **{"to": to, "from": SENDER, "body": body, "status_callback": url, **fields}
    )


def come(world: World, seconds: float = 60) -> None:
    """Time passes, and callbacks come in unless they get lost."""
    world.advance(seconds)
    world.receive(*as_events(world.box, world.app.providers["twilio"]))


def listing(world: World) -> Any:
    """One run of `sync provider`, and of all that follows it."""
    report = reconcile(reconciling(world.app, "twilio"))
    world.settle(rounds=2, seconds=130)
    return report


def test_a_text_whose_callbacks_were_lost_stands_on_the_contact(live: World) -> None:
    """With its body, which no callback ever carries, and only once when a callback comes late."""
    live.box.twilio.add_fault(orders.Fault(fault="lost", match="status"))
    live.box.twilio.send(order(live, RAUL, "Spring is here"))
    come(live, 600)
    report = listing(live)
    assert (report.found, report.missed) == (1, {live.account: 1})
    [raul] = [one for one in live.records("Contact") if one["LastName"] == "Roe"]
    [row] = [one for one in live.records("SMS_Message__c") if one["Contact__c"] == raul["Id"]]
    assert (row["Body__c"], row["Status__c"]) == ("Spring is here", "Delivered")
    assert raul["SMS_Sent_Count__c"] == 1
    live.receive(live.outbound(RAUL, row["Provider_Message_Id__c"], Status.DELIVERED))
    live.settle(rounds=2)
    assert len(live.records("SMS_Message__c")) == 2


def test_a_stop_whose_callback_was_lost_opts_out(live: World) -> None:
    """On every record that holds the number, with the first delivery after the listing."""
    live.box.twilio.add_fault(orders.Fault(fault="lost", match="inbound"))
    live.box.twilio.reply(orders.Reply(**{"from": JANE, "to": SENDER, "body": "Stop"}))
    come(live, 600)
    assert reconcile(reconciling(live.app, "twilio")).opt_outs == 1
    live.process()
    live.deliver()
    [jane] = [one for one in live.records("Contact") if one["LastName"] == "Doe"]
    assert jane["SMS_Opt_Out__c"] is True


def test_a_reply_whose_callback_was_lost_makes_a_task(live: World) -> None:
    """As fresh as it is; when the callback comes after all, there is no second one."""
    live.box.twilio.add_fault(orders.Fault(fault="lost", match="inbound", times=1))
    text = live.box.twilio.reply(orders.Reply(**{"from": JANE, "to": SENDER, "body": "Call me"}))
    come(live, 600)
    assert listing(live).missed == {live.account: 1}
    [task] = live.tasks()
    assert "Call me" in task["Description"]
    live.receive(live.reply(JANE, text.sid, "Call me"))
    listing(live)
    assert len(live.tasks()) == 1
    assert len(live.tasks("entry:")) == 2


def test_callbacks_that_came_are_not_missed(live: World) -> None:
    """Nor is anything found: the listing only completes what is there."""
    live.box.twilio.send(order(live, RAUL, "Spring is here"))
    live.box.twilio.reply(orders.Reply(**{"from": RAUL, "to": SENDER, "body": "Yes please"}))
    come(live, 60)
    come(live, 600)
    report = listing(live)
    assert (report.found, report.missed, report.completed) == (0, {}, 3)
    bodies = {one["Body__c"] for one in live.records("SMS_Message__c")}
    assert bodies == {"the first text of all", "Spring is here", "Yes please"}


def test_the_worker_lists_by_itself(live: World) -> None:
    """In `sync all`, before what it found is planned and written."""
    live.box.twilio.add_fault(orders.Fault(fault="lost"))
    live.box.twilio.send(order(live, RAUL, "Spring is here"))
    come(live, 600)
    done = once(without_windows(live.app), [job.name for job in JOBS], lambda *told: None)
    assert [one.failure for one in done] == ["", "", "", ""]
    assert "Spring is here" in {one["Body__c"] for one in live.records("SMS_Message__c")}


# ── records that wait for the body of their text ─────────────────────────────────────────────────


@pytest.fixture
def patient(tmp_path: Path, sandbox: Sandbox) -> Iterator[World]:
    """As an installation is by itself: for two minutes records wait for a body. Jane is known."""
    world = build(tmp_path, sandbox, bodies_s=120)
    world.contact()
    world.advance(600)
    world.sync()
    yield world
    world.app.close()


def to_jane(world: World) -> None:
    """A text of another system, whose callbacks have all come."""
    world.box.twilio.send(order(world, JANE, "Spring is here"))
    come(world, 10)
    world.process()


def bodies(world: World) -> list[Any]:
    """What the message records say."""
    return [one.get("Body__c") for one in world.records("SMS_Message__c")]


def test_a_text_is_written_once_and_complete(patient: World) -> None:
    """It waits, while what was counted is written; the listing lets it go."""
    to_jane(patient)
    patient.advance(60)
    patient.deliver()
    assert bodies(patient) == []
    [jane] = patient.records("Contact")
    assert jane["SMS_Sent_Count__c"] == 1
    reconcile(reconciling(patient.app, "twilio"))
    patient.process()
    patient.deliver()
    assert bodies(patient) == ["Spring is here"]
    patient.advance(600)
    assert patient.deliver().requests == 0


def test_without_a_body_it_is_written_after_two_minutes(patient: World) -> None:
    """The listing that comes later completes the same record."""
    to_jane(patient)
    patient.advance(119)
    patient.deliver()
    assert bodies(patient) == []
    patient.advance(1)
    patient.deliver()
    assert bodies(patient) == [None]
    reconcile(reconciling(patient.app, "twilio"))
    patient.settle()
    assert bodies(patient) == ["Spring is here"]


def test_an_answered_text_stands_on_the_timeline_with_its_body(patient: World) -> None:
    """An entry is made once, so it waits as well; the task for the reply and an opt-out do not."""
    to_jane(patient)
    reply = orders.Reply(**{"from": JANE, "to": SENDER, "body": "Call me"})
    patient.box.twilio.configure(
        orders.Configure(inbound_url=f"{patient.box.url}/webhooks/twilio/in")
    )
    patient.box.twilio.reply(reply)
    come(patient, 1)
    patient.process()
    patient.advance(2)
    patient.deliver()
    [task] = patient.tasks()
    assert "Call me" in task["Description"]
    assert bodies(patient) == ["Call me"]
    reconcile(reconciling(patient.app, "twilio"))
    patient.settle()
    subjects = {one["Subject"] for one in patient.tasks("entry:")}
    assert subjects == {"SMS sent: Spring is here", "SMS received: Call me"}


def test_an_opt_out_waits_for_no_body(patient: World) -> None:
    """A send that was refused because of an earlier no has no body here, and opts out at once."""
    patient.receive(
        patient.outbound(
            JANE, "SM1", Status.FAILED, error_code="21610", error_class=ErrorClass.CONSENT
        )
    )
    patient.process()
    patient.deliver()
    [jane] = patient.records("Contact")
    assert jane["SMS_Opt_Out__c"] is True
    assert bodies(patient) == []
