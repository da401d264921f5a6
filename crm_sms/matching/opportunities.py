"""Which opportunity a person's text belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from crm_sms.records import Opportunity, Role


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Roles by person, and opportunities by id. `on_account` are the ids of open opportunities by
    account, of which two say as much as more; empty unless accounts are a fallback for roles."""

    roles: Mapping[str, Sequence[Role]]
    opportunities: Mapping[str, Opportunity]
    on_account: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def of(self, person_id: str) -> tuple[Sequence[Role], list[Opportunity]]:
        """A person's roles, and the opportunities they are in."""
        held = self.roles.get(person_id, ())
        ids = sorted({role.opportunity_id for role in held})
        return held, [self.opportunities[id] for id in ids if id in self.opportunities]

    def of_account(self, account_id: str | None) -> list[Opportunity]:
        """The open opportunities of an account, where they count."""
        ids = self.on_account.get(account_id or "", ())
        return [self.opportunities[id] for id in ids if id in self.opportunities]

    def has_open(self, person_id: str) -> bool:
        """Whether the person has a role in an open opportunity."""
        return any(opportunity.open for opportunity in self.of(person_id)[1])


class OpportunityRule(StrEnum):
    """Why this opportunity; the last three say why none."""

    ONLY = "only"
    PRIMARY = "primary"
    ACCOUNT = "account"  # no role in an open one, but the only open one of the person's account
    NONE = "none"
    SEVERAL = "several"
    SEVERAL_ON_ACCOUNT = "several_on_account"


def choose_opportunity(
    roles: Sequence[Role],
    opportunities: Sequence[Opportunity],
    on_account: Sequence[Opportunity] = (),
) -> tuple[Opportunity | None, OpportunityRule]:
    """The only open opportunity in which a person has a role; of several, the one where theirs is
    the primary one. Without any, the only open one of their account. `roles` are the person's own,
    `on_account` those of the account, if they count."""
    living = [role for role in roles if not role.deleted]
    theirs = {role.opportunity_id for role in living}
    held = [o for o in _open(opportunities) if o.id in theirs]
    if not held:
        return _only(_open(on_account))
    if len(held) == 1:
        return held[0], OpportunityRule.ONLY
    primary = [o for o in held if any(r.primary and r.opportunity_id == o.id for r in living)]
    if len(primary) == 1:
        return primary[0], OpportunityRule.PRIMARY
    return None, OpportunityRule.SEVERAL


def _open(opportunities: Sequence[Opportunity]) -> list[Opportunity]:
    return [one for one in opportunities if one.open and not one.deleted]


def _only(on_account: Sequence[Opportunity]) -> tuple[Opportunity | None, OpportunityRule]:
    if len(on_account) == 1:
        return on_account[0], OpportunityRule.ACCOUNT
    several = OpportunityRule.SEVERAL_ON_ACCOUNT
    return None, several if on_account else OpportunityRule.NONE
