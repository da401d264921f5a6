"""One person per text, by stated rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.matching import (
    Candidate,
    Choice,
    OpportunityRule,
    Rule,
    choose,
    choose_opportunity,
)
from crm_sms.records import Opportunity, Person, PersonKind, Role

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


people = st.builds(
    person, st.uuids().map(str), st.sampled_from([PersonKind.CONTACT, PersonKind.LEAD])
)
crowd = st.lists(st.builds(Candidate, people, st.booleans()), max_size=5)
choices = st.sampled_from(Rule).map(lambda rule: Choice(STORED, rule)) | st.none()


@given(crowd, st.data())
def test_the_order_of_candidates_never_matters(
    candidates: list[Candidate], data: st.DataObject
) -> None:
    """Pages of a pull come in any order."""
    shuffled = data.draw(st.permutations(candidates))
    assert choose(shuffled) == choose(candidates)


@given(crowd, st.none() | people, st.none() | people, st.none() | people, choices)
def test_somebody_is_chosen_or_the_reason_is_kept(
    candidates: list[Candidate],
    given: Person | None,
    assigned: Person | None,
    last: Person | None,
    stored: Choice | None,
) -> None:
    """The rule says whether there is a person, and the person is one of those who were named."""
    choice = choose(candidates, given=given, assigned=assigned, last_texted=last, stored=stored)
    said = (given, assigned, last, stored and stored.person)
    if choice.person is None:
        assert choice.rule in (Rule.UNKNOWN, Rule.SHARED)
        assert len(candidates) != 1
    else:
        assert choice.person in [*filter(None, said), *(c.person for c in candidates)]


@given(crowd, crowd)
def test_what_the_crm_alone_said_stays_whoever_comes(
    before: list[Candidate], after: list[Candidate]
) -> None:
    """A second look with any other candidates changes only what was nobody."""
    first = choose(before)
    second = choose(after, stored=first)
    assert second == (first if first.person else choose(after))


@given(crowd, choices)
def test_choosing_again_changes_nothing(candidates: list[Candidate], stored: Choice | None) -> None:
    """The same facts, with the choice stored."""
    choice = choose(candidates, stored=stored)
    assert choose(candidates, stored=choice) == choice


@pytest.mark.parametrize("rule", [Rule.GIVEN, Rule.ASSIGNED, Rule.LAST_TEXTED])
def test_what_was_said_holds_only_as_long_as_it_is_said(rule: Rule) -> None:
    """An assignment that is gone, or a text before that was somebody else's, is forgotten."""
    assert choose([Candidate(A)], stored=Choice(STORED, rule)) == Choice(A, Rule.ONLY)


def deal(id: str, *, open: bool = True, deleted: bool = False) -> Opportunity:
    """An opportunity."""
    return Opportunity(id, id, NOW, open=open, deleted=deleted)


def role(id: str, *, primary: bool = False, deleted: bool = False) -> Role:
    """Jane's part in the opportunity of this id."""
    return Role(f"role in {id}", id, "jane", NOW, primary=primary, deleted=deleted)


@pytest.mark.parametrize(
    ("roles", "deals", "which", "rule"),
    [
        ([], [], None, OpportunityRule.NONE),
        ([], [deal("x")], None, OpportunityRule.NONE),
        ([role("x")], [], None, OpportunityRule.NONE),
        ([role("x")], [deal("x")], "x", OpportunityRule.ONLY),
        ([role("x")], [deal("x", open=False)], None, OpportunityRule.NONE),
        ([role("x")], [deal("x", deleted=True)], None, OpportunityRule.NONE),
        ([role("x", deleted=True)], [deal("x")], None, OpportunityRule.NONE),
        ([role("x"), role("y")], [deal("x"), deal("y", open=False)], "x", OpportunityRule.ONLY),
        ([role("x"), role("y")], [deal("x"), deal("y")], None, OpportunityRule.SEVERAL),
        (
            [role("x"), role("y", primary=True)],
            [deal("x"), deal("y")],
            "y",
            OpportunityRule.PRIMARY,
        ),
        (
            [role("x", primary=True), role("y", primary=True)],
            [deal("x"), deal("y")],
            None,
            OpportunityRule.SEVERAL,
        ),
        (
            [role("x"), role("y"), role("z", primary=True)],
            [deal("x"), deal("y"), deal("z", open=False)],
            None,
            OpportunityRule.SEVERAL,
        ),
        (
            [role("x"), role("y"), role("y", primary=True, deleted=True)],
            [deal("x"), deal("y")],
            None,
            OpportunityRule.SEVERAL,
        ),
        (
            [role("x", primary=True), role("x"), role("y")],
            [deal("x"), deal("y")],
            "x",
            OpportunityRule.PRIMARY,
        ),
    ],
)
def test_the_opportunity_is_the_only_open_one_or_the_primary_one(
    roles: Sequence[Role], deals: Sequence[Opportunity], which: str | None, rule: OpportunityRule
) -> None:
    """Whatever order the mirror gives them in."""
    for some_roles in permutations(roles):
        for some_deals in permutations(deals):
            found, why = choose_opportunity(some_roles, some_deals)
            assert (found.id if found else None, why) == (which, rule)
