"""People whom the mapping leaves out: no text finds them, and none that they had is taken away."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.events import Direction, Metadata, Status
from crm_sms.matching import Candidate, Choice, Excerpt, Match, Pipeline, Rule, choose, match_texts
from crm_sms.messages import Message
from crm_sms.phone import parse_address
from crm_sms.records import Person, PersonKind

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ANN = Person("Contact", "ann", PersonKind.CONTACT, NOON)
BOB = Person("Contact", "bob", PersonKind.CONTACT, NOON)
OUT = Person("Contact", "out", PersonKind.CONTACT, NOON, covered=False)
NOBODY = Choice(None, Rule.OUTSIDE)
NUMBER, OURS = "+12025550123", "+15005550006"


@pytest.mark.parametrize("rule", [Rule.GIVEN, Rule.ASSIGNED, Rule.LAST_TEXTED])
def test_a_text_that_is_meant_for_somebody_left_out_goes_to_nobody_else(rule: Rule) -> None:
    """Not to those who share the number, and not to whom a later rule names."""
    said = dict.fromkeys((Rule.GIVEN, Rule.ASSIGNED, Rule.LAST_TEXTED))
    names = {name.value: (OUT if name is rule else None) for name in said}
    assert choose([Candidate(ANN)], **names) == NOBODY
    if rule is Rule.GIVEN:
        assert choose([Candidate(ANN)], given=OUT, last_texted=BOB) == NOBODY


def test_a_number_that_only_they_hold_concerns_nobody() -> None:
    """Which is another thing than a number that is unknown."""
    assert choose([Candidate(OUT)]) == NOBODY
    assert choose([Candidate(OUT), Candidate(replace(OUT, id="other"))]) == NOBODY
    assert choose([]) == Choice(None, Rule.UNKNOWN)


def test_they_share_no_number() -> None:
    """Whoever else holds it is the only one."""
    assert choose([Candidate(ANN), Candidate(OUT)]) == Choice(ANN, Rule.ONLY)
    assert choose([Candidate(ANN), Candidate(OUT, True)]) == Choice(ANN, Rule.ONLY)


@pytest.mark.parametrize("rule", list(Rule))
def test_a_text_that_they_had_before_stays_theirs(rule: Rule) -> None:
    """By whatever rule, as long as what it rests on holds."""
    said = {rule.value: OUT} if rule in (Rule.GIVEN, Rule.ASSIGNED, Rule.LAST_TEXTED) else {}
    before = Choice(OUT, rule)
    assert choose([Candidate(ANN)], stored=before, **said) == before


crowd = st.lists(
    st.builds(
        lambda id, covered, open: Candidate(replace(ANN, id=id, covered=covered), open),
        st.sampled_from("abcd"),
        st.booleans(),
        st.booleans(),
    ),
    max_size=4,
    unique_by=lambda one: one.person.id,
)


@given(crowd)
def test_those_left_out_count_as_if_they_were_not_there(candidates: list[Candidate]) -> None:
    """Except that nobody is then unknown."""
    covered = [one for one in candidates if one.person.covered]
    expected = choose(covered) if covered or not candidates else NOBODY
    assert choose(candidates) == expected


def text(number: int) -> Message:
    """A text to the number that everybody shares."""
    at = NOON + timedelta(minutes=number)
    return Message(
        key=f"t{number}",
        provider="acme",
        account="main",
        direction=Direction.OUTBOUND,
        status=Status.SENT,
        occurred_at=at,
        received_at=at,
        sender=parse_address(OURS),
        recipient=parse_address(NUMBER),
        metadata=Metadata(),
    )


TEXTS = {n: text(n) for n in (1, 2, 3)}
BEFORE = {"t2": "t1", "t3": "t2"}
who = st.frozensets(st.sampled_from(["ann", "bob"]))


@given(st.lists(who, min_size=1, max_size=5))
def test_whoever_comes_and_goes_no_text_that_has_somebody_changes(
    covered: list[frozenset[str]],
) -> None:
    """Every look with other people taken in finds those who wait, and leaves the others alone; a
    text that ever waited outside says so for good."""
    stored: dict[int, Match] = {}
    waited: set[int] = set()
    for inside in covered:
        people = {one.id: replace(one, covered=one.id in inside) for one in (ANN, BOB)}
        known = Excerpt(people, {NUMBER: ["ann", "bob"]}, {}, Pipeline({}, {}), stored, {})
        found = {one.message_id: one for one in match_texts("crm", TEXTS, BEFORE, known).values()}
        for id, match in found.items():
            before = stored.get(id)
            if before and before.person_id:
                assert match.person_id == before.person_id
            elif match.person_id:
                assert match.person_id in inside
            waited |= {id} if match.rule == Rule.OUTSIDE else set()
            assert match.waited_outside == (id in waited)
            assert match.is_in_triage == (match.rule == Rule.SHARED)
        stored = found
