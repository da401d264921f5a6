"""Which facts each section of a mapping may speak of, and which records it may point to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from crm_sms.mapping.facts import OptOut, ReplyTask, RollUp
from crm_sms.mapping.names import Scope, Values
from crm_sms.messages import Message
from crm_sms.records import Opportunity, Owner, Person, PersonKind, Reference

_TEXT: dict[str, Any] = {
    "message": Message,
    "person": Person,
    "owner": Owner,
    "opportunity": Opportunity,
    "answered": bool,
    "opportunity_rule": str,
}

SCOPES: Mapping[str, Scope] = {
    "people": Scope.of(person=Person),
    "message": Scope.of(**_TEXT),
    "timeline_entry": Scope.of(**_TEXT, message_url=Reference),
    "task": Scope.of(**_TEXT, task=ReplyTask, message_url=Reference),
    "person_roll_up": Scope.of(person=Person, roll_up=RollUp),
    "opportunity_roll_up": Scope.of(opportunity=Opportunity, roll_up=RollUp),
    "opt_out": Scope.of(person=Person, opt_out=OptOut),
}
"""The names that expressions of each section may use."""


class RecordName(StrEnum):
    """A record that a lookup field may point to."""

    PERSON = "person"
    CONTACT = "contact"
    LEAD = "lead"
    ACCOUNT = "account"
    OPPORTUNITY = "opportunity"
    OWNER = "owner"


def _person_of(kind: PersonKind) -> Callable[[Values], str | None]:
    def find(values: Values) -> str | None:
        person: Person | None = values["person"]
        return person.id if person and person.kind is kind else None

    return find


def _person(values: Values) -> str | None:
    person: Person | None = values["person"]
    return person.id if person else None


def _account(values: Values) -> str | None:
    person: Person | None = values["person"]
    return person.account_id if person else None


def _opportunity(values: Values) -> str | None:
    """A lead has no opportunity until it is converted, and CRMs refuse a task with both."""
    person: Person | None = values["person"]
    opportunity: Opportunity | None = values["opportunity"]
    is_lead = person is not None and person.kind is PersonKind.LEAD
    return opportunity.id if opportunity and not is_lead else None


def _owner(values: Values) -> str | None:
    owner: Owner | None = values["owner"]
    return owner.id if owner else None


RECORDS: Mapping[RecordName, Callable[[Values], str | None]] = {
    RecordName.PERSON: _person,
    RecordName.CONTACT: _person_of(PersonKind.CONTACT),
    RecordName.LEAD: _person_of(PersonKind.LEAD),
    RecordName.ACCOUNT: _account,
    RecordName.OPPORTUNITY: _opportunity,
    RecordName.OWNER: _owner,
}
"""The CRM's id of the record, or None where the text concerns none."""
