"""Texts that never were: what a mapping asks for when one is sent, clicked, answered or refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime

from crm_sms.delivery.forecast import WantedRow
from crm_sms.delivery.rules import references
from crm_sms.events import Direction, Metadata, Status
from crm_sms.mapping import Mapping as AMapping
from crm_sms.mapping import OptOut, ReplyTask, RollUp, TextFacts
from crm_sms.messages import Message
from crm_sms.phone import parse_address
from crm_sms.plan import Plan, plan_opportunity, plan_person, plan_text
from crm_sms.records import DesiredRecord, Lane, Opportunity, Owner, Person, Phone

Place = tuple[str, str, Lane]
State = Mapping[Place, DesiredRecord]
"""What a CRM should hold at some moment."""

_AT = datetime(2026, 1, 2, 15, 0, tzinfo=UTC)
_OURS, _THEIRS = parse_address("+15005550006"), parse_address("+12025550123")
_METADATA = Metadata(campaign="campaign", template="template", purpose="purpose")

OWNER = Owner("owner", "Rep", _AT)
DEAL = Opportunity("deal", "Deal", _AT, account_id="account", owner_id="owner", stage="Open")
TASK = ReplyTask("task", date(2026, 1, 3))
NO = OptOut(_AT, "example", ("+12025550123",))

SENT = Message(
    key="sent",
    provider="example",
    account="example",
    direction=Direction.OUTBOUND,
    status=Status.DELIVERED,
    occurred_at=_AT,
    received_at=_AT,
    sender=_OURS,
    recipient=_THEIRS,
    body="May we call you?",
    segments=1,
    sent_at=_AT,
    delivered_at=_AT,
    metadata=_METADATA,
)
CLICKED = replace(SENT, first_clicked_at=_AT, last_clicked_at=_AT, click_count=1)
ANSWERED = replace(SENT, replied_at=_AT, response_seconds=60)
REPLY = Message(
    key="reply",
    provider="example",
    account="example",
    direction=Direction.INBOUND,
    status=Status.RECEIVED,
    occurred_at=_AT,
    received_at=_AT,
    sender=_THEIRS,
    recipient=_OURS,
    body="Yes please",
    response_seconds=60,
)
SUM = RollUp(sent_count=1, first_touch_at=_AT, last_touch_at=_AT, last_sent_at=_AT)


def rows_of(mapping: AMapping, crm: str) -> Mapping[str, tuple[WantedRow, ...]]:
    """By what happens (`sent`, `clicked`, `reply`, `opt_out`), the rows that it makes or changes. A
    record that the mapping cannot make of these facts makes none."""
    clicked = replace(SUM, click_count=1, last_click_at=_AT)
    replied = replace(SUM, reply_count=1, last_reply_at=_AT, last_response_seconds=60)
    sent = _state(mapping, crm, SUM, {SENT: None})
    after = {
        "clicked": _state(mapping, crm, clicked, {CLICKED: None}),
        "reply": _state(mapping, crm, replied, {ANSWERED: None, REPLY: TASK}),
        "opt_out": _state(mapping, crm, replied, {ANSWERED: None, REPLY: None}, NO),
    }
    before = _state(mapping, crm, RollUp(), {})
    changes = {"sent": (before, sent)} | {name: (sent, state) for name, state in after.items()}
    return {name: tuple(_changed(*states)) for name, states in changes.items()}


def example_person(mapping: AMapping) -> Person:
    """Somebody of the first kind of people that the mapping names, whose further columns are all
    empty."""
    columns = mapping.people[0]
    return Person(
        columns.object,
        "person",
        columns.kind,
        _AT,
        name="Ada Doe",
        owner_id="owner",
        account_id="account",
        phones=(Phone(columns.phones[0], "+12025550123"),),
        opted_out=False,
        fields=dict.fromkeys(columns.further),
    )


def _state(
    mapping: AMapping,
    crm: str,
    roll_up: RollUp,
    texts: Mapping[Message, ReplyTask | None],
    no: OptOut | None = None,
) -> State:
    person = example_person(mapping)
    plans: list[Plan] = [
        plan_person(mapping, crm, person, roll_up=roll_up, opt_out=no),
        plan_opportunity(mapping, crm, DEAL, roll_up),
    ]
    for message, task in texts.items():
        answered = message.replied_at is not None
        facts = TextFacts(message, person, OWNER, DEAL, answered)
        plans.append(plan_text(mapping, crm, facts, task))
    records = (record for plan in plans for record in plan.records)
    return {(record.object, record.key, record.lane): record for record in records}


def _changed(before: State, after: State) -> Iterable[WantedRow]:
    """What is new or other; what is made once and was made before is not touched again."""
    made = {(object, key) for object, key, _ in before}
    for (object, key, lane), record in after.items():
        old = before.get((object, key, lane))
        if old is not None and (record.create_only or record.fields == old.fields):
            continue
        fresh = record.key_field is not None and (object, key) not in made
        follows = any((one.object, one.key) not in made for one in references(record.fields))
        yield WantedRow(lane, object, fresh, follows)
