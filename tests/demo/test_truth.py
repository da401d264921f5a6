"""The demo's own idea of what is true, tried on cases small enough to see through."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from crm_sms.demo import truth
from crm_sms.demo.truth import Text
from crm_sms.demo.witness import Posted, Witness
from crm_sms.demo.words import Click, Deal, Meaning, Person, Rep, Reply, Script, Sent

START = datetime(2026, 11, 1, tzinfo=UTC)
PERSON, OURS = "+12025552000", "+12025550100"
EMPTY = Script((), "boss", (), (), (), (), ())


def at(minutes: float) -> datetime:
    """So many minutes after the start."""
    return START + timedelta(minutes=minutes)


def sent(ref: str = "t", **fields: object) -> Sent:
    """A text of the script."""
    return replace(Sent(ref, timedelta(0), "p", PERSON, OURS, "Hello"), **fields)  # type: ignore[arg-type]


def reply(ref: str, minutes: float, **fields: object) -> Reply:
    """A reply of the script."""
    made = Reply(ref, timedelta(minutes=minutes), PERSON, OURS, ref, person="p")
    return replace(made, **fields)  # type: ignore[arg-type]


def said(sid: str, minutes: float, word: str) -> Posted:
    """A status callback."""
    return Posted("status", sid, at(minutes), word)


def wrote(minutes: float, ref: str, **fields: object) -> Text:
    """A reply as it was."""
    return Text(ref, ref, reply(ref, minutes, **fields), "p", at(minutes), at(minutes))


def found(script: Script, *posted: Posted) -> dict[str, Text]:
    """Texts whose id at the provider is their name."""
    refs = {one.ref: one.ref for one in (*script.sent, *script.replies)}
    return truth.texts(script, refs, Witness(posted), "AC1")


def test_times_are_the_earliest_receipts_of_what_they_say() -> None:
    """Callbacks in the wrong order and doubled: first sign of leaving, first sign of arriving."""
    posted = [said("t", 9, "sent"), said("t", 3, "delivered"), said("t", 20, "delivered")]
    text = found(replace(EMPTY, sent=[sent()]), *posted, said("t", 2, "sending"))["t"]
    assert (text.occurred_at, text.sent_at, text.delivered_at) == (at(2), at(3), at(3))
    assert text.left


def test_a_text_that_failed_never_left() -> None:
    """Neither sent nor delivered."""
    text = found(replace(EMPTY, sent=[sent(outcome="failed")]), said("t", 1, "failed"))["t"]
    assert (text.left, text.sent_at, text.delivered_at) == (False, None, None)


def test_clicks_are_those_of_people_by_the_script() -> None:
    """Which of the reported clicks a person made is known, not guessed."""
    clicks = (Click(timedelta(minutes=30), human=True), Click(timedelta(minutes=5), human=False))
    posted = [Posted("click", "t", at(40), "", at(n)) for n in (30, 5, 5)]
    text = found(replace(EMPTY, sent=[sent(clicks=clicks)]), said("t", 1, "sent"), *posted)["t"]
    assert text.clicks == [at(30)]


def test_a_key_of_the_other_system_stands_before_the_providers_id() -> None:
    """Without one, a text goes by provider, account and id."""
    texts = [sent("a"), sent("b", keyed=False)]
    both = found(replace(EMPTY, sent=texts), said("a", 1, "sent"), said("b", 1, "sent"))
    assert (both["a"].key, both["b"].key) == ("a", "twilio:AC1:b")


def test_only_the_first_reply_times_the_answer() -> None:
    """A reply answers the last text before it, within seven days."""
    script = replace(EMPTY, sent=[sent()], replies=[reply("r1", 10), reply("r2", 20)])
    posted = [said("t", 4, "sent"), *(Posted("inbound", f"r{n}", at(10 * n)) for n in (1, 2))]
    texts = found(script, *posted)
    assert [texts[ref].seconds for ref in ("t", "r1", "r2")] == [360, 360, None]
    assert texts["t"].replied_at == at(10)


@pytest.mark.parametrize("end", ["undelivered", "failed"])
def test_a_reply_answers_no_text_that_reached_nobody(end: str) -> None:
    """It answers the one before."""
    script = replace(EMPTY, sent=[sent("a"), sent("b", outcome=end)], replies=[reply("r", 10)])
    posted = [said("a", 1, "sent"), said("b", 2, "sent"), said("b", 3, end)]
    texts = found(script, *posted, Posted("inbound", "r", at(10)))
    assert [texts[ref].seconds for ref in ("a", "b", "r")] == [540, None, 540]


@pytest.mark.parametrize("days", [-1, 8])
def test_what_came_before_or_much_later_answers_nothing(days: int) -> None:
    """A reply must follow its text, and not weeks later."""
    script = replace(EMPTY, sent=[sent()], replies=[reply("r", 0)])
    posted = [said("t", 1, "sent"), Posted("inbound", "r", START + timedelta(days=days))]
    assert found(script, *posted)["t"].replied_at is None


@pytest.mark.parametrize(
    ("deals", "wanted"),
    [
        ([], None),
        ([("d1", "Prospecting", None)], "d1"),
        ([("d1", "Closed Won", None)], None),
        ([("d1", "Prospecting", None), ("d2", "Closed Lost", "p")], "d1"),
        ([("d1", "Prospecting", None), ("d2", "Prospecting", "p")], "d2"),
        ([("d1", "Prospecting", None), ("d2", "Prospecting", None)], None),
        ([("d1", "Prospecting", "p"), ("d2", "Prospecting", "p")], None),
    ],
)
def test_a_text_belongs_to_the_only_open_deal_or_the_one_they_lead(
    deals: list[tuple[str, str, str | None]], wanted: str | None
) -> None:
    """Of several open deals one must be theirs."""
    people = [Person("p", "Contact", "A", "B", "", PERSON, "Phone", "rep")]
    held = [Deal(ref, ref, stage, "rep", ("p", "q"), lead) for ref, stage, lead in deals]
    assert truth.deals_of(replace(EMPTY, people=people, deals=held)).get("p") == wanted


def test_answers_within_a_day_are_one_conversation() -> None:
    """The day counts from the first answer, so a third one can open another."""
    talks = truth.conversations([wrote(0, "a"), wrote(1439, "b"), wrote(1440, "c")], {})
    assert [[text.key for text in talk.texts] for talk in talks] == [["a", "b"], ["c"]]


def test_a_completed_task_ends_its_conversation() -> None:
    """What is written after that opens another."""
    talks = truth.conversations([wrote(0, "a"), wrote(50, "b"), wrote(70, "c")], {"a": at(60)})
    assert [talk.first.key for talk in talks] == ["a", "c"]


@pytest.mark.parametrize(
    "fields", [{"meaning": Meaning.STOP}, {"meaning": Meaning.NOISE}, {"person": None}]
)
def test_only_answers_of_known_people_open_conversations(fields: dict[str, object]) -> None:
    """STOP, noise and strangers make no task."""
    text = wrote(0, "a", **fields)
    text.person = text.origin.person
    assert truth.conversations([text], {}) == []


@pytest.mark.parametrize(
    ("rep", "deal_rep", "wanted"),
    [("here", "left", "here"), ("left", "here", "here"), ("left", "left", "boss")],
)
def test_nobody_who_left_looks_after_a_person(rep: str, deal_rep: str, wanted: str) -> None:
    """The person's rep, else the deal's, else the manager."""
    script = replace(EMPTY, reps=[Rep("here", "A B"), Rep("left", "C D", active=False)])
    person = Person("p", "Contact", "A", "B", "", PERSON, "Phone", rep)
    assert truth.acting(script, person, Deal("d", "d", "New", deal_rep, ("p",))) == wanted


def test_a_deal_is_not_needed_to_find_the_manager() -> None:
    """Without a deal the manager takes over at once."""
    script = replace(EMPTY, reps=[Rep("left", "C D", active=False)])
    person = Person("p", "Contact", "A", "B", "", PERSON, "Phone", "left")
    assert truth.acting(script, person, None) == "boss"


def test_the_first_no_of_a_number_counts() -> None:
    """By a word or by what the carrier knows; HELP is no no."""
    stop = [wrote(n, "STOP ", meaning=Meaning.STOP) for n in (9, 5)]
    blocked = Text("t", "t", sent(error_code=21610, number="+1"), "p", at(7), at(7))
    noise = wrote(1, "HELP", meaning=Meaning.NOISE, number="+2")
    said_no = truth.opt_outs([*stop, blocked, noise])
    assert {number: (no.at, no.source) for number, no in said_no.items()} == {
        PERSON: (at(5), "keyword STOP"),
        "+1": (at(7), "error 21610"),
    }
