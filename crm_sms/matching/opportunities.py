"""Which opportunity a person's text belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from crm_sms.records import Opportunity, Role


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Roles by person, and opportunities by id."""

    roles: Mapping[str, Sequence[Role]]
    opportunities: Mapping[str, Opportunity]

    def of(self, person_id: str) -> tuple[Sequence[Role], list[Opportunity]]:
        """A person's roles, and the opportunities they are in."""
        held = self.roles.get(person_id, ())
        ids = sorted({role.opportunity_id for role in held})
        return held, [self.opportunities[id] for id in ids if id in self.opportunities]

    def has_open(self, person_id: str) -> bool:
        """Whether the person has a role in an open opportunity."""
        return any(opportunity.open for opportunity in self.of(person_id)[1])


class OpportunityRule(StrEnum):
    """Why this opportunity; the last two say why none."""

    ONLY = "only"
    PRIMARY = "primary"
    NONE = "none"
    SEVERAL = "several"


def choose_opportunity(
    roles: Sequence[Role], opportunities: Sequence[Opportunity]
) -> tuple[Opportunity | None, OpportunityRule]:
    """The only open opportunity in which a person has a role; of several, the one where theirs is
    the primary one. `roles` are the person's own."""
    living = [role for role in roles if not role.deleted]
    theirs = {role.opportunity_id for role in living}
    held = [o for o in opportunities if o.open and not o.deleted and o.id in theirs]
    if len(held) <= 1:
        return (held[0], OpportunityRule.ONLY) if held else (None, OpportunityRule.NONE)
    primary = [o for o in held if any(r.primary and r.opportunity_id == o.id for r in living)]
    if len(primary) == 1:
        return primary[0], OpportunityRule.PRIMARY
    return None, OpportunityRule.SEVERAL
