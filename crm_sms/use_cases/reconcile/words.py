"""What reconciling needs, and what it reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from crm_sms.clock import Clock
from crm_sms.ledger import Ledger
from crm_sms.ports import SmsProvider


@dataclass(frozen=True, slots=True)
class Reconciling:
    """Everything a run needs; `overlap` is how far listings look back now and then."""

    ledger: Ledger
    provider: SmsProvider
    clock: Clock
    overlap: timedelta


@dataclass(slots=True)
class ReconcileReport:
    """Texts as they were listed: `known` in all that is said of them, `completed` with something
    new, `found` where nobody had spoken of them.

    `missed` are by account the texts that callbacks kept silent about, in whole or in part, though
    it was time. `opt_outs` counts new rows that suppress a number, `unreadable` rows that are no
    text. `failed` names the accounts that could not be listed to the end, and why.
    """

    listed: int = 0
    known: int = 0
    completed: int = 0
    found: int = 0
    opt_outs: int = 0
    unreadable: int = 0
    missed: dict[str, int] = field(default_factory=dict)
    failed: str = ""


Progress = Callable[[int], object]
"""Hears between commits how many texts were listed so far; may raise to end the run."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account's part of a run; `asked` if somebody asked for a time of their own."""

    reconciling: Reconciling
    id: str
    asked: bool
    report: ReconcileReport
    progress: Progress

    @property
    def name(self) -> str:
        """Which account of which provider."""
        return f"{self.reconciling.provider.name} {self.id}"
