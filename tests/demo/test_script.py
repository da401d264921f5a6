"""The script is data that can be judged before anything is played."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_sms.demo.script import SENDERS, minutes, sender_of, write
from crm_sms.demo.words import DAYS, LEAST_PEOPLE, LIVE_DAY, Deed, Meaning, Script
from crm_sms.phone import to_e164

SCRIPTS = st.builds(write, st.integers(LEAST_PEOPLE, 120), st.integers(0, 10_000))
END = timedelta(days=DAYS)


@given(st.integers(LEAST_PEOPLE, 120), st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_a_seed_is_one_script(people: int, seed: int) -> None:
    """The same size and seed give the same fortnight, another seed another one."""
    script = write(people, seed)
    assert script == write(people, seed)
    assert script != write(people, seed + 1)
    assert len(script.people) == people


def test_too_few_people_are_refused() -> None:
    """A demo without its parts would prove nothing."""
    with pytest.raises(ValueError, match="at least 40"):
        write(LEAST_PEOPLE - 1, 1)


@given(SCRIPTS)
@settings(max_examples=20, deadline=None)
def test_every_part_is_played_at_any_size(script: Script) -> None:
    """Clicks of people and machines, answers, noise, opt-outs, failures, deals, triage, reps."""
    meanings = Counter(reply.meaning for reply in script.replies)
    assert min(meanings[meaning] for meaning in Meaning) > 0
    clicks = Counter(click.human for text in script.sent for click in text.clicks)
    assert min(clicks[True], clicks[False]) > 0
    assert {text.outcome for text in script.sent} >= {"delivered", "failed"}
    assert any(text.error_code == 21610 for text in script.sent)
    assert {reply.unmatched for reply in script.replies} == {"", "shared", "unknown"}
    assert {act.deed for act in script.acts} == set(Deed)
    held = {ref for deal in script.deals if deal.open for ref in deal.people}
    assert held & {r.person for r in script.replies if r.meaning is Meaning.ANSWER}
    assert any(text.at >= timedelta(days=LIVE_DAY) for text in script.sent)


@given(SCRIPTS)
@settings(max_examples=20, deadline=None)
def test_nobody_is_texted_after_a_no(script: Script) -> None:
    """The other system keeps to STOP, and to what its provider told it."""
    said = {r.number: r.at for r in script.replies if r.meaning is Meaning.STOP}
    said |= {t.number: t.at for t in script.sent if t.error_code == 21610}
    assert all(text.at <= said.get(text.number, END) for text in script.sent)


@given(SCRIPTS)
@settings(max_examples=20, deadline=None)
def test_times_leave_no_doubt(script: Script) -> None:
    """Replies of a number are ten minutes apart; people click a quarter of an hour after delivery;
    all of it is over before the end."""
    times: dict[str, list[timedelta]] = {}
    for reply in script.replies:
        times.setdefault(reply.number, []).append(reply.at)
    for theirs in times.values():
        assert all(later - earlier >= minutes(10) for earlier, later in pairwise(theirs))
    for text in script.sent:
        human = [click.after for click in text.clicks if click.human]
        assert all(after >= text.delivered_after + minutes(15) for after in human)
        assert all(text.at + click.after < END for click in text.clicks)
    assert max(at for theirs in times.values() for at in theirs) < END


@given(SCRIPTS)
@settings(max_examples=20, deadline=None)
def test_phones_are_spelt_in_many_ways_and_mean_one_number(script: Script) -> None:
    """What somebody typed is the number that texts come from; only those who must share one do."""
    assert all(to_e164(person.phone, "US") == person.number for person in script.people)
    holders = Counter(person.number for person in script.people)
    assert sorted(count for count in holders.values() if count > 1) == [2, 2, 2]
    assert not holders.keys() & set(SENDERS)
    spellings = {
        "".join("9" if c.isdigit() else c for c in person.phone) for person in script.people
    }
    assert len(spellings) > 4


@given(SCRIPTS)
@settings(max_examples=20, deadline=None)
def test_only_records_from_before_belong_to_who_left(script: Script) -> None:
    """A CRM takes no new record for an inactive user; some of the old ones have such an owner."""
    left = {rep.ref for rep in script.reps if not rep.active}
    assert not [person for person in script.people if person.appears and person.rep in left]
    assert [person for person in script.people if person.rep in left]


@given(SCRIPTS)
@settings(max_examples=20, deadline=None)
def test_a_number_has_one_sender_and_answers_are_unmistakable(script: Script) -> None:
    """One thread per number, and no two answers with the same words."""
    assert all(one.sender == sender_of(one.number) for one in (*script.sent, *script.replies))
    said = [r.body for r in script.replies if r.meaning is Meaning.ANSWER and r.person]
    assert len(set(said)) == len(said)
    refs = [one.ref for one in (*script.sent, *script.replies, *script.people, *script.deals)]
    assert len(set(refs)) == len(refs)
