"""Who gets the task, when it is due, and when a text is too old for one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.events import Direction, OptOutType, Status
from crm_sms.messages import Message
from crm_sms.records import Opportunity, Owner, Person, PersonKind
from crm_sms.routing import TaskRules, acting_owner, deserves_task, due_date, is_fresh

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
OWNERS = {
    "ann": Owner("ann", "Ann", NOON),
    "bob": Owner("bob", "Bob", NOON),
    "cat": Owner("cat", "Cat", NOON),
    "gone": Owner("gone", "Gone", NOON, active=False),
}


def person(owner: str | None) -> Person:
    """Somebody with this owner."""
    return Person("Contact", "p", PersonKind.CONTACT, NOON, owner_id=owner)


def deal(owner: str | None) -> Opportunity:
    """An opportunity with this owner."""
    return Opportunity("o", "Big", NOON, owner_id=owner)


@pytest.mark.parametrize(
    ("someone", "opportunity", "fallback", "who"),
    [
        (person("ann"), deal("bob"), "cat", "ann"),
        (person("gone"), deal("bob"), "cat", "bob"),
        (person(None), deal("bob"), "cat", "bob"),
        (person("nobody"), deal("gone"), "cat", "cat"),
        (person("gone"), None, "cat", "cat"),
        (None, deal("bob"), "cat", "bob"),
        (None, None, "cat", "cat"),
        (None, None, "gone", None),
        (None, None, "nobody", None),
        (None, None, None, None),
        (person(""), None, None, None),
    ],
)
def test_the_first_active_owner_acts(
    someone: Person | None, opportunity: Opportunity | None, fallback: str | None, who: str | None
) -> None:
    """The person's, the opportunity's, the fallback; who left the company is passed over."""
    found = acting_owner(someone, opportunity, OWNERS, fallback)
    assert (found.id if found else None) == who


def message(occurred_at: datetime, received_at: datetime) -> Message:
    """A reply."""
    return Message(
        "k", "twilio", "AC1", Direction.INBOUND, Status.RECEIVED, occurred_at, received_at
    )


@pytest.mark.parametrize(
    ("age", "fresh"),
    [
        (timedelta(0), True),
        (timedelta(days=2), True),
        (timedelta(days=2) + TICK, False),
        (timedelta(minutes=-5), True),
    ],
)
def test_a_text_is_fresh_up_to_the_age_that_is_set(age: timedelta, fresh: bool) -> None:
    """Also one whose provider's clock runs ahead of ours."""
    assert is_fresh(message(NOON - age, NOON), TaskRules()) == fresh


@pytest.mark.parametrize(
    ("received_at", "days", "due"),
    [
        (NOON, 0, date(2026, 11, 20)),
        (NOON, 1, date(2026, 11, 21)),
        (NOON.replace(hour=23, minute=59), 1, date(2026, 11, 21)),
        (datetime(2026, 12, 31, 23, tzinfo=UTC), 1, date(2027, 1, 1)),
        (datetime(2028, 2, 28, tzinfo=UTC), 1, date(2028, 2, 29)),
    ],
)
def test_a_task_is_due_so_many_days_after_the_receipt(
    received_at: datetime, days: int, due: date
) -> None:
    """However old the text is."""
    old = message(received_at - timedelta(days=40), received_at)
    assert due_date(old, TaskRules(due_days=days)) == due


@given(st.datetimes(timezones=st.just(UTC)).filter(lambda at: at.year < 9000), st.integers(0, 60))
def test_a_task_is_never_due_before_its_text_came(at: datetime, days: int) -> None:
    """The same rules give the same day."""
    rules = TaskRules(due_days=days)
    assert due_date(message(at, at), rules) == at.date() + timedelta(days=days)


@pytest.mark.parametrize(
    ("age", "said", "deserves"),
    [
        (timedelta(0), None, True),
        (timedelta(days=3), None, False),
        (timedelta(0), OptOutType.STOP, False),
        (timedelta(days=3), OptOutType.STOP, False),
    ],
)
def test_a_fresh_reply_that_asks_for_somebody_deserves_a_task(
    age: timedelta, said: OptOutType | None, deserves: bool
) -> None:
    """Not one that is old, nor one that a machine has answered."""
    assert deserves_task(message(NOON - age, NOON), said, TaskRules()) == deserves


@pytest.mark.parametrize(
    ("arrived", "fresh"),
    [
        (None, True),
        (timedelta(days=-9), True),
        (timedelta(days=2), True),
        (timedelta(days=2) + TICK, False),
    ],
)
def test_a_text_that_was_old_when_its_crm_came_is_not_fresh(
    arrived: timedelta | None, fresh: bool
) -> None:
    """However young it was at its receipt; a CRM that was there before changes nothing."""
    came = NOON + arrived if arrived else None
    assert is_fresh(message(NOON, NOON), TaskRules(), came) == fresh
    assert deserves_task(message(NOON, NOON), None, TaskRules(), came) == fresh
