"""Whom a pull takes in, where the CRM says little of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from crm_sms.admin_files import shipped
from crm_sms.delivery.windows import Windows
from crm_sms.ledger import Ledger
from crm_sms.ledger.tables import metadata, people
from crm_sms.mapping import Mapping
from crm_sms.records import Lane, Person, PersonKind
from crm_sms.routing import TaskRules
from crm_sms.use_cases.process import Planner
from crm_sms.use_cases.sync_people.people import store_people_page
from crm_sms.use_cases.sync_people.words import Syncing, SyncReport

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def syncing() -> Iterator[Syncing]:
    """Contacts with a score above five are taken in."""
    text = (shipped() / "salesforce.toml").read_text(encoding="utf-8")
    line = 'object = "Contact"\n'
    text = text.replace(line, f'{line}where = "person.fields.Score__c > 5"\n', 1)
    windows = {lane: Windows().of(lane) for lane in Lane}
    planner = Planner("crm", Mapping.load(text, "own.toml"), TaskRules(), windows)
    ledger, no_crm = Ledger("sqlite://", b"k" * 32), None
    metadata.create_all(ledger.engine)
    yield Syncing(ledger, planner, no_crm, lambda: NOON, "US", 0.0)  # type: ignore[arg-type]
    ledger.close()


def stored(syncing: Syncing, *found: Person) -> tuple[dict[str, bool], list[str]]:
    """Who is taken in, by id, and what the report says of the mapping."""
    report = SyncReport()
    with syncing.ledger.write("sync.page") as connection:
        store_people_page(syncing, report, connection, found, NOON)
        rows = connection.execute(select(people.c.id, people.c.covered)).all()
    return {row.id: row.covered for row in rows}, report.mapping


def contact(id: str, **given: Any) -> Person:
    """Somebody."""
    return Person("Contact", id, PersonKind.CONTACT, NOON, **given)


def test_those_whom_the_condition_cannot_judge_are_left_out_and_told_once(
    syncing: Syncing,
) -> None:
    """Whatever is wrong with how many of them."""
    found = [contact("a", fields={"Score__c": 6}), contact("b"), contact("c"), contact("d")]
    covered, told = stored(syncing, *found)
    assert covered == {"a": True, "b": False, "c": False, "d": False}
    [line] = told
    assert line.startswith("own.toml: people.contact.where: failed with TypeError")


def test_somebody_deleted_of_whom_only_the_id_is_known_is_not_judged(syncing: Syncing) -> None:
    """Nothing is told of them, and the condition is not to blame."""
    assert stored(syncing, contact("a", deleted=True)) == ({"a": True}, [])
