"""Conversations: found, closed, given to somebody else, taken back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crm_sms.ledger import Ledger, conversations, outbox
from crm_sms.ledger.crm_records import CrmRecord, remember
from crm_sms.ledger.matched import matches_of, store_matches
from crm_sms.ledger.tables import outbox as outbox_table
from crm_sms.matching import Match
from crm_sms.records import DesiredField, DesiredRecord, Lane
from crm_sms.routing import CONVERSATION, Conversation

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
Make = Callable[..., Any]
Store = Callable[..., int]


def talk(person_id: str, task_key: str) -> Conversation:
    """A conversation that is about to be stored."""
    return Conversation(0, person_id, task_key, NOW)


def test_a_conversation_is_found_while_it_could_take_a_text(ledger: Ledger) -> None:
    """By person and time; closed ones too, as a late text may be older than the close."""
    with ledger.write("process") as connection:
        opened = conversations.start(connection, "sales", talk("p1", "k1"))
        conversations.start(connection, "sales", talk("p2", "k2"))
        conversations.start(connection, "service", talk("p1", "k1"))
        day = CONVERSATION
        assert conversations.recent(connection, "sales", ["p1"], NOW + day - MINUTE) == [opened]
        assert conversations.recent(connection, "sales", ["p1"], NOW + day) == []
        assert conversations.recent(connection, "sales", [], NOW) == []
        assert conversations.by_id(connection, [opened.id]) == {opened.id: opened}
        assert conversations.by_id(connection, []) == {}


def test_a_conversation_is_closed_once(ledger: Ledger) -> None:
    """The first time that its task was seen completed stays."""
    with ledger.write("sync.page") as connection:
        opened = conversations.start(connection, "sales", talk("p1", "k1"))
        counts = [
            conversations.close(connection, "sales", [("k1", at), ("unknown", at)])
            for at in (NOW + MINUTE, NOW + 2 * MINUTE)
        ]
        assert counts == [(1, set()), (0, set())]
        assert conversations.by_id(connection, [opened.id])[opened.id].closed_at == NOW + MINUTE


def test_closing_tells_the_texts_that_had_come_too_late(
    ledger: Ledger, message: Make, store: Store
) -> None:
    """Those of the conversation after its task was completed, not those before."""
    times = {"a": NOW, "b": NOW + MINUTE, "c": NOW + 2 * MINUTE}
    ids = {key: store(message(key, occurred_at=at)) for key, at in times.items()}
    with ledger.write("sync.page") as connection:
        opened = conversations.start(connection, "sales", talk("p1", "k1"))
        found = [
            Match(id, "sales", "r", "o", person_id="p1", conversation_id=opened.id)
            for id in ids.values()
        ]
        store_matches(ledger, connection, found)
        assert conversations.close(connection, "sales", [("k1", times["b"])]) == (1, {ids["c"]})


def test_a_conversation_moves_with_its_texts(ledger: Ledger, message: Make, store: Store) -> None:
    """The answer is which messages must be planned again."""
    ids = [store(message(key)) for key in ("a", "b", "c")]
    with ledger.write("process") as connection:
        opened = conversations.start(connection, "sales", talk("p1", "k1"))
        found = [
            Match(id, "sales", "r", "o", person_id="p1", conversation_id=opened.id)
            for id in ids[:2]
        ]
        store_matches(ledger, connection, found)
        assert conversations.move(connection, opened.id, "p2") == set(ids[:2])
        assert conversations.by_id(connection, [opened.id])[opened.id].person_id == "p2"


@pytest.mark.parametrize("seen", ["", "waits", "written", "tried", "leased", "maybe"])
def test_a_conversation_is_taken_back_while_no_crm_can_have_seen_its_task(
    ledger: Ledger, message: Make, store: Store, seen: str
) -> None:
    """Its texts are free again, and are named."""
    opener, other = store(message("a")), store(message("b"))
    changes = {"tried": {"tries": 1}, "leased": {"holder": "1"}, "maybe": {"maybe": True}}
    task = DesiredRecord("sales", "Task", "task:a", Lane.TASK, {"A": DesiredField(1)}, "Key")
    with ledger.write("process") as connection:
        opened = conversations.start(connection, "sales", talk("p1", "task:a"))
        second = conversations.start(connection, "sales", talk("p2", "task:b"))
        of = {"rule": "r", "opportunity_rule": "o", "conversation_id": opened.id}
        store_matches(ledger, connection, [Match(id, "sales", **of) for id in (opener, other)])
        if seen in {"waits", *changes}:
            windows = {Lane.TASK: MINUTE}
            outbox.put(ledger, connection, [(task, opener)], NOW, windows)
        if seen in changes:
            connection.execute(outbox_table.update().values(**changes[seen]))
        if seen == "written":
            remember(ledger, connection, "sales", {("Task", "task:a"): CrmRecord("id", {})})
        assert conversations.take_back(connection, "sales", {}) == (set(), set())
        found = conversations.take_back(connection, "sales", {opened.id: opener})
        stored = matches_of(connection, "sales", [opener, other]).values()
        left = conversations.by_id(connection, [opened.id, second.id])
    if seen in {"", "waits"}:
        assert found == ({opened.id}, {opener, other})
        assert {match.conversation_id for match in stored} == {None}
        assert left.keys() == {second.id}
    else:
        assert found == (set(), set())
        assert {match.conversation_id for match in stored} == {opened.id}
        assert left.keys() == {opened.id, second.id}
