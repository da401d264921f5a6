"""What a doctor looks at, what comes of it, and the words that all parts of it share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from crm_sms.clock import Clock
from crm_sms.errors import CrmSmsError, TryLater
from crm_sms.ledger import Ledger
from crm_sms.ports import Crm, Finding, SmsProvider
from crm_sms.settings import Settings
from crm_sms.use_cases.process import Planner

LATE = timedelta(minutes=15)
"""What waits longer than this waits for somebody, not for its window."""

REREAD = "correct it, then run crm-sms doctor again"
_AGAIN = "it may pass by itself: run crm-sms doctor again in a while"


@dataclass(frozen=True, slots=True)
class Patient:
    """What is looked over. Asking for a provider, CRM or planner may raise what is wrong there."""

    settings: Settings
    ledger: Ledger
    clock: Clock
    providers: Mapping[str, SmsProvider]
    crms: Mapping[str, Crm]
    planner: Callable[[str], Planner]
    full_id: Callable[[str], Callable[[str], str]]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything found; `parked` is how many records nothing will write by itself, `missed` how
    many texts of the last hours callbacks kept silent about."""

    findings: tuple[Finding, ...]
    parked: int = 0
    missed: int = 0

    @property
    def failed(self) -> bool:
        """Whether anything keeps the installation from working."""
        return any(finding.ok is False for finding in self.findings)


def guarded(subject: str, look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """What a look finds; what keeps it from looking is a finding too."""
    try:
        return list(look())
    except TryLater as error:
        return [Finding(subject, False, str(error), _AGAIN)]
    except CrmSmsError as error:
        return [Finding(subject, False, str(error), REREAD)]


def shown(at: datetime) -> str:
    """An instant for people, in UTC."""
    return at.isoformat(" ", "seconds")
