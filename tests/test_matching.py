"""One person per text, by stated rules."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.matching import Candidate, Choice, Rule, choose
from crm_sms.records import Person, PersonKind

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def person(id: str, kind: PersonKind = PersonKind.CONTACT) -> Person:
    """Somebody in the CRM."""
    return Person("Contact", id, kind, NOW)


GIVEN, ASSIGNED, LAST, STORED, HOLDER = map(person, ("given", "assigned", "last", "stored", "held"))
maybe = st.booleans()


@given(maybe, maybe, maybe, st.sampled_from([None, *Rule]), maybe)
def test_the_first_rule_that_knows_somebody_decides(
    given: bool, assigned: bool, last: bool, stored: Rule | None, held: bool
) -> None:
    """Whatever else is known: the sender, then whoever assigned, then the text before, then what
    the CRM said first, then what it says now."""
    choice = choose(
        [Candidate(HOLDER)] if held else [],
        given=GIVEN if given else None,
        assigned=ASSIGNED if assigned else None,
        last_texted=LAST if last else None,
        stored=Choice(STORED, stored) if stored else None,
    )
    kept = stored not in (None, Rule.GIVEN, Rule.ASSIGNED, Rule.LAST_TEXTED)
    expected = [
        (given, GIVEN, Rule.GIVEN),
        (assigned, ASSIGNED, Rule.ASSIGNED),
        (last, LAST, Rule.LAST_TEXTED),
        (kept, STORED, stored),
        (held, HOLDER, Rule.ONLY),
        (True, None, Rule.UNKNOWN),
    ]
    assert next((who, rule) for known, who, rule in expected if known) == (
        choice.person,
        choice.rule,
    )


A, B = person("a"), person("b")
LEAD, OTHER_LEAD = person("l", PersonKind.LEAD), person("m", PersonKind.LEAD)


@pytest.mark.parametrize(
    ("candidates", "who", "rule"),
    [
        ([Candidate(A), Candidate(B, has_open_opportunity=True)], B, Rule.OPEN_OPPORTUNITY),
        ([Candidate(A), Candidate(LEAD, has_open_opportunity=True)], LEAD, Rule.OPEN_OPPORTUNITY),
        ([Candidate(A), Candidate(LEAD)], A, Rule.CONTACT),
        ([Candidate(A, True), Candidate(LEAD, True), Candidate(B)], A, Rule.CONTACT),
        ([Candidate(A), Candidate(B)], None, Rule.SHARED),
        ([Candidate(A, True), Candidate(B, True)], None, Rule.SHARED),
        ([Candidate(LEAD), Candidate(OTHER_LEAD)], None, Rule.SHARED),
    ],
)
def test_a_shared_number_goes_to_the_one_who_stands_out(
    candidates: list[Candidate], who: Person | None, rule: Rule
) -> None:
    """By an open opportunity, then as a contact before leads; else nobody is guessed."""
    assert choose(candidates) == Choice(who, rule)


def test_what_the_crm_said_first_stays() -> None:
    """Other people who get the number later change nothing."""
    before = Choice(A, Rule.ONLY)
    assert choose([Candidate(A), Candidate(B, True)], stored=before) == before


def test_nobody_found_before_is_looked_for_again() -> None:
    """A stored nobody does not hold back what the CRM says now."""
    assert choose([Candidate(A)], stored=Choice(None, Rule.UNKNOWN)) == Choice(A, Rule.ONLY)
