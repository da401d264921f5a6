"""What a comparison of a CRM with the ledger finds, and what it needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from crm_sms.ledger import Ledger
from crm_sms.ledger.crm_records import CrmRecord
from crm_sms.ports import Crm
from crm_sms.records import DesiredRecord
from crm_sms.use_cases.process import Planner


class Kind(StrEnum):
    """How a record in the CRM is other than the ledger has it. The first ones are differences."""

    MISSING = "missing"
    DIFFERS = "differs"
    OPT_OUT = "opt_out"
    PARKED = "parked"
    ORPHAN = "orphan"
    DOUBLE = "double"
    ON_ITS_WAY = "on_its_way"
    EDITED = "edited"
    DELETED = "deleted"
    LEFT_OUT = "left_out"
    OLDER = "older"


DIFFERENCES = frozenset(
    {Kind.MISSING, Kind.DIFFERS, Kind.OPT_OUT, Kind.PARKED, Kind.ORPHAN, Kind.DOUBLE}
)
"""What somebody should look at. The others are as they should be: under way, a person's choice, or
written when the facts were others."""

_EXAMPLES = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One of them: which record, which field (none: the record as a whole), and why."""

    kind: Kind
    object: str
    key: str
    why: str
    field: str = ""
    crm_id: str | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """A record as the CRM should hold it by the ledger, as far as one lane is concerned.

    `known` is what the CRM confirmed of it, `waits` that it is on its way, `parked` why it is not.
    `of_mirror` are fields whose value also rests on what the mirror says: they were right when they
    were written.
    """

    record: DesiredRecord
    known: CrmRecord | None = None
    waits: bool = False
    parked: str = ""
    of_mirror: frozenset[str] = frozenset()

    @property
    def place(self) -> tuple[str, str]:
        """The record this is about."""
        return self.record.object, self.record.key


@dataclass(frozen=True, slots=True)
class Verifying:
    """Everything that a comparison needs; `reserve` is the share of the CRM's calls that is kept
    for opt-outs."""

    ledger: Ledger
    planner: Planner
    crm: Crm
    reserve: float


@dataclass(slots=True)
class VerifyReport:
    """What was compared: records, by object, how often each kind was found, and the first of each
    kind."""

    compared: Counter[str] = field(default_factory=Counter)
    counts: Counter[Kind] = field(default_factory=Counter)
    examples: list[Finding] = field(default_factory=list)
    calls: int = 0

    @property
    def agrees(self) -> bool:
        """Whether there is no difference."""
        return not DIFFERENCES & self.counts.keys()

    def add(self, findings: Iterable[Finding]) -> None:
        """Count these, and keep the first of each kind."""
        for finding in findings:
            self.counts[finding.kind] += 1
            if self.counts[finding.kind] <= _EXAMPLES:
                self.examples.append(finding)
