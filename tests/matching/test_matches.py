"""A batch of texts matched: each on what is known of it, later ones on earlier ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.events import Direction, Metadata, Status
from crm_sms.matching import Excerpt, Match, Pipeline, match_texts, touched
from crm_sms.messages import Message
from crm_sms.phone import parse_address
from crm_sms.records import Opportunity, Person, PersonKind, Role

NOW = datetime(2026, 11, 20, tzinfo=UTC)
OURS, SHARED, JANE, UNKNOWN = "+15005550006", "+12025550188", "+12025550123", "+12025550199"
CRM = "sales"


def person(id: str, **fields: Any) -> Person:
    """Somebody in the CRM."""
    return Person("Contact", id, PersonKind.CONTACT, NOW, owner_id=f"owner of {id}", **fields)


PEOPLE = {id: person(id) for id in ("ann", "bob", "jane")}
HOLDERS = {SHARED: ["ann", "bob"], JANE: ["jane"]}


def text(key: str, minute: int, number: str = SHARED, means: str | None = None) -> Message:
    """A text of ours."""
    at = NOW + timedelta(minutes=minute)
    return Message(
        key=key,
        provider="acme",
        account="main",
        direction=Direction.OUTBOUND,
        status=Status.SENT,
        occurred_at=at,
        received_at=at,
        sender=parse_address(OURS),
        recipient=parse_address(number),
        metadata=Metadata(person_id=means),
    )


def mirror(**given: Any) -> Excerpt:
    """What is known, of which any part can be given."""
    plain: dict[str, Any] = {
        "people": PEOPLE,
        "holders": HOLDERS,
        "assigned": {},
        "pipeline": Pipeline({}, {}),
        "matches": {},
        "before": {},
    }
    return Excerpt(**plain | given)


def matched(
    texts: Mapping[int, Message], before: Mapping[str, str | None], known: Excerpt
) -> dict[str, tuple[str | None, str]]:
    """Whom each text concerns and why, by key."""
    found = match_texts(CRM, texts, before, known)
    return {key: (match.person_id, match.rule) for key, match in found.items()}


@pytest.mark.parametrize(
    ("one", "known", "who", "rule"),
    [
        (text("t", 0, JANE), {}, "jane", "only"),
        (text("t", 0, SHARED), {}, None, "shared"),
        (text("t", 0, UNKNOWN), {}, None, "unknown"),
        (text("t", 0, "ACME"), {}, None, "no_number"),
        (text("t", 0, "ACME", "bob"), {}, "bob", "given"),
        (text("t", 0, JANE, "bob"), {}, "bob", "given"),
        (text("t", 0, JANE, "nobody"), {}, "jane", "only"),
        (text("t", 0, JANE), {"assigned": {JANE: "ann"}}, "ann", "assigned"),
        (text("t", 0, JANE), {"assigned": {JANE: "nobody"}}, "jane", "only"),
    ],
)
def test_one_text_alone(one: Message, known: dict[str, Any], who: str | None, rule: str) -> None:
    """What the sender said, what somebody assigned, what the CRM says."""
    assert matched({1: one}, {}, mirror(**known)) == {"t": (who, rule)}


def test_a_person_whom_the_sender_meant_and_nobody_knows_is_kept() -> None:
    """A pull may bring them."""
    found = match_texts(CRM, {1: text("t", 0, JANE, "new")}, {}, mirror())
    assert (found["t"].person_id, found["t"].given) == ("jane", "new")


def test_a_text_concerns_whom_the_one_before_it_did() -> None:
    """In this batch, or matched earlier."""
    texts = {1: text("a", 0, means="bob"), 2: text("b", 1), 3: text("c", 2)}
    found = matched(texts, {"b": "a", "c": "b"}, mirror())
    assert found == {
        "a": ("bob", "given"),
        "b": ("bob", "last_texted"),
        "c": ("bob", "last_texted"),
    }
    earlier = {"a": Match(1, CRM, "given", "none", person_id="ann")}
    assert matched({2: text("b", 1)}, {"b": "a"}, mirror(before=earlier))["b"] == (
        "ann",
        "last_texted",
    )


def test_a_match_that_stands_keeps_how_things_stood() -> None:
    """Opportunity, context and conversation are those of the first time; only the rule is new."""
    stored = Match(
        1, CRM, "only", "primary", "Contact", "jane", "o1", {"stage": "won"}, conversation_id=7
    )
    deal, role = Opportunity("o2", "New", NOW), Role("r", "o2", "jane", NOW, primary=True)
    known = mirror(matches={1: stored}, pipeline=Pipeline({"jane": [role]}, {"o2": deal}))
    assert match_texts(CRM, {1: text("t", 0, JANE)}, {}, known) == {"t": stored}
    given = text("t", 0, JANE, "jane")
    assert match_texts(CRM, {1: given}, {}, known) == {"t": replace(stored, rule="given")}


def test_a_text_that_moves_takes_its_conversation_along_and_looks_around_anew() -> None:
    """The new person's opportunity, owner and account are kept from here on."""
    stored = Match(1, CRM, "only", "none", "Contact", "ann", None, {}, conversation_id=7)
    deal, won = (
        Opportunity("o", "Big", NOW, stage="open"),
        Opportunity("w", "Old", NOW, stage="won", open=False),
    )
    roles = [Role("r", "o", "bob", NOW, role="Decision Maker"), Role("s", "w", "bob", NOW)]
    known = mirror(matches={1: stored}, pipeline=Pipeline({"bob": roles}, {"o": deal, "w": won}))
    [found] = match_texts(CRM, {1: text("t", 0, means="bob")}, {}, known).values()
    assert (found.person_id, found.opportunity_id, found.conversation_id) == ("bob", "o", 7)
    assert found.context == {
        "kind": "contact",
        "owner": "owner of bob",
        "account": None,
        "open_opportunities": "o",
        "stage": "open",
        "amount": None,
        "role": "Decision Maker",
    }


def test_a_text_that_concerns_nobody_any_more_keeps_only_its_conversation() -> None:
    """The rule that stood was withdrawn."""
    stored = Match(1, CRM, "assigned", "none", "Contact", "bob", "o", {}, conversation_id=7)
    [found] = match_texts(CRM, {1: text("t", 0)}, {}, mirror(matches={1: stored})).values()
    assert found == Match(1, CRM, "shared", "none", conversation_id=7)


def test_everybody_who_has_or_had_a_text_is_touched() -> None:
    """With the message that is the reason; an opportunity too."""
    was = Match(1, CRM, "only", "only", person_id="ann", opportunity_id="o")
    now = Match(1, CRM, "given", "none", person_id="bob")
    nobody = Match(2, CRM, "shared", "none")
    found = touched([was, now, nobody])
    assert (found.people, found.opportunities) == ({"ann": 1, "bob": 1}, {"o": 1})


CHAINS = st.lists(
    st.tuples(
        st.sampled_from([SHARED, JANE, UNKNOWN]), st.sampled_from([None, "ann", "bob", "nobody"])
    ),
    max_size=6,
)


@given(CHAINS, st.data())
def test_batches_of_any_size_and_order_match_alike(
    chain: list[tuple[str, str | None]], data: st.DataObject
) -> None:
    """All at once, in any order, or one after the other with what was stored: the same people."""
    texts = {n: text(f"t{n}", n, *one) for n, one in enumerate(chain, 1)}
    before = {f"t{n}": f"t{n - 1}" for n in range(2, len(chain) + 1)}
    expected = match_texts(CRM, texts, before, mirror())
    shuffled = dict(data.draw(st.permutations(list(texts.items()))))
    assert match_texts(CRM, shuffled, before, mirror()) == expected
    stored: dict[str, Match] = {}
    for id, one in texts.items():
        stored |= match_texts(CRM, {id: one}, before, mirror(before=stored))
    assert stored == expected
    again = mirror(matches={match.message_id: match for match in expected.values()})
    assert match_texts(CRM, texts, before, again) == expected
