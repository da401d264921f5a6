"""Who gets the task for a reply, when it is due, and when a text is too old for one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from crm_sms.events import OptOutType
from crm_sms.messages import Message, is_task_worthy
from crm_sms.records import Opportunity, Owner, Person


@dataclass(frozen=True, slots=True)
class TaskRules:
    """What an admin sets: `max_age` of a text at its receipt, days until due, who acts when no
    active owner is known."""

    max_age: timedelta = timedelta(days=2)
    due_days: int = 1
    fallback_owner: str | None = None


def acting_owner(
    person: Person | None,
    opportunity: Opportunity | None,
    owners: Mapping[str, Owner],
    fallback: str | None,
) -> Owner | None:
    """The person's owner, else the opportunity's, else the fallback; inactive ones are passed over.

    None if the fallback is not known either: the CRM then gives the record to our own user.
    """
    wanted = (person and person.owner_id, opportunity and opportunity.owner_id, fallback)
    known = (owners[id] for id in wanted if id and id in owners)
    return next((owner for owner in known if owner.active), None)


def task_key(message_key: str) -> str:
    """The key of the task that a reply makes if it opens a conversation."""
    return f"task:{message_key}"


def due_date(message: Message, rules: TaskRules) -> date:
    """The UTC day on which the task is due, counted from the receipt of the reply."""
    return (message.received_at + timedelta(days=rules.due_days)).date()


def is_fresh(message: Message, rules: TaskRules, arrived: datetime | None = None) -> bool:
    """Whether the text was young enough when it was received to be worth a task: history that is
    imported is not. Nor is what was old when the CRM `arrived`, if that was later."""
    seen = max(message.received_at, arrived) if arrived else message.received_at
    return seen - message.occurred_at <= rules.max_age


def deserves_task(
    message: Message, said: OptOutType | None, rules: TaskRules, arrived: datetime | None = None
) -> bool:
    """Whether somebody should act on this text; `said` is what it asks for, if it is a keyword."""
    return is_task_worthy(message, said) and is_fresh(message, rules, arrived)
