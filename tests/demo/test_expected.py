"""What must be in the CRM, for texts small enough to see through."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from crm_sms.demo.expected import Holds, Story, edits, read, records, thrown_away, unmatched
from crm_sms.demo.truth import Text
from crm_sms.demo.words import Act, Deal, Deed, Meaning, Person, Rep, Reply, Script, Sent

START = datetime(2026, 11, 1, 22, tzinfo=UTC)
NUMBER, OURS = "+12025552000", "+12025550100"
ANN = Person("ann", "Contact", "Ann", "Lee", "", NUMBER, "Phone", "rep", account="acme")
BOB = Person("bob", "Lead", "Bob", "Ray", "", NUMBER, "Phone", "gone")
DEAL = Deal("deal", "Big", "Prospecting", "rep", ("ann",))
SCRIPT = Script(
    reps=[Rep("rep", "A B"), Rep("gone", "C D", active=False)],
    manager="boss",
    people=[ANN, BOB],
    deals=[DEAL],
    sent=[],
    replies=[],
    acts=[],
)
IDS = {ref: f"id-{ref}" for ref in ("ann", "bob", "acme", "deal", "rep", "gone", "boss", "other")}


def at(hours: float) -> datetime:
    """So many hours after the start."""
    return START + timedelta(hours=hours)


def asked(**fields: Any) -> Text:
    """A text that was answered after an hour."""
    origin = Sent("t", timedelta(0), "ann", NUMBER, OURS, "Hello", metadata={"campaign": "x"})
    made = Text("t", "SM1", origin, "ann", at(0), at(0), "deal", at(0), at(0.5))
    made.replied_at, made.seconds = at(1), 3600
    return replace(made, **fields)


def answer(ref: str = "r", hours: float = 1, **fields: Any) -> Text:
    """Its answer."""
    origin = Reply(ref, timedelta(hours=hours), NUMBER, OURS, f"Yes please {ref}", "ann")
    origin = replace(origin, **{n: fields.pop(n) for n in list(fields) if n in ("meaning", "body")})
    made = Text(f"key-{ref}", "SM2", origin, "ann", at(hours), at(hours), "deal", seconds=3600)
    return replace(made, **fields)


def story(*texts: Text, acts: tuple[Act, ...] = ()) -> Story:
    """These texts, and what was done in the CRM."""
    return Story(replace(SCRIPT, acts=acts), IDS, {text.origin.ref: text for text in texts}, START)


def test_a_text_its_answer_its_entries_and_its_task() -> None:
    """One record per text, an entry for both, one task."""
    found = records(story(asked(), answer()))
    ours = {place for place in found if place[0] in ("SMS_Message__c", "Task")}
    assert ours == {
        ("SMS_Message__c", "t"),
        ("SMS_Message__c", "key-r"),
        ("Task", "entry:t"),
        ("Task", "entry:key-r"),
        ("Task", "task:key-r"),
    }
    text = found["SMS_Message__c", "t"]
    assert (text["Status__c"], text["Body__c"], text["Campaign__c"]) == ("Delivered", None, "x")
    assert (text["Contact__c"], text["Lead__c"], text["Account__c"]) == ("id-ann", None, "id-acme")
    assert (text["Replied_At__c"], text["Response_Seconds__c"]) == (at(1), 3600)
    task = found["Task", "task:key-r"]
    assert (task["WhoId"], task["WhatId"], task["OwnerId"]) == ("id-ann", "id-deal", "id-rep")
    assert task["ActivityDate"] == date(2026, 11, 2)
    assert task["Description"] == Holds(("Yes please r", "/lightning/r/SMS_Message__c/"))


def test_a_lead_of_somebody_who_left_goes_to_the_manager() -> None:
    """Without an account or a deal."""
    found = records(story(answer(person="bob", deal=None)))
    text = found["SMS_Message__c", "key-r"]
    assert (text["Lead__c"], text["Contact__c"], text["OwnerId"]) == ("id-bob", None, "id-boss")
    assert found["Task", "task:key-r"]["WhatId"] is None


def test_sums_are_of_what_left_and_what_came() -> None:
    """A text that failed counts nowhere but has its record; clicks are summed over texts."""
    failed = asked(key="f", sent_at=None, delivered_at=None, replied_at=None)
    failed.origin = replace(failed.origin, ref="f", outcome="failed", error_code=30007)
    clicked = asked(clicks=(at(2), at(3)))
    found = records(story(clicked, failed, answer()))
    ann = found["Contact", "id-ann"]
    assert [ann[f"SMS_{name}_Count__c"] for name in ("Sent", "Reply", "Click")] == [1, 1, 2]
    assert (ann["SMS_Last_Click_At__c"], ann["SMS_Phone_E164__c"]) == (at(3), NUMBER)
    deal = found["Opportunity", "id-deal"]
    assert (deal["SMS_First_Touch_At__c"], deal["SMS_Last_Touch_At__c"]) == (at(0), at(1))
    message = found["SMS_Message__c", "f"]
    assert (message["Status__c"], message["Error_Class__c"]) == ("Failed", "content")


def test_somebody_without_texts_has_nothing_written() -> None:
    """Not even a zero."""
    bob = records(story(asked()))["Lead", "id-bob"]
    assert bob.pop("SMS_Opt_Out__c") is False
    assert set(bob.values()) == {None}


def test_a_no_is_on_everybody_with_the_number_and_makes_no_task() -> None:
    """Contact and lead, whoever of them wrote it."""
    found = records(story(answer(meaning=Meaning.STOP, body="Stop ")))
    for place in (("Contact", "id-ann"), ("Lead", "id-bob")):
        said = found[place]
        assert (said["SMS_Opt_Out__c"], said["SMS_Opt_Out_At__c"]) == (True, at(1))
        assert (said["SMS_Opt_Out_Source__c"], said["SMS_Opt_Out_Phone__c"]) == (
            "keyword STOP",
            NUMBER,
        )
    assert ("Task", "task:key-r") not in found
    assert found["SMS_Message__c", "key-r"]["Body__c"] == "Stop"


def test_what_reps_did_stands() -> None:
    """An edited task keeps the rep's words, a given text its new owner, a deleted task is gone."""
    acts = (
        Act(timedelta(hours=2), Deed.EDIT_TASK, "r", {"Subject": "Mine", "OwnerId": "other"}),
        Act(timedelta(hours=2), Deed.GIVE_TEXT_AWAY, "t", {"OwnerId": "other"}),
        Act(timedelta(hours=30), Deed.DELETE_TASK, "late"),
    )
    those = story(asked(), answer(), answer("late", 29), acts=acts)
    found = records(those)
    task = found["Task", "task:key-r"]
    assert (task["Subject"], task["OwnerId"], task["Status"]) == ("Mine", "id-other", "Not Started")
    assert found["SMS_Message__c", "t"]["OwnerId"] == "id-other"
    assert thrown_away(those) == {("Task", "task:key-late")}
    assert ("Task", "task:key-late") not in found
    assert edits(those).keys() == {("Task", "task:key-r"), ("SMS_Message__c", "t")}


def test_a_completed_task_makes_room_for_the_next() -> None:
    """The second answer of a day has a task of its own then."""
    done = Act(timedelta(hours=2), Deed.COMPLETE_TASK, "r", {"Status": "Completed"})
    both = (answer(), answer("again", 3))
    assert ("Task", "task:key-again") not in records(story(*both))
    found = records(story(*both, acts=(done,)))
    assert found["Task", "task:key-r"]["Status"] == "Completed"
    assert found["Task", "task:key-again"]["Status"] == "Not Started"


def test_a_text_without_a_person_is_in_triage_and_nowhere_else() -> None:
    """It has no record, and its reason is counted."""
    nobody = answer(person=None)
    found = records(story(nobody))
    assert not [place for place in found if place[0] in ("SMS_Message__c", "Task")]
    reply = Reply("x", timedelta(0), NUMBER, OURS, "Hi", unmatched="shared")
    script = replace(SCRIPT, replies=[reply, replace(reply, ref="y"), replace(reply, unmatched="")])
    assert unmatched(script) == {"shared": 2}


@pytest.mark.parametrize(
    ("value", "like", "wanted"),
    [
        ("2026-11-01T22:00:00.000+0000", START, START),
        ("2026-11-02", date(2026, 1, 1), date(2026, 11, 2)),
        (None, False, False),
        (None, START, None),
        (3.0, 3, 3),
        ("text", "other", "text"),
    ],
)
def test_values_are_read_as_what_is_expected(value: Any, like: Any, wanted: Any) -> None:
    """Instants and days as such, a checkbox that was never set as unchecked."""
    assert read(value, like) == wanted
