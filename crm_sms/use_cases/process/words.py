"""What processing needs, what it works on, and what it reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import timedelta

from crm_sms.clock import Clock
from crm_sms.events import Event, OptOutRules, OptOutType
from crm_sms.ledger import Ledger
from crm_sms.ledger.texts import StoredText
from crm_sms.mapping import Mapping as CrmMapping
from crm_sms.matching import Match
from crm_sms.messages import Message, ThreadEntry, tie_of
from crm_sms.records import Lane
from crm_sms.routing import TaskRules


@dataclass(frozen=True, slots=True)
class Planner:
    """How texts become records in one CRM; `crm` is its configured name, `full_id` see
    `Crm.full_id`. With `account_fallback` the account says which opportunity a text belongs to
    where no role does."""

    crm: str
    mapping: CrmMapping
    tasks: TaskRules
    windows: Mapping[Lane, timedelta]
    full_id: Callable[[str], str] = str
    account_fallback: bool = False

    @property
    def digest(self) -> str:
        """Differs whenever texts would be planned differently."""
        return f"{self.mapping.digest} {self.tasks}"

    def meant(self, message: Message) -> Message:
        """The text with the person whom its sender meant by the id that the CRM itself gives."""
        given = message.metadata.person_id
        full = self.full_id(given) if given else given
        if full == given:
            return message
        return replace(message, metadata=replace(message.metadata, person_id=full))


@dataclass(frozen=True, slots=True)
class Processing:
    """Everything a run needs; `rules` are the opt-out rules by provider, `body_wait` is how long a
    text's records wait for its body. `problems` are what is wrong with mapping files, by CRM: one
    of these that has no planner is left out for now."""

    ledger: Ledger
    planners: tuple[Planner, ...]
    rules: Mapping[str, OptOutRules]
    clock: Clock
    body_wait: timedelta = timedelta(0)
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def left_out(self) -> set[str]:
        """The CRMs that nothing can be planned for now."""
        return self.problems.keys() - {planner.crm for planner in self.planners}


@dataclass(slots=True)
class ProcessReport:
    """What a run did; `unmatched` counts texts without a person, `refused` those whose mapping
    failed; `failed` says which mapping files cannot be read, and why."""

    events: int = 0
    messages: int = 0
    records: int = 0
    unmatched: int = 0
    refused: int = 0
    failed: str = ""


@dataclass(slots=True)
class LoadedText:
    """One message being recomputed: its names, all its facts by number, what they fold to.

    `former` are matches of what turned out to be the same text, where this one has its own;
    `left` are the threads that it stood in before, or as another message."""

    aliases: set[str]
    facts: dict[int, Event]
    message: Message
    stored: StoredText | None = None
    thread: str | None = None
    said: OptOutType | None = None
    id: int = 0
    former: Sequence[Match] = ()
    left: Set[str] = frozenset()

    @property
    def number(self) -> str | None:
        """The person's number, if their end is one."""
        return self.message.number

    @property
    def entry(self) -> ThreadEntry:
        """The text as an entry of its thread."""
        now = self.message
        return ThreadEntry.of(now.key, tie_of(now), now.direction, now.occurred_at, now.status)

    @property
    def is_new_to_thread(self) -> bool:
        """Whether its entry, or its thread, is not the stored one."""
        before = self.stored
        return before is None or (before.thread, before.entry) != (self.thread, self.entry)
