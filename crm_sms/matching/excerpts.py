"""What texts are matched by: the mirror as far as it concerns them, and former matches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from crm_sms.matching.opportunities import Pipeline
from crm_sms.matching.rules import Rule
from crm_sms.matching.survivors import Followed, follow
from crm_sms.records import Opportunity, Person, Scalar


class Cause(StrEnum):
    """Why a text is not with the record that was chosen for it."""

    MERGE = "merge"
    CONVERSION = "conversion"
    DELETION = "deletion"


@dataclass(frozen=True, slots=True)
class Match:
    """One text in one CRM: the person or None, the rule, the opportunity, how things stood.

    `given` is the person who was meant, by the sender or by whoever assigned the number, where the
    mirror knows nobody living by that id. `cause` is a `Cause` where the text moved with its
    person, or without them. While that person is gone and may come back, `origin` holds the match
    as it was, `origin_id` the person. `waited_outside` is set for good where the mapping left out
    whom the text concerns when it came."""

    message_id: int
    crm: str
    rule: str
    opportunity_rule: str
    object: str | None = None
    person_id: str | None = None
    opportunity_id: str | None = None
    context: Mapping[str, Scalar] | None = None
    conversation_id: int | None = None
    given: str | None = None
    cause: str | None = None
    origin_id: str | None = None
    origin: Mapping[str, Any] | None = None
    waited_outside: bool = False

    @property
    def is_in_triage(self) -> bool:
        """Whether somebody should say whom the text concerns: the mapping leaves nobody out of
        those who may be meant."""
        return self.person_id is None and self.rule != Rule.OUTSIDE

    @property
    def as_chosen(self) -> Match:
        """The match as it was before its person went."""
        return replace(self, origin_id=None, origin=None, **self.origin) if self.origin else self

    def without(self, person: Match) -> Match:
        """This match, found for a text whose person is gone for now: `person` is how it was."""
        origin = {name: getattr(person, name) for name in _ORIGIN}
        return replace(self, cause=Cause.DELETION, origin_id=person.person_id, origin=origin)


_ORIGIN = (
    "object",
    "person_id",
    "rule",
    "opportunity_id",
    "opportunity_rule",
    "context",
    "cause",
)


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The part of one CRM's mirror that a batch rests on, and what was matched there before.

    `people` are the living ones, `became` those who are gone, each with the record that took their
    place, or None. `holders` are ids of people by number, `assigned` those whom somebody said it
    is. `matches` are by message, of the batch's own texts, `before` by message key, of texts that
    came before them.
    """

    people: Mapping[str, Person]
    holders: Mapping[str, list[str]]
    assigned: Mapping[str, str]
    pipeline: Pipeline
    matches: Mapping[int, Match]
    before: Mapping[str, Match]
    became: Mapping[str, str | None] = field(default_factory=dict)

    def covers(self, id: str | None) -> bool:
        """Whether this is somebody whom texts may concern."""
        person = self.people.get(id or "")
        return person is not None and person.covered

    def opportunity(self, match: Match) -> Opportunity | None:
        """The opportunity of a match."""
        return self.pipeline.opportunities.get(match.opportunity_id or "")

    def follow(self, id: str | None) -> Followed:
        """Who a person is by now."""
        return follow(id, self.people, self.became) if id else Followed()

    def person(self, id: str | None) -> Person | None:
        """Who a person is by now, if the mirror knows them."""
        return self.people.get(self.follow(id).id or "")
