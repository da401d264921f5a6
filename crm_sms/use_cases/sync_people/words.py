"""What a sync of one CRM needs, and what it says of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from crm_sms.clock import Clock
from crm_sms.ledger import Ledger
from crm_sms.ports import Crm
from crm_sms.use_cases.process.words import Planner


@dataclass(frozen=True, slots=True)
class Syncing:
    """Everything a sync of one CRM needs; `region` completes numbers without a country code,
    `reserve` is the share of the CRM's calls that is kept for opt-outs."""

    ledger: Ledger
    planner: Planner
    crm: Crm
    clock: Clock
    region: str | None
    reserve: float


@dataclass(slots=True)
class SyncReport:
    """Rows by part that are new or not as they were (of our own tasks, those newly completed),
    calls made, texts that may find their person now, opt-outs that somebody had unchecked and that
    are written back, unknown numbers that were looked up and those of them that somebody holds;
    `failed` names the parts that the CRM refused to our user, and why, `mapping`
    what of the mapping does not fit the CRM, each with file, key and remedy."""

    rows: dict[str, int] = field(default_factory=dict)
    calls: int = 0
    rematched: int = 0
    opt_outs: int = 0
    written_back: int = 0
    looked_up: int = 0
    found: int = 0
    failed: str = ""
    mapping: list[str] = field(default_factory=list)


Progress = Callable[[str, int, int | None], None]
"""Hears of (part, rows so far, rows in all where the CRM says it)."""
