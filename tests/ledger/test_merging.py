"""Two messages that are one text become one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from crm_sms.ledger import Ledger, conversations, outbox, texts
from crm_sms.ledger.crm_records import CrmRecord, remember
from crm_sms.ledger.facts import append
from crm_sms.ledger.inbox import backlog, claim, done
from crm_sms.ledger.matched import matches_of, store_matches
from crm_sms.ledger.merging import merge
from crm_sms.ledger.tables import outbox as outbox_table
from crm_sms.matching import Match
from crm_sms.records import DesiredField, DesiredRecord, Lane
from crm_sms.routing import Conversation

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
Make = Callable[..., Any]
Store = Callable[..., int]


def want(
    ledger: Ledger, connection: Connection, id: int, key: str, key_field: str | None = "Key"
) -> None:
    """Have a desired record wait for this message."""
    fields = {"A": DesiredField(1)}
    record = DesiredRecord("sales", "Text", key, Lane.TIMELINE, fields, key_field)
    windows = {Lane.TIMELINE: timedelta(0)}
    outbox.put(ledger, connection, [(record, id)], NOW, windows)


def match(id: int, person: str | None = "p", crm: str = "sales", **given: Any) -> Match:
    """Whom a message concerns."""
    return Match(id, crm, "only" if person else "shared", "none", person_id=person, **given)


@pytest.fixture
def pair(message: Make, store: Store) -> tuple[int, int]:
    """The message that is kept, and the lost one."""
    return store(message("kept")), store(message("lost"))


def test_all_names_lead_to_the_kept_message(
    ledger: Ledger, message: Make, store: Store, pair: tuple[int, int]
) -> None:
    """The lost one is gone; what waits under its key is withdrawn, unless it may be in the CRM."""
    kept, lost = pair
    third = store(message("third"))
    with ledger.write("process") as connection:
        for id, key in ((kept, "kept"), (lost, "lost"), (lost, "tried"), (third, "third")):
            want(ledger, connection, id, key)
        tried = outbox_table.c.key == "tried"
        connection.execute(outbox_table.update().where(tried).values(tries=1))
        want(ledger, connection, lost, "sums of p", key_field=None)
        assert merge(ledger, connection, lost=lost, kept=kept, now=NOW) == []
        rows = select(outbox_table.c.key, outbox_table.c.message_id)
        assert {row[0]: row[1] for row in connection.execute(rows)} == {
            "kept": kept,
            "tried": kept,
            "sums of p": kept,
            "third": third,
        }
        assert texts.stored(connection, [kept, lost]).keys() == {kept}
        assert texts.aliases_of(connection, [kept, lost]) == {kept: {"kept", "lost"}}


def test_the_kept_message_takes_the_place_of_the_lost_one_where_it_had_none(
    ledger: Ledger, pair: tuple[int, int]
) -> None:
    """In each CRM for itself; a match that it does not take is told."""
    kept, lost = pair
    theirs = [match(lost, crm=crm) for crm in ("none", "nobody", "same", "other")]
    ours = [match(kept, None, "nobody"), match(kept, "p", "same"), match(kept, "q", "other")]
    with ledger.write("process") as connection:
        store_matches(ledger, connection, [*theirs, *ours])
        dropped = merge(ledger, connection, lost=lost, kept=kept, now=NOW)
        found = {
            crm: matches_of(connection, crm, [kept, lost])
            for crm in ("none", "nobody", "same", "other")
        }
    assert {one.crm for one in dropped} == {"same", "other"}
    assert {crm: one[kept].person_id for crm, one in found.items()} == {
        "none": "p",
        "nobody": "p",
        "same": "p",
        "other": "q",
    }
    assert all(one.keys() == {kept} for one in found.values())


def test_a_conversation_that_the_lost_message_opened_is_the_kept_one_s(
    ledger: Ledger, pair: tuple[int, int]
) -> None:
    """With its task, under the kept key."""
    kept, lost = pair
    with ledger.write("process") as connection:
        talk = conversations.start(connection, "sales", Conversation(0, "p", "task:lost", NOW))
        store_matches(ledger, connection, [match(lost, conversation_id=talk.id)])
        merge(ledger, connection, lost=lost, kept=kept, now=NOW)
        [found] = conversations.by_id(connection, [talk.id]).values()
        assert found.task_key == "task:kept"
        assert matches_of(connection, "sales", [kept])[kept].conversation_id == talk.id


@pytest.mark.parametrize("seen", [False, True])
def test_a_conversation_that_the_kept_message_does_not_take_is_no_more(
    ledger: Ledger, message: Make, store: Store, event: Make, pair: tuple[int, int], seen: bool
) -> None:
    """Its other replies are processed again, unless a rep may have its task."""
    kept, lost = pair
    other = store(message("acme:main:m1"))
    with ledger.write("receive") as connection:
        append(ledger, connection, [event("e")], NOW)
    with ledger.write("process") as connection:
        done(connection, [row.event_id for row in claim(connection, 9)])
        talk = conversations.start(connection, "sales", Conversation(0, "p", "task:lost", NOW))
        found = [match(lost, conversation_id=talk.id), match(other, conversation_id=talk.id)]
        store_matches(ledger, connection, [*found, match(kept, "q")])
        if seen:
            remember(ledger, connection, "sales", {("Task", "task:lost"): CrmRecord("id", {})})
        former = replace(found[0], message_id=kept)
        assert merge(ledger, connection, lost=lost, kept=kept, now=NOW) == [former]
        assert bool(conversations.by_id(connection, [talk.id])) == seen
        assert backlog(connection)[0] == (0 if seen else 1)
