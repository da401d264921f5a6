"""What a delivery needs, and what it reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from crm_sms.clock import Clock
from crm_sms.delivery.windows import Windows
from crm_sms.ledger import Ledger
from crm_sms.ports import Crm


@dataclass(frozen=True, slots=True)
class Delivery:
    """Everything one CRM's delivery needs. `worker` names this process, unlike any other;
    `jitter` gives numbers between 0 and 1. `texts` says of which object a text's record is, and
    which field its key is in. `compared` are the CRMs that this process has held against the
    ledger."""

    ledger: Ledger
    name: str
    crm: Crm
    windows: Windows
    clock: Clock
    worker: str
    jitter: Callable[[], float]
    texts: Callable[[], tuple[str, str]]
    compared: set[str]


@dataclass(slots=True)
class DeliveryReport:
    """What a run did. `paused_until` is set if the CRM did not answer; `failed` if it refused our
    credentials, with the remedy."""

    requests: int = 0
    calls: int = 0
    done: int = 0
    unchanged: int = 0
    retried: int = 0
    unclear: int = 0
    parked: int = 0
    paused_until: datetime | None = None
    failed: str = ""
