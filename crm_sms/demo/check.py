"""Judges the result from outside: the org's rows against what the script says must be there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crm_sms.demo import expected, truth
from crm_sms.demo.expected import Fields, Holds, Place, Story
from crm_sms.demo.played import Played
from crm_sms.demo.stage import Stage
from crm_sms.demo.witness import Counters, Witness, counters, provider_log
from crm_sms.demo.words import Meaning, Script
from crm_sms.testing.world import CRM
from crm_sms.use_cases.status import CrmStatus, overview


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as it must be; `check` names what that breaks."""

    check: str
    what: str
    wanted: str = ""
    found: str = ""

    def __str__(self) -> str:
        detail = f": wanted {self.wanted}, found {self.found}" if self.wanted else ""
        return f"{self.check}: {self.what}{detail}"


CHECKS = (
    "one_record_per_text",
    "statuses",
    "times",
    "clicks",
    "people_and_owners",
    "senders_words",
    "bodies",
    "roll_ups",
    "opt_outs",
    "one_task_per_conversation",
    "timeline",
    "edits_of_reps_stand",
    "triage",
    "every_callback_counted",
    "forged_refused",
    "nothing_parked_or_waiting",
)
"""Everything that is judged."""

OBJECTS = ("SMS_Message__c", "Task", "Contact", "Lead", "Opportunity")
_OURS: Mapping[str, str] = {"SMS_Message__c": "Message_Key__c", "Task": "SMS_Key__c"}
_WHOSE = frozenset(
    ("Contact__c", "Lead__c", "Account__c", "Opportunity__c", "OwnerId", "WhoId", "WhatId")
)
_CHECK_OF_FIELD: Mapping[str, str] = {
    **dict.fromkeys(("Status__c", "Error_Code__c", "Error_Class__c"), "statuses"),
    **dict.fromkeys(("First_Clicked_At__c", "Click_Count__c"), "clicks"),
    **dict.fromkeys(_WHOSE, "people_and_owners"),
    "Body__c": "bodies",
}
"""What a field of a message record tells; the rest by its name."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What was found: the org's living rows by object and the calls it counted, what the provider
    and our web service say of callbacks, what waits in our ledger."""

    rows: Mapping[str, Sequence[Mapping[str, Any]]]
    witness: Witness
    counters: Counters
    inbox: int
    crm: CrmStatus
    calls: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found, and where it differs from what must be; nowhere if all is well."""

    observed: Observed
    differences: Sequence[Difference]

    @property
    def checks(self) -> dict[str, bool]:
        """Every check by name, and whether it holds."""
        broken = {difference.check for difference in self.differences}
        return {name: name not in broken for name in CHECKS}


def judge(stage: Stage, script: Script, played: Played) -> Judgement:
    """Look at everything and compare it with the script."""
    observed = observe(stage)
    texts = truth.texts(script, played.sids, observed.witness, stage.world.account)
    story = Story(script, stage.ids, texts, stage.start)
    return Judgement(observed, compare(story, observed, played))


def observe(stage: Stage) -> Observed:
    """Ask the org, the provider, our web service and our ledger."""
    now = overview(stage.app.ledger, [CRM], stage.world.now)
    rows = {name: stage.world.records(name) for name in OBJECTS}
    calls = stage.box.salesforce.stats()["calls"]
    witness, counted = provider_log(stage), counters(stage)
    return Observed(rows, witness, counted, now.inbox, now.crms[CRM], calls)


def compare(story: Story, observed: Observed, played: Played) -> list[Difference]:
    """Everything that is not as it must be."""
    return [
        *_records(observed, story),
        *_leaks(observed, story),
        *_triage(observed.crm, story.script),
        *_events(observed.counters, observed.witness, played),
        *_left_over(observed.inbox, observed.crm),
    ]


def _records(observed: Observed, story: Story) -> Iterator[Difference]:
    wanted, edited = expected.records(story), expected.edits(story)
    there, gone = dict(_rows(observed)), expected.thrown_away(story)
    for place, fields in wanted.items():
        if place not in there:
            yield Difference(_check(place), f"{_shown(place)} is missing")
            continue
        for name, value in _differing(there[place], fields):
            mine = name in edited.get(place, {})
            check = "edits_of_reps_stand" if mine else _check(place, name)
            found = str(there[place].get(name))
            yield Difference(check, f"{_shown(place)} {name}", str(value), found)
    for place in there.keys() - wanted.keys():
        check = "edits_of_reps_stand" if place in gone else _check(place)
        yield Difference(check, f"{_shown(place)} must not be there")


def _rows(observed: Observed) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """Rows of the org by place: all that carry a key of ours, and the others that count. A second
    row with the same key is a place of its own."""
    seen: set[Place] = set()
    for name, rows in observed.rows.items():
        for row in rows:
            key = row.get(_OURS.get(name, "Id"))
            if key is None:
                continue
            place = (name, str(key)) if (name, str(key)) not in seen else (name, f"{key} again")
            seen.add(place)
            yield place, row


def _differing(row: Mapping[str, Any], fields: Fields) -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        found = row.get(name)
        if isinstance(value, Holds):
            if not all(part in str(found) for part in value.parts):
                yield name, value
        elif expected.read(found, value) != value:
            yield name, value


def _check(place: Place, field: str = "") -> str:
    object, key = place
    if object == "Task":
        return "timeline" if key.startswith("entry:") else "one_task_per_conversation"
    if object != "SMS_Message__c":
        return "opt_outs" if field.startswith("SMS_Opt_Out") else "roll_ups"
    if not field:
        return "one_record_per_text"
    timed = field.endswith(("_At__c", "_Seconds__c"))
    return _CHECK_OF_FIELD.get(field) or ("times" if timed else "senders_words")


def _shown(place: Place) -> str:
    return f"{place[0]} {place[1]}"


def _leaks(observed: Observed, story: Story) -> Iterator[Difference]:
    """What one person wrote may stand on the records of that text and nowhere else."""
    written = {
        text.origin.body: text.key
        for text in story.texts.values()
        if text.inbound and getattr(text.origin, "meaning", None) is Meaning.ANSWER
    }
    for name, field_name in _OURS.items():
        for row in observed.rows[name]:
            key = str(row.get(field_name, ""))
            held = " ".join(str(row.get(f, "")) for f in ("Body__c", "Subject", "Description"))
            strange = [b for b, whose in written.items() if b in held and not key.endswith(whose)]
            if strange:
                yield Difference("bodies", f"{name} {key} holds what somebody else wrote")


def _triage(crm: CrmStatus, script: Script) -> Iterable[Difference]:
    wanted, found = expected.unmatched(script), dict(crm.unmatched)
    if wanted != found:
        yield Difference("triage", "texts without a person", str(wanted), str(found))


def _events(counted: Counters, witness: Witness, played: Played) -> Iterator[Difference]:
    check = "every_callback_counted"
    twice = len(witness.posted) - witness.distinct
    if counted.events != witness.distinct:
        yield Difference(check, "events", str(witness.distinct), str(counted.events))
    if counted.duplicates != twice:
        yield Difference(check, "repetitions", str(twice), str(counted.duplicates))
    if witness.refused:
        yield Difference(check, "callbacks not accepted", "0", str(witness.refused))
    if not counted.forged == played.forged == played.forged_refused > 0:
        refused = f"{played.forged_refused} refused, {counted.forged} counted"
        yield Difference("forged_refused", "forged callbacks", str(played.forged), refused)


def _left_over(inbox: int, crm: CrmStatus) -> Iterator[Difference]:
    waiting = inbox + sum(queue.waiting + queue.settling for queue in crm.queues)
    for what, count in (("parked", sum(crm.parked.values())), ("waiting", waiting)):
        if count:
            yield Difference("nothing_parked_or_waiting", what, "0", str(count))
