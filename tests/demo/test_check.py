"""The checker can fail: whatever is changed in the result, it says so and names the check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from crm_sms.demo import check
from crm_sms.demo.check import CHECKS, Observed, compare, judge
from crm_sms.demo.expected import Story
from crm_sms.demo.played import Played
from crm_sms.demo.run import Performance
from crm_sms.demo.words import Deed

Rows = dict[str, list[dict[str, Any]]]
Tampering = Callable[[Rows, Story], None]


def message(rows: Rows, **wanted: Any) -> dict[str, Any]:
    """The first message record with these values."""
    found = (r for r in rows["SMS_Message__c"] if all(r.get(n) == v for n, v in wanted.items()))
    return next(found)


def task(rows: Rows, start: str = "task:") -> dict[str, Any]:
    """The last task of ours whose key starts so: no rep has touched it."""
    return [r for r in rows["Task"] if str(r.get("SMS_Key__c", "")).startswith(start)][-1]


def edited(rows: Rows, story: Story, deed: Deed) -> dict[str, Any]:
    """The task or text that a rep worked on."""
    act = next(act for act in story.script.acts if act.deed is deed)
    key = story.texts[act.of].key
    return next(
        row
        for row in (*rows["Task"], *rows["SMS_Message__c"])
        if key == row.get("Message_Key__c") or row.get("SMS_Key__c") == f"task:{key}"
    )


def person(rows: Rows, story: Story, *, opted_out: bool) -> dict[str, Any]:
    """A contact or lead who said no, or did not."""
    people = (*rows["Contact"], *rows["Lead"])
    return next(row for row in people if bool(row.get("SMS_Opt_Out__c")) is opted_out)


def drop(rows: Rows, row: dict[str, Any]) -> None:
    """Take a row out."""
    for held in rows.values():
        held[:] = [one for one in held if one is not row]


def remake_deleted(rows: Rows, story: Story) -> None:
    """A task that a rep threw away comes back."""
    act = next(act for act in story.script.acts if act.deed is Deed.DELETE_TASK)
    rows["Task"].append({"SMS_Key__c": f"task:{story.texts[act.of].key}"})


def foreign_body(rows: Rows, story: Story) -> None:
    """Somebody's words on somebody else's text."""
    texts = [t for t in story.texts.values() if t.inbound and t.person and "(" in t.origin.body]
    message(rows, Message_Key__c=texts[0].key)["Body__c"] = texts[1].origin.body


TAMPERINGS: Mapping[str, tuple[str, Tampering]] = {
    "a text is missing": (
        "one_record_per_text",
        lambda rows, story: drop(rows, message(rows, Status__c="Delivered")),
    ),
    "a text is there twice": (
        "one_record_per_text",
        lambda rows, story: rows["SMS_Message__c"].append(dict(message(rows))),
    ),
    "a text that nobody sent": (
        "one_record_per_text",
        lambda rows, story: rows["SMS_Message__c"].append({"Message_Key__c": "forged"}),
    ),
    "a status by arrival": (
        "statuses",
        lambda rows, story: message(rows, Status__c="Delivered").update(Status__c="Sent"),
    ),
    "an error is forgotten": (
        "statuses",
        lambda rows, story: message(rows, Status__c="Failed").pop("Error_Class__c"),
    ),
    "a time": (
        "times",
        lambda rows, story: message(rows, Status__c="Delivered").update(
            Delivered_At__c="2026-11-07T00:00:00.000+0000"
        ),
    ),
    "a machine's click": (
        "clicks",
        lambda rows, story: message(rows, Click_Count__c=0.0).update(Click_Count__c=1.0),
    ),
    "a wrong person": (
        "people_and_owners",
        lambda rows, story: message(rows).update(Contact__c="003000000000000AAA"),
    ),
    "a wrong owner": (
        "people_and_owners",
        lambda rows, story: message(rows).update(OwnerId="005000000000000AAA"),
    ),
    "a campaign": (
        "senders_words",
        lambda rows, story: message(rows, Segment__c="trial").update(Campaign__c="other"),
    ),
    "a body for somebody else": ("bodies", foreign_body),
    "a sum": (
        "roll_ups",
        lambda rows, story: person(rows, story, opted_out=False).update(SMS_Sent_Count__c=99),
    ),
    "an opportunity's sum": (
        "roll_ups",
        lambda rows, story: rows["Opportunity"][0].update(SMS_Reply_Count__c=99),
    ),
    "an opt-out that is not there": (
        "opt_outs",
        lambda rows, story: person(rows, story, opted_out=True).update(SMS_Opt_Out__c=False),
    ),
    "an opt-out of somebody else": (
        "opt_outs",
        lambda rows, story: person(rows, story, opted_out=False).update(SMS_Opt_Out__c=True),
    ),
    "a task is missing": (
        "one_task_per_conversation",
        lambda rows, story: drop(rows, task(rows)),
    ),
    "a second task": (
        "one_task_per_conversation",
        lambda rows, story: rows["Task"].append({"SMS_Key__c": "task:more"}),
    ),
    "a task for another day": (
        "one_task_per_conversation",
        lambda rows, story: task(rows).update(ActivityDate="2027-01-01"),
    ),
    "a task without the words": (
        "one_task_per_conversation",
        lambda rows, story: task(rows).update(Description="nothing"),
    ),
    "an entry is missing": ("timeline", lambda rows, story: drop(rows, task(rows, "entry:"))),
    "a completed task is open again": (
        "edits_of_reps_stand",
        lambda rows, story: edited(rows, story, Deed.COMPLETE_TASK).update(Status="Not Started"),
    ),
    "a subject that a rep wrote": (
        "edits_of_reps_stand",
        lambda rows, story: edited(rows, story, Deed.EDIT_TASK).update(Subject="SMS reply"),
    ),
    "a text that was given away": (
        "edits_of_reps_stand",
        lambda rows, story: edited(rows, story, Deed.GIVE_TEXT_AWAY).update(
            OwnerId=story.ids["rep0"]
        ),
    ),
    "a deleted task is made again": ("edits_of_reps_stand", remake_deleted),
}


def differences(observed: Observed, story: Story, played: Played) -> set[str]:
    """The checks that do not hold."""
    return {difference.check for difference in compare(story, observed, played)}


def test_the_untouched_result_holds(
    observed: Observed, story: Story, performance: Performance
) -> None:
    """Nothing differs, so that what the other tests find is what they changed."""
    assert compare(story, observed, performance.played) == []


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_changed_row_is_found(
    name: str, observed: Observed, story: Story, performance: Performance
) -> None:
    """One change in the org breaks the check that it concerns, and no other."""
    wanted, tamper = TAMPERINGS[name]
    rows = {object: [dict(row) for row in held] for object, held in observed.rows.items()}
    tamper(rows, story)
    assert differences(replace(observed, rows=rows), story, performance.played) == {wanted}


def test_what_is_counted_wrongly_is_found(
    observed: Observed, story: Story, performance: Performance
) -> None:
    """Events, repetitions, refusals, triage, what is parked and what waits."""
    counted = observed.counters
    cases = {
        "every_callback_counted": [
            {"counters": replace(counted, events=counted.events - 1)},
            {"counters": replace(counted, duplicates=counted.duplicates + 1)},
            {"witness": replace(observed.witness, refused=1)},
        ],
        "forged_refused": [{"counters": replace(counted, forged=0)}],
        "triage": [{"crm": replace(observed.crm, unmatched={"shared": 1})}],
        "nothing_parked_or_waiting": [
            {"crm": replace(observed.crm, parked={"locked": 1})},
            {"inbox": 1},
        ],
    }
    for wanted, changes in cases.items():
        for change in changes:
            seen = replace(observed, **change)
            assert differences(seen, story, performance.played) == {wanted}


def test_a_forged_callback_that_was_let_in_is_found(
    observed: Observed, story: Story, performance: Performance
) -> None:
    """Also if the service counts it as refused."""
    played = replace(performance.played, forged_refused=1)
    assert differences(observed, story, played) == {"forged_refused"}


def test_every_check_is_tried() -> None:
    """No check is in the list that no test has seen fail."""
    elsewhere = {
        "every_callback_counted",
        "forged_refused",
        "triage",
        "nothing_parked_or_waiting",
    }
    assert {check for check, _ in TAMPERINGS.values()} | elsewhere == set(CHECKS)


def test_a_record_that_is_tampered_with_in_the_org_is_found(performance: Performance) -> None:
    """The whole judgement, from the org to the word for people."""
    world = performance.stage.world
    row = next(r for r in world.records("SMS_Message__c") if r["Status__c"] == "Delivered")
    world.edit("SMS_Message__c", row["Id"], Status__c="Queued")
    try:
        judged = judge(performance.stage, performance.script, performance.played)
    finally:
        world.edit("SMS_Message__c", row["Id"], Status__c="Delivered")
    assert [name for name, ok in judged.checks.items() if not ok] == ["statuses"]
    [difference] = judged.differences
    key = row["Message_Key__c"]
    assert str(difference) == (
        f"statuses: SMS_Message__c {key} Status__c: wanted Delivered, found Queued"
    )
    assert all(judge(performance.stage, performance.script, performance.played).checks.values())


def test_every_field_that_is_checked_has_a_check_of_the_list() -> None:
    """No difference goes under a name that nobody reports."""
    assert {check for check in check._CHECK_OF_FIELD.values()} <= set(CHECKS)
