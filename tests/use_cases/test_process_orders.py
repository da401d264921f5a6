"""Promise 2: the same facts in any order, any number of times, leave the same ledger and outbox."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

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
