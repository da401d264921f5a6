"""Promise 2: the same facts in any order, any number of times, leave the same ledger and outbox."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from crm_sms.admin_files import read_mapping
from crm_sms.delivery.windows import Windows
from crm_sms.events import (
    Click,
    Direction,
    Event,
    EventKind,
    Metadata,
    OptOutRules,
    OptOutType,
    Status,
)
from crm_sms.ledger import Ledger
from crm_sms.ledger.crm_records import CrmRecord, known_records, remember
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
from crm_sms.phone import parse_address
from crm_sms.records import Lane, Person, PersonKind, Phone
from crm_sms.routing import TaskRules
from crm_sms.use_cases.process import Planner, Processing, process
from crm_sms.use_cases.receive import receive

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
OURS, OTHER_OURS = "+15005550006", "+15005550007"
JANE, SHARED, UNKNOWN = "+12025550123", "+12025550188", "+12025550199"
RULES = {"twilio": OptOutRules({"STOP": OptOutType.STOP, "START": OptOutType.START})}


def fact(key: str, id: str, minute: int, *, inbound: bool = False, **fields: Any) -> Event:
    """A fact about one text, received at its own minute whenever it is stored."""
    ours, theirs = fields.pop("ours", OURS), fields.pop("theirs", JANE)
    sender, recipient = (theirs, ours) if inbound else (ours, theirs)
    return Event(
        provider="twilio",
        account="AC1",
        key=key,
        kind=fields.pop("kind", EventKind.REPLY if inbound else EventKind.STATUS),
        received_at=NOW + timedelta(minutes=minute),
        provider_message_id=id,
        direction=Direction.INBOUND if inbound else Direction.OUTBOUND,
        sender=parse_address(sender),
        recipient=parse_address(recipient),
        **fields,
    )


FACTS = (
    fact("SM1:queued", "SM1", 0, status=Status.QUEUED, message_key="k1"),
    fact("SM1:sent", "SM1", 1, status=Status.SENT, message_key="k1"),
    fact("SM1:delivered", "SM1", 3, status=Status.DELIVERED, message_key="k1"),
    fact(
        "SM1:click",
        "SM1",
        9,
        kind=EventKind.CLICK,
        click=Click(
            "https://x.example/a", "Mozilla/5.0 (iPhone) Safari", NOW + timedelta(minutes=9)
        ),
    ),
    fact("SM2", "SM2", 10, inbound=True, status=Status.RECEIVED, body="Yes, call me"),
    fact("SM3", "SM3", 11, inbound=True, status=Status.RECEIVED, body="today if you can"),
    fact("SM4:failed", "SM4", 12, status=Status.FAILED, error_code="30003"),
    fact("SM4:sent", "SM4", 13, status=Status.SENT),
    fact(
        "SM5:sent", "SM5", 14, theirs=SHARED, status=Status.SENT, metadata=Metadata(person_id="P2")
    ),
    fact("SM6", "SM6", 15, inbound=True, theirs=SHARED, status=Status.RECEIVED, body="who is this"),
    fact("SM7:sent", "SM7", 16, theirs=SHARED, ours=OTHER_OURS, status=Status.SENT),
    fact("SM8", "SM8", 20, inbound=True, status=Status.RECEIVED, body="STOP"),
    fact("SM9", "SM9", 21, inbound=True, theirs=UNKNOWN, status=Status.RECEIVED, body="hello"),
    fact(
        "SM1:snapshot:1",
        "SM1",
        30,
        kind=EventKind.SNAPSHOT,
        status=Status.DELIVERED,
        body="Hi Jane",
        segments=1,
        sent_at=NOW + timedelta(seconds=30),
    ),
)

PEOPLE = (
    ("P1", (JANE,)),
    ("P2", (SHARED,)),
    ("P3", (SHARED,)),
)


@pytest.fixture(scope="module")
def planner() -> Planner:
    """The shipped Salesforce mapping."""
    windows = Windows()
    return Planner(
        "salesforce",
        read_mapping("salesforce", None),
        TaskRules(),
        {lane: windows.of(lane) for lane in Lane},
    )


class World:
    """A ledger in memory whose mirror knows PEOPLE."""

    def __init__(self, planner: Planner) -> None:
        self.ledger = Ledger("sqlite://", b"k" * 32)
        metadata.create_all(self.ledger.engine)
        self.processing = Processing(self.ledger, (planner,), RULES, lambda: NOW)
        self.crm: dict[tuple[str, str], dict[str, Any]] = {}
        people = [
            Person(
                "Contact",
                id,
                PersonKind.CONTACT,
                NOW,
                name=id,
                phones=tuple(Phone("MobilePhone", number) for number in numbers),
            )
            for id, numbers in PEOPLE
        ]
        with self.ledger.write("sync.page") as connection:
            store_people(self.ledger, connection, "salesforce", people, "US")

    def play(self, groups: Sequence[Sequence[Event]]) -> dict[str, Any]:
        """Store and process group by group; then the state, without row numbers and order."""
        for group in groups:
            receive(self.ledger, RULES, group, NOW)
            process(self.processing)
        return self.state()

    def state(self) -> dict[str, Any]:
        """What must not depend on order, as plain data."""
        with self.ledger.read() as connection:

            def rows(query: Any) -> list[tuple[Any, ...]]:
                return sorted((tuple(row) for row in connection.execute(query)), key=repr)

            columns = [c for c in messages.c if c.name not in ("id",)]
            names = select(messages.c.key, message_aliases.c.alias).join(message_aliases)
            whom = select(
                messages.c.key, matches.c.person_id, matches.c.rule, matches.c.opportunity_id
            ).join(messages)
            wanted = select(outbox.c.object, outbox.c.key, outbox.c.lane, outbox.c.fields).where(
                outbox.c.lane != int(Lane.TASK)
            )
            tasks = select(outbox.c.partition, outbox.c.object).where(
                outbox.c.lane == int(Lane.TASK)
            )
            return {
                "messages": rows(select(*columns)),
                "aliases": rows(names),
                "matches": rows(whom),
                "suppressions": rows(select(suppressions.c.number_digest, suppressions.c.at)),
                "records": rows(wanted),
                "tasks by person": rows(tasks),
                "conversations": rows(select(conversations.c.person_id)),
                "inbox": rows(select(inbox)),
            }

    def deliver(self) -> None:
        """A deliverer writes all that waits, into a CRM that is only a dictionary."""
        with self.ledger.write("deliver.settle") as connection:
            for row in connection.execute(select(outbox)).all():
                values = {name: value for name, (_, value) in row.fields.items()}
                self.crm.setdefault((row.object, row.key), {}).update(values)
                known = known_records(connection, "salesforce", [(row.object, row.key)])
                before = known[row.object, row.key].written if known else {}
                written = CrmRecord(row.key, {**before, **dict.fromkeys(values, "x")})
                remember(self.ledger, connection, "salesforce", {(row.object, row.key): written})
            connection.execute(delete(outbox))

    def told(self) -> dict[str, Any]:
        """What the CRM says of people, and of each text that concerns somebody; to count nothing is
        to say nothing."""
        names = (
            "Status__c",
            "Contact__c",
            "Response_Seconds__c",
            "Click_Count__c",
            "Error_Code__c",
        )
        with self.ledger.read() as connection:
            keys = dict(
                connection.execute(
                    select(message_aliases.c.alias, messages.c.key).join(messages)
                ).all()
            )
        texts = {
            alias: {name: self.crm[MESSAGE, key][name] for name in names}
            for alias, key in keys.items()
            if self.crm.get((MESSAGE, key), {}).get("Contact__c")
        }
        people = {
            id: {name: value for name, value in fields.items() if value not in (None, 0)}
            for (object, id), fields in self.crm.items()
            if object == "Contact"
        }
        return {"texts": texts, "people": {id: one for id, one in people.items() if one}}


MESSAGE = "SMS_Message__c"


@pytest.fixture
def expected(planner: Planner) -> Iterator[dict[str, Any]]:
    """The state after all facts in their own order, at once."""
    world = World(planner)
    yield world.play([FACTS])
    world.ledger.close()


@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
def test_any_order_and_repetition_ends_in_the_same_state(
    data: st.DataObject, planner: Planner, expected: dict[str, Any]
) -> None:
    """Facts shuffled, doubled and processed in any portions want the same records and tasks."""
    order = data.draw(st.permutations(FACTS))
    again = data.draw(st.lists(st.sampled_from(FACTS), max_size=6))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(order)), max_size=6)))
    every = [*order, *again]
    groups = [every[start:end] for start, end in zip([0, *cuts], [*cuts, len(every)], strict=True)]
    world = World(planner)
    try:
        assert world.play(groups) == expected
    finally:
        world.ledger.close()


def test_the_expected_state_is_worth_comparing(expected: dict[str, Any]) -> None:
    """The facts reach every part of the state: people, triage, tasks, opt-outs."""
    assert len(expected["messages"]) == 9
    rules = {row[2] for row in expected["matches"]}
    assert rules == {"only", "given", "last_texted", "shared", "unknown"}
    assert len(expected["tasks by person"]) == 2
    assert len(expected["suppressions"]) == 1
    assert expected["inbox"] == []


# ── Any texts ────────────────────────────────────────────────────────────────────────────────────

ENDS = (Status.DELIVERED, Status.UNDELIVERED, Status.FAILED, Status.CANCELED, Status.READ)
BODIES = ("Yes", "STOP", "START", "Liked “see you”")
numbers = st.sampled_from((JANE, SHARED, SHARED, UNKNOWN))
ours = st.sampled_from((OURS, OURS, OTHER_OURS))
minutes = st.integers(0, 120)


@st.composite
def outbound(draw: st.DrawFn, id: str) -> list[Event]:
    """Statuses, clicks and a listing of one text of ours; its metadata comes with some of them."""
    ends = {"theirs": draw(numbers), "ours": draw(ours)}
    means = Metadata(person_id=draw(st.sampled_from((None, "P1", "P2", "P3"))))
    facts = []
    statuses = draw(st.sets(st.sampled_from((Status.QUEUED, Status.SENT, *ENDS)), min_size=1))
    for status in sorted(statuses):
        said = draw(st.sampled_from((means, Metadata())))
        minute = draw(minutes)
        facts.append(fact(f"{id}:{status}", id, minute, status=status, metadata=said, **ends))
    if draw(st.booleans()):
        at = draw(minutes)
        click = Click("https://x.example/a", "Mozilla/5.0 Safari", NOW + timedelta(minutes=at))
        bare = fact(f"{id}:click", id, at, kind=EventKind.CLICK, click=click, **ends)
        facts.append(replace(bare, sender=None, recipient=None))
    if draw(st.booleans()):
        sent_at = NOW + timedelta(minutes=draw(minutes))
        status = draw(st.sampled_from(sorted(statuses)))
        kind, body = EventKind.SNAPSHOT, "Hello"
        facts.append(
            fact(f"{id}:listed", id, 150, kind=kind, status=status, body=body, **ends)
            if draw(st.booleans())
            else fact(f"{id}:listed", id, 150, kind=kind, status=status, sent_at=sent_at, **ends)
        )
    return facts


@st.composite
def inbound(draw: st.DrawFn, id: str) -> list[Event]:
    """A reply, whose body comes with it or with a listing."""
    plain: dict[str, Any] = {"theirs": draw(numbers), "ours": draw(ours)}
    plain |= {"inbound": True, "status": Status.RECEIVED}
    body, minute = draw(st.sampled_from(BODIES)), draw(minutes)
    if draw(st.booleans()):
        return [fact(id, id, minute, body=body, **plain)]
    at = NOW + timedelta(minutes=draw(minutes))
    listed = fact(f"{id}:listed", id, 150, kind=EventKind.SNAPSHOT, occurred_at=at, **plain)
    return [fact(id, id, minute, **plain), replace(listed, body=body)]


@st.composite
def keyed(draw: st.DrawFn, id: str, facts: list[Event]) -> list[Event]:
    """The same text with keys of ours: each is learnt from one fact that has the id as well; other
    facts are told by the key alone."""
    found = list(facts)
    for name in draw(st.sampled_from(((), (f"k{id}",), (f"k{id}", f"j{id}")))):
        linking = draw(st.sampled_from(facts))
        found.append(replace(linking, key=f"{linking.key}:{name}", message_key=name))
        if draw(st.booleans()):
            alone = draw(st.sampled_from(facts))
            key = f"{alone.key}:{name} alone"
            found.append(replace(alone, key=key, message_key=name, provider_message_id=None))
    return found


@st.composite
def threads(draw: st.DrawFn) -> list[Event]:
    """Everything that is ever said of a few texts."""
    found: list[Event] = []
    for number in range(draw(st.integers(2, 5))):
        id = f"SM{number}"
        found += draw(keyed(id, draw(draw(st.sampled_from((outbound, inbound)))(id))))
    return found


@st.composite
def portions(draw: st.DrawFn, facts: Sequence[Event]) -> list[list[Event]]:
    """The facts in any order, some of them again, cut anywhere."""
    every = [*draw(st.permutations(facts)), *draw(st.lists(st.sampled_from(facts), max_size=4))]
    cuts = sorted(draw(st.sets(st.integers(1, len(every)), max_size=8)))
    return [every[start:end] for start, end in zip([0, *cuts], [*cuts, len(every)], strict=True)]


@settings(max_examples=100, suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
def test_whatever_is_said_of_texts_may_come_in_any_order_and_portions(
    data: st.DataObject, planner: Planner
) -> None:
    """Statuses, clicks, replies, opt-outs, listings; keys learnt late, several for one text, facts
    told by a key alone: the ledger and what waits are those of all facts at once."""
    facts = data.draw(threads())
    at_once, in_portions = World(planner), World(planner)
    try:
        assert in_portions.play(data.draw(portions(facts))) == at_once.play([facts])
    finally:
        at_once.ledger.close()
        in_portions.ledger.close()


@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
def test_what_was_written_in_between_does_not_change_what_a_crm_ends_with(
    data: st.DataObject, planner: Planner
) -> None:
    """People's sums and opt-outs, and what the record of each text says of it, are the same however
    often a deliverer was quicker than the facts."""
    facts = data.draw(threads())
    groups = data.draw(portions(facts))
    writes = data.draw(st.lists(st.booleans(), min_size=len(groups), max_size=len(groups)))
    at_once, in_portions = World(planner), World(planner)
    try:
        at_once.play([facts])
        at_once.deliver()
        for group, written in zip(groups, writes, strict=True):
            in_portions.play([group])
            if written:
                in_portions.deliver()
        in_portions.deliver()
        assert in_portions.told() == at_once.told()
    finally:
        at_once.ledger.close()
        in_portions.ledger.close()


def written(world: World, groups: Sequence[Sequence[Event]]) -> dict[str, Any]:
    """What a CRM says when each group was written before the next one came."""
    for group in groups:
        world.play([group])
        world.deliver()
    told = world.told()
    world.ledger.close()
    return told


AT_ONE_INSTANT = {
    "a person comes from a text whose key is learnt late": (
        [
            fact("SM0", "SM0", 0, theirs=SHARED, status=Status.DELIVERED),
            fact(
                "SM2",
                "SM2",
                3,
                theirs=SHARED,
                status=Status.SENT,
                metadata=Metadata(person_id="P3"),
            ),
        ],
        fact("SM2:k", "SM2", 0, theirs=SHARED, status=Status.FAILED, message_key="k"),
    ),
    "a person goes to a text whose key is learnt late": (
        [
            fact("SM1", "SM1", 1, theirs=SHARED, status=Status.SENT),
            fact(
                "SM1:failed",
                "SM1",
                2,
                theirs=SHARED,
                status=Status.FAILED,
                metadata=Metadata(person_id="P1"),
            ),
            fact("SM2", "SM2", 1, theirs=SHARED, status=Status.UNDELIVERED),
        ],
        fact("SM2:k", "SM2", 1, theirs=SHARED, status=Status.UNDELIVERED, message_key="k"),
    ),
}


@pytest.mark.parametrize("name", AT_ONE_INSTANT)
def test_texts_of_one_instant_keep_their_order_whatever_key_was_written(
    name: str, planner: Planner
) -> None:
    """A text that was written under the provider's id keeps that key; one that was not takes ours.
    Neither has a part in who was texted first."""
    first, late = AT_ONE_INSTANT[name]
    at_once = written(World(planner), [[*first, late]])
    assert written(World(planner), [first, [late]]) == at_once
    assert at_once["texts"]


# ── Keys ─────────────────────────────────────────────────────────────────────────────────────────

TWICE = tuple(
    fact(f"{id}:{status}", id, minute, status=status, message_key=key, body=id)
    for id in ("A", "B")
    for status, minute, key in (
        (Status.QUEUED, 0, None),
        (Status.SENT, 1, "campaign"),
        (Status.DELIVERED, 2, "campaign"),
    )
)


@settings(max_examples=30, suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
def test_a_key_that_was_used_twice_is_one_text_s_in_any_order(
    data: st.DataObject, planner: Planner
) -> None:
    """Which of the two has it rests on which fact of theirs was processed first; nothing else
    does."""
    groups = data.draw(portions(TWICE))
    world, other = World(planner), World(planner)
    try:
        state = world.play(groups)
        [first] = {alias for key, alias in state["aliases"] if key == "campaign"} - {"campaign"}
        own = [one for one in TWICE if first.endswith(f":{one.provider_message_id}")]
        rest = [one for one in TWICE if one not in own]
        assert state == other.play([own, rest])
    finally:
        world.ledger.close()
        other.ledger.close()


def test_a_key_used_for_two_texts_does_not_make_them_one(planner: Planner) -> None:
    """Another system that sends the same key with every text gets one message per text."""
    world = World(planner)
    first = replace(FACTS[1], key="A:sent", provider_message_id="A", message_key="campaign")
    second = replace(FACTS[1], key="B:sent", provider_message_id="B", message_key="campaign")
    state = world.play([[first], [second], [replace(second, key="B:delivered")]])
    assert [row[0] for row in state["messages"]] == ["campaign", "twilio:AC1:B"]
    world.ledger.close()


def test_a_text_known_by_our_key_only_and_by_its_id_only_is_one_text(planner: Planner) -> None:
    """Two messages found to be one leave one message and one record."""
    world = World(planner)
    by_key = replace(FACTS[0], key="x1", provider_message_id=None, message_key="k9")
    by_id = replace(FACTS[1], key="x2", provider_message_id="SM99", message_key=None)
    both = replace(FACTS[2], key="x3", provider_message_id="SM99", message_key="k9")
    expected = world.play([[by_key, by_id, both]])
    for groups in (
        [[by_key], [by_id], [both]],
        [[both], [by_id], [by_key]],
        [[by_id], [both, by_key]],
    ):
        other = World(planner)
        assert other.play(groups) == expected
        other.ledger.close()
    assert [row[0] for row in expected["messages"]] == ["k9"]
    world.ledger.close()
