"""What the CRM must hold in the end, record by record, by the truth about the texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from crm_sms.demo import truth
from crm_sms.demo.truth import Conversation, OptOut, Text
from crm_sms.demo.words import Act, Deed, Person, Reply, Script, Sent

Place = tuple[str, str]
"""Object and key: the unique key of a record that is ours, the CRM's id of one that is not."""


@dataclass(frozen=True, slots=True)
class Holds:
    """Stands for a text that has these parts in it."""

    parts: tuple[str, ...]

    def __str__(self) -> str:
        return f"a text with {', '.join(map(repr, self.parts))}"


Fields = dict[str, Any]
"""Instants as datetime, days as date; None where the CRM must have nothing."""

_STATUS = {
    "delivered": "Delivered",
    "read": "Read",
    "sent": "Sent",
    "undelivered": "Undelivered",
    "failed": "Failed",
}
_ERROR_CLASS = {
    30003: "unreachable_temporary",
    30005: "invalid_recipient",
    30007: "content",
    21610: "consent",
}
_METADATA = {
    "campaign": "Campaign__c",
    "offer": "Offer__c",
    "template": "Template__c",
    "template_version": "Template_Version__c",
    "purpose": "Purpose__c",
    "segment": "Segment__c",
    "journey": "Journey__c",
    "arm": "Arm__c",
}


@dataclass(frozen=True, slots=True)
class Story:
    """The script, the CRM's ids of what it names, every text by its name there, and the instant
    from which the script counts."""

    script: Script
    ids: Mapping[str, str]
    texts: Mapping[str, Text]
    start: datetime

    def person(self, ref: str) -> Person:
        """Somebody of the script."""
        return next(person for person in self.script.people if person.ref == ref)

    def owner(self, text: Text) -> str:
        """The CRM's id of whoever looks after the person of a text."""
        deal = next((deal for deal in self.script.deals if deal.ref == text.deal), None)
        person = self.person(text.person or "")
        return self.ids[truth.acting(self.script, person, deal)]

    def done(self, *deeds: Deed) -> list[Act]:
        """What was done in the CRM."""
        return [act for act in self.script.acts if act.deed in deeds]


def records(story: Story) -> dict[Place, Fields]:
    """Every record that must be there, with the fields that count."""
    found: dict[Place, Fields] = {}
    for text in story.texts.values():
        if text.person:
            found["SMS_Message__c", text.key] = _message(story, text)
            if text.inbound or text.replied_at:
                found["Task", f"entry:{text.key}"] = _entry(story, text)
    found |= _tasks(story)
    found |= _people(story)
    found |= _deals(story)
    for place, fields in edits(story).items():
        if place in found:
            found[place] |= fields
    return found


def edits(story: Story) -> dict[Place, Fields]:
    """What people in the CRM changed and must find as they left it."""
    found: dict[Place, Fields] = {}
    for act in story.done(Deed.COMPLETE_TASK, Deed.EDIT_TASK, Deed.GIVE_TEXT_AWAY):
        text = story.texts[act.of]
        ours = act.deed is Deed.GIVE_TEXT_AWAY
        place = ("SMS_Message__c", text.key) if ours else ("Task", f"task:{text.key}")
        found[place] = {name: story.ids.get(to, to) for name, to in act.fields.items()}
    return found


def thrown_away(story: Story) -> set[Place]:
    """Tasks that a rep deleted: they must stay so."""
    return {("Task", f"task:{story.texts[act.of].key}") for act in story.done(Deed.DELETE_TASK)}


def _message(story: Story, text: Text) -> Fields:
    person = story.person(text.person or "")
    is_contact, id = person.object == "Contact", story.ids[person.ref]
    own = _inbound(text.origin) if isinstance(text.origin, Reply) else _outbound(text.origin)
    return own | {
        "Provider__c": "twilio",
        "Provider_Message_Id__c": text.sid,
        "Occurred_At__c": text.occurred_at,
        "Sent_At__c": text.sent_at,
        "Delivered_At__c": text.delivered_at,
        "First_Clicked_At__c": min(text.clicks, default=None),
        "Click_Count__c": len(text.clicks),
        "Replied_At__c": text.replied_at,
        "Response_Seconds__c": text.seconds,
        "Contact__c": id if is_contact else None,
        "Lead__c": None if is_contact else id,
        "Account__c": story.ids[person.account] if person.account else None,
        "Opportunity__c": story.ids[text.deal] if text.deal else None,
        "OwnerId": story.owner(text),
    }


def _inbound(origin: Reply) -> Fields:
    ends = {"Direction__c": "Inbound", "From__c": origin.number, "To__c": origin.sender}
    return {**ends, "Status__c": "Received", "Body__c": origin.body.strip()}


def _outbound(origin: Sent) -> Fields:
    code = origin.error_code
    return {
        "Direction__c": "Outbound",
        "From__c": origin.sender,
        "To__c": origin.number,
        "Status__c": _STATUS[origin.outcome],
        "Body__c": None,  # callbacks never say it
        "Error_Code__c": str(code) if code else None,
        "Error_Class__c": _ERROR_CLASS[code] if code else None,
        **{field: origin.metadata.get(name) for name, field in _METADATA.items()},
    }


def _whose(story: Story, text: Text) -> Fields:
    deal = story.ids[text.deal] if text.deal else None
    return {
        "WhoId": story.ids[text.person or ""],
        "WhatId": deal,
        "OwnerId": story.owner(text),
    }


def _entry(story: Story, text: Text) -> Fields:
    said = text.origin.body if text.inbound else text.origin.sender
    return _whose(story, text) | {
        "Status": "Completed",
        "ActivityDate": text.occurred_at.date(),
        "Description": Holds((said, "/lightning/r/SMS_Message__c/")),
    }


def _tasks(story: Story) -> dict[Place, Fields]:
    closed = {act.of: story.start + act.at for act in story.done(Deed.COMPLETE_TASK)}
    talks = truth.conversations(story.texts.values(), closed)
    gone = thrown_away(story)
    made = {("Task", f"task:{talk.first.key}"): _task(story, talk) for talk in talks}
    return {place: fields for place, fields in made.items() if place not in gone}


def _task(story: Story, talk: Conversation) -> Fields:
    first = talk.first
    return _whose(story, first) | {
        "Status": "Not Started",
        "Subject": Holds((first.origin.body,)),
        "ActivityDate": (first.received_at + timedelta(days=1)).date(),
        "Description": Holds((first.origin.body, "/lightning/r/SMS_Message__c/")),
    }


def _people(story: Story) -> dict[Place, Fields]:
    said = truth.opt_outs(story.texts.values())
    theirs = _by(story.texts.values(), lambda text: text.person)
    return {
        (person.object, story.ids[person.ref]): {
            **_sums(theirs.get(person.ref, [])),
            **_last(theirs.get(person.ref, [])),
            **_no(said.get(person.number)),
        }
        for person in story.script.people
    }


def _deals(story: Story) -> dict[Place, Fields]:
    theirs = _by(story.texts.values(), lambda text: text.deal if text.person else None)
    found: dict[Place, Fields] = {}
    for deal in story.script.deals:
        texts = theirs.get(deal.ref, [])
        touches = [text.occurred_at for text in texts if text.left or text.inbound]
        first, last = min(touches, default=None), max(touches, default=None)
        touched = {"SMS_First_Touch_At__c": first, "SMS_Last_Touch_At__c": last}
        found["Opportunity", story.ids[deal.ref]] = _sums(texts) | touched
    return found


def _by(every: Iterable[Text], whose: Callable[[Text], str | None]) -> dict[str, list[Text]]:
    found: dict[str, list[Text]] = {}
    for text in every:
        ref = whose(text)
        if ref:
            found.setdefault(ref, []).append(text)
    return found


def _sums(texts: Sequence[Text]) -> Fields:
    replies = [text for text in texts if text.inbound]
    clicks = [at for text in texts for at in text.clicks]
    answers = [text for text in replies if text.seconds is not None]
    last = max(answers, key=lambda text: text.occurred_at, default=None)
    any_at_all = bool(texts)
    return {
        "SMS_Sent_Count__c": sum(text.left for text in texts) if any_at_all else None,
        "SMS_Reply_Count__c": len(replies) if any_at_all else None,
        "SMS_Click_Count__c": len(clicks) if any_at_all else None,
        "SMS_Last_Reply_At__c": max((text.occurred_at for text in replies), default=None),
        "SMS_Last_Click_At__c": max(clicks, default=None),
        "SMS_Last_Response_Seconds__c": last.seconds if last else None,
    }


def _last(texts: Sequence[Text]) -> Fields:
    left = [text for text in texts if text.left]
    last = max(left, key=lambda text: text.occurred_at, default=None)
    return {
        "SMS_Phone_E164__c": last.origin.number if last else None,
        "SMS_Last_Sent_At__c": max((text.sent_at for text in left if text.sent_at), default=None),
    }


def _no(no: OptOut | None) -> Fields:
    return {
        "SMS_Opt_Out__c": no is not None,
        "SMS_Opt_Out_At__c": no.at if no else None,
        "SMS_Opt_Out_Source__c": no.source if no else None,
        "SMS_Opt_Out_Phone__c": no.number if no else None,
    }


def unmatched(script: Script) -> dict[str, int]:
    """Texts that nobody can be named for, by the reason."""
    found: dict[str, int] = {}
    for reply in script.replies:
        if reply.unmatched:
            found[reply.unmatched] = found.get(reply.unmatched, 0) + 1
    return found


def read(value: Any, like: Any) -> Any:
    """A value of the CRM in the form of what is expected there."""
    if isinstance(like, datetime) and isinstance(value, str):
        return datetime.fromisoformat(value)
    if isinstance(like, date) and not isinstance(like, datetime) and isinstance(value, str):
        return date.fromisoformat(value)
    if isinstance(like, bool):
        return bool(value)
    return value
