"""What must hold at any time, and what must be in the end: judged by the org alone."""

from __future__ import annotations

from collections import Counter

from month.stage import TASK, TEXT, Month


def check(it: Month) -> None:
    """No text on two records, no task made twice."""
    texts = Counter(row["Provider_Message_Id__c"] for row in it.world.records(TEXT))
    twice = [sid for sid, count in texts.items() if sid and count > 1]
    assert not twice, f"texts on two records: {twice}"
    made = Counter(row["SMS_Key__c"] for row in it.world.records(TASK, deleted=True))
    again = [key for key, count in made.items() if key and count > 1]
    assert not again, f"tasks made twice: {again}"


def everybody_who_said_no_is_opted_out(it: Month) -> None:
    """Whoever holds a number that texted STOP, and whoever said it on the phone."""
    for person in it.people.values():
        row = it.world.record(person.object, person.id)
        no = person.number in it.said_no or person.id in it.no_by_hand
        assert row["SMS_Opt_Out__c"] or not no, f"{person.id} with {person.number} said no"


def every_text_of_somebody_is_there(it: Month) -> None:
    """One record each, for those that the org shows to concern anybody."""
    check(it)
    known = {row["Provider_Message_Id__c"] for row in it.world.records(TEXT, deleted=True)}
    for text in it.stage.box.twilio.texts_of(it.world.account):
        theirs = text.to if text.direction.startswith("outbound") else (text.from_ or "")
        holders = [one for one in it.people.values() if one.number == theirs]
        if len(holders) == 1:
            assert text.sid in known, f"{text.sid} of {holders[0].id} is on no record"
