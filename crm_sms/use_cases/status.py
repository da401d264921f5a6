"""How things stand: what waits, what is parked, how old the mirrors are, whom nobody knows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from sqlalchemy import Connection

from crm_sms.ledger import Ledger, inbox, outbox
from crm_sms.ledger.facts import numbers_suppressed
from crm_sms.ledger.history import histories, unverified_since
from crm_sms.ledger.mirror_pages import pulled
from crm_sms.ledger.queues import Queue, parked_by_reason, queues
from crm_sms.ledger.requests import LastRequest, last_request
from crm_sms.ledger.throttles import Pause, pause_at
from crm_sms.ledger.triage import texts_in_triage
from crm_sms.records import State
from crm_sms.use_cases.restored import what_it_lacks

_RECENT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class CrmStatus:
    """One CRM. `mirror` says by part when it was last pulled, `parked` how many rows by reason,
    `unmatched` how many texts have no person by the rule that says why. `pause` is set while the
    CRM is left alone, `mapping` says what is wrong with its file, if something is, and `behind`
    what to do if the ledger is older than what it wrote there."""

    queues: Sequence[Queue]
    parked: Mapping[str, int]
    mirror: Mapping[str, datetime]
    unmatched: Mapping[str, int]
    last_request: LastRequest | None
    pause: Pause | None
    mapping: str
    behind: str


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """Rows of a CRM whose name is not in the settings: nothing writes them."""

    waiting: int = 0
    parked: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """One account of a provider: until when its texts were listed, and how many of the last hours'
    texts callbacks kept silent about. `heard_at` is when its first callback came."""

    at: datetime | None
    missed: int
    heard_at: datetime | None


@dataclass(frozen=True, slots=True)
class Unverified:
    """Callbacks of the last day that were kept though their signature does not fit, and when the
    last of them came."""

    callbacks: int = 0
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything at once, as of `at`; `listed` is by provider and account, `left_behind` by the
    names of CRMs that are not in the settings."""

    at: datetime
    inbox: int
    inbox_since: datetime | None
    suppressions: int
    crms: Mapping[str, CrmStatus]
    listed: Mapping[str, Listed]
    unverified: Unverified
    left_behind: Mapping[str, LeftBehind]

    @property
    def missed(self) -> int:
        """How many texts callbacks kept silent about, as far as was looked in the last day."""
        found = (one for one in self.listed.values() if one.at and self.at - one.at < _RECENT)
        return sum(one.missed for one in found)

    @property
    def parked(self) -> int:
        """How many rows are parked in all CRMs, also in those that are not in the settings."""
        here = sum(sum(crm.parked.values()) for crm in self.crms.values())
        return here + sum(one.parked for one in self.left_behind.values())

    @property
    def is_well(self) -> bool:
        """Whether nothing is parked, missing, or left behind, every mapping can be read, and no CRM
        has more of ours than the ledger."""
        troubled = any(crm.mapping or crm.behind for crm in self.crms.values())
        return not (self.parked or self.missed or self.left_behind or troubled)


def overview(
    ledger: Ledger,
    crms: Sequence[str],
    now: datetime,
    problems: Mapping[str, str] = MappingProxyType({}),
) -> Overview:
    """How things stand for these CRMs; `problems` are those of their mapping files."""
    with ledger.read() as connection:
        events, since = inbox.backlog(connection)
        return Overview(
            at=now,
            inbox=events,
            inbox_since=since,
            suppressions=numbers_suppressed(connection),
            crms={crm: _of_crm(connection, crm, now, problems.get(crm, "")) for crm in crms},
            listed={
                account: Listed(one.at, one.missed, one.heard_at)
                for account, one in histories(connection).items()
            },
            unverified=Unverified(*unverified_since(connection, now - _RECENT)),
            left_behind=left_behind(connection, crms),
        )


def left_behind(connection: Connection, crms: Collection[str]) -> dict[str, LeftBehind]:
    """The rows of all CRMs but these, which are the ones in the settings."""
    found: dict[str, LeftBehind] = {}
    for name, state, _, rows in outbox.counts(connection):
        if name not in crms:
            before = found.get(name, LeftBehind())
            parked = rows if state == State.PARKED else 0
            found[name] = LeftBehind(before.waiting + rows - parked, before.parked + parked)
    return found


def what_to_do(crm: str) -> str:
    """The remedy for rows that are left behind."""
    return (
        f"put [crms.{crm}] back into crm-sms.toml, or give them up: crm-sms parked drop --crm {crm}"
    )


def _of_crm(connection: Connection, crm: str, now: datetime, problem: str) -> CrmStatus:
    return CrmStatus(
        queues=queues(connection, crm, now),
        parked=parked_by_reason(connection, crm),
        mirror=pulled(connection, crm),
        unmatched=texts_in_triage(connection, crm),
        last_request=last_request(connection, crm),
        pause=pause_at(connection, crm, now),
        mapping=problem,
        behind=what_it_lacks(connection, crm, now),
    )


def waiting(connection: Connection, crm: str) -> int:
    """How many records this CRM does not have yet, parked ones left out."""
    counts = outbox.counts(connection)
    return sum(rows for name, state, _, rows in counts if name == crm and state != State.PARKED)
