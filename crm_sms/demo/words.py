"""The words of the script: who is there, what they do and when, counted from the first midnight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

LEAST_PEOPLE = 40
"""Fewer cannot play all the parts."""
DEFAULT_PEOPLE = 300
DEFAULT_SEED = 1

DAYS = 14
LIVE_DAY = DAYS - 1
"""The last day; on the days before it the CRM is down."""

CRM_RETURNS = timedelta(days=LIVE_DAY, hours=6)


@dataclass(frozen=True, slots=True)
class Rep:
    """A user of the CRM. One who left still owns records."""

    ref: str
    name: str
    active: bool = True


@dataclass(frozen=True, slots=True)
class Person:
    """A contact or lead. `phone` is what somebody typed into the field `phone_field`, `number`
    what a phone makes of it. `appears` is when the record is made, if not before the start."""

    ref: str
    object: str
    first_name: str
    last_name: str
    phone: str
    number: str
    phone_field: str
    rep: str
    account: str | None = None
    appears: timedelta | None = None

    @property
    def name(self) -> str:
        """As the CRM composes it."""
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True, slots=True)
class Deal:
    """An opportunity; `people` have a part in it, `primary` the leading one."""

    ref: str
    name: str
    stage: str
    rep: str
    people: tuple[str, ...]
    primary: str | None = None

    @property
    def open(self) -> bool:
        """Neither won nor lost."""
        return not self.stage.startswith("Closed")


@dataclass(frozen=True, slots=True)
class Click:
    """A request for the link of a text, so long after it was sent."""

    after: timedelta
    human: bool
    link: str = "https://sms.example.com/a"
    user_agent: str = ""
    preview: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """A text that the other system sends.

    With `keyed` it gives a key of its own and `metadata`, with `tells_person` also whom it means.
    `delivered_after` is how long the phone was off.
    """

    ref: str
    at: timedelta
    person: str
    number: str
    sender: str
    body: str
    outcome: str = "delivered"
    error_code: int | None = None
    delivered_after: timedelta = timedelta(seconds=5)
    clicks: tuple[Click, ...] = ()
    keyed: bool = True
    tells_person: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)


class Meaning(StrEnum):
    """What a reply is: only an answer deserves a task."""

    ANSWER = "answer"
    STOP = "stop"
    NOISE = "noise"  # HELP, a tapback, a phone that answers by itself


@dataclass(frozen=True, slots=True)
class Reply:
    """A text from `number` to one of the company's senders. `person` is whom it is from, None if
    nobody can tell, for the reason `unmatched`."""

    ref: str
    at: timedelta
    number: str
    sender: str
    body: str
    person: str | None = None
    meaning: Meaning = Meaning.ANSWER
    unmatched: str = ""


class Deed(StrEnum):
    """What people in the CRM do on the last day."""

    COMPLETE_TASK = "complete_task"
    EDIT_TASK = "edit_task"
    DELETE_TASK = "delete_task"
    GIVE_TEXT_AWAY = "give_text_away"  # a message record gets another owner
    ADD_PERSON = "add_person"
    UNCHECK_OPT_OUT = "uncheck_opt_out"


@dataclass(frozen=True, slots=True)
class Act:
    """A deed. `of` is the reply that made the task, the text, or the person."""

    at: timedelta
    deed: Deed
    of: str
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Script:
    """The whole fortnight; every list is in order of time where it has one."""

    reps: Sequence[Rep]
    manager: str
    people: Sequence[Person]
    deals: Sequence[Deal]
    sent: Sequence[Sent]
    replies: Sequence[Reply]
    acts: Sequence[Act]
