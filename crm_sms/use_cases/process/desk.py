"""What a batch wants in one CRM, and what every plan of it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from crm_sms.ledger.parked import Refused
from crm_sms.ledger.planned import Place
from crm_sms.matching import Excerpt
from crm_sms.plan import Plan
from crm_sms.records import DesiredRecord, Owner
from crm_sms.use_cases.process.words import Planner

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Planned:
    """Desired records, each with the message it is due to; what the mapping could not make; how
    many texts have no person."""

    wanted: list[tuple[DesiredRecord, int | None]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    unmatched: int = 0

    @property
    def places(self) -> set[Place]:
        """Where in the outbox all of this stands."""
        wanted = {(record.object, record.key, record.lane) for record, _ in self.wanted}
        return wanted | {one.place for one in self.refused}


@dataclass(frozen=True, slots=True)
class Desk:
    """Where the plans of one CRM are laid down."""

    planner: Planner
    known: Excerpt
    owners: Mapping[str, Owner]
    planned: Planned = field(default_factory=Planned)

    def lay(self, message_id: int, plan: Plan) -> None:
        """Take a plan down, with the message that it is due to."""
        self.planned.wanted += [(record, message_id) for record in plan.records]
        for one in plan.unmapped:
            log.error("mapping failed", crm=self.planner.crm, record=one.what, error=one.reason)
            self.planned.refused.append(Refused(one.what, message_id, one.reason))
