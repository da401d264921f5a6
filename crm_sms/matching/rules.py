"""Who of those it may concern a text is for: one person by stated rules, or nobody, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from crm_sms.records import Person, PersonKind


class Rule(StrEnum):
    """Why this person; the last four say why nobody."""

    GIVEN = "given"  # the sender said whom it meant
    ASSIGNED = "assigned"  # somebody said whose number it is
    LAST_TEXTED = "last_texted"  # the one last texted from this sender
    ONLY = "only"  # nobody else holds the number
    OPEN_OPPORTUNITY = "open_opportunity"
    CONTACT = "contact"  # a contact before a lead
    SHARED = "shared"
    OUTSIDE = "outside"  # somebody holds it, whom the mapping leaves out
    UNKNOWN = "unknown"
    NO_NUMBER = "no_number"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who holds the number."""

    person: Person
    has_open_opportunity: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """A person, or None with a rule that says why."""

    person: Person | None
    rule: Rule


def choose(
    candidates: Sequence[Candidate],
    *,
    given: Person | None = None,
    assigned: Person | None = None,
    last_texted: Person | None = None,
    stored: Choice | None = None,
) -> Choice:
    """The one person of a text, among those whom the mapping takes in; somebody who had it before
    they were left out keeps it.

    What the texts themselves and those who look after them say (`given`, `assigned`,
    `last_texted`) decides whenever it is known, also when it is learnt late. What only the CRM says
    decides once: a stored person stays, whatever other people later get the number.
    """
    had = stored.person.id if stored and stored.person else None
    for rule, person in zip(_SAID, (given, assigned, last_texted), strict=True):
        if person:
            counts = person.covered or person.id == had
            return Choice(person, rule) if counts else Choice(None, Rule.OUTSIDE)
    if stored and stored.person and stored.rule not in _SAID:
        return stored
    return _by_crm(candidates)


_SAID = (Rule.GIVEN, Rule.ASSIGNED, Rule.LAST_TEXTED)
"""Rules that hold only as long as what they rest on does."""


def _by_crm(candidates: Sequence[Candidate]) -> Choice:
    if not candidates:
        return Choice(None, Rule.UNKNOWN)
    candidates = [candidate for candidate in candidates if candidate.person.covered]
    if not candidates:
        return Choice(None, Rule.OUTSIDE)
    if len(candidates) == 1:
        return Choice(candidates[0].person, Rule.ONLY)
    left = [candidate for candidate in candidates if candidate.has_open_opportunity]
    if len(left) == 1:
        return Choice(left[0].person, Rule.OPEN_OPPORTUNITY)
    contacts = [c for c in left or candidates if c.person.kind is PersonKind.CONTACT]
    if len(contacts) == 1:
        return Choice(contacts[0].person, Rule.CONTACT)
    return Choice(None, Rule.SHARED)
