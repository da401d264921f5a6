"""What a mapping may speak of: the facts about one text or person, gathered by the use cases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from crm_sms.messages import Message
from crm_sms.records import Opportunity, Owner, Person


@dataclass(frozen=True, slots=True)
class TextFacts:
    """One text and whom it concerns in one CRM. `owner` is who acts: the person's owner, else the
    opportunity's, else the fallback; an inactive one is replaced by the fallback. `answered` is
    set on a text that was replied to. `opportunity_rule` is how the opportunity was found, or why
    there is none. `converted` says that the person was a lead when the text was matched."""

    message: Message
    person: Person | None = None
    owner: Owner | None = None
    opportunity: Opportunity | None = None
    answered: bool = False
    opportunity_rule: str | None = None
    converted: bool = False


@dataclass(frozen=True, slots=True)
class RollUp:
    """Counts and times over all texts of one person, or of one opportunity. Clicks are human."""

    sent_count: int = 0
    reply_count: int = 0
    click_count: int = 0
    first_touch_at: datetime | None = None
    last_touch_at: datetime | None = None
    last_sent_at: datetime | None = None
    last_reply_at: datetime | None = None
    last_click_at: datetime | None = None
    last_response_seconds: int | None = None
    last_number: str | None = None


@dataclass(frozen=True, slots=True)
class OptOut:
    """A person's no: the first instant, where it came from, the numbers it concerns (sorted)."""

    at: datetime
    source: str
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReplyTask:
    """The task for a conversation: its key and the day it is due."""

    key: str
    due: date
