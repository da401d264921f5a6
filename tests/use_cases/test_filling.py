"""Fields that records went without: marked when they are left out, planned again when they show."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from crm_sms.admin_files import read_mapping
from crm_sms.delivery.windows import Windows
from crm_sms.events import OptOutRules
from crm_sms.ledger import Ledger
from crm_sms.ledger.crm_records import CrmRecord, known_records, remember
from crm_sms.ledger.inbox import backlog
from crm_sms.ledger.left_out import left_out, note_left_out
from crm_sms.ledger.notes import put_note
from crm_sms.ledger.tables import messages, metadata
from crm_sms.records import (
    DesiredField,
    DesiredRecord,
    FieldDescription,
    FieldType,
    Lane,
    ObjectDescription,
    WriteRule,
)
from crm_sms.routing import TaskRules
from crm_sms.use_cases.descriptions import MAX_AGE, described
from crm_sms.use_cases.process import Planner, Processing, filling, process
from crm_sms.use_cases.receive import receive

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
RULES = {"twilio": OptOutRules({})}
CRM = "salesforce"
HIDDEN = None
OPEN = FieldDescription("Status__c", FieldType.PICKLIST, choices=("Sent",))
RESTRICTED = FieldDescription("Status__c", FieldType.PICKLIST, choices=(), restricted=True)


# ── Marked by delivery ───────────────────────────────────────────────────────────────────────────


def record(key: str, lane: Lane, *fields: str, **given: Any) -> DesiredRecord:
    """A record with these fields, which are ours."""
    plain: dict[str, Any] = {"key_field": "Key", "partition": key} | given
    wanted = {name: DesiredField("1", WriteRule.ALWAYS) for name in fields}
    return DesiredRecord("small", "Text", key, lane, wanted, **plain)


def marks(office: Any) -> dict[str, set[str]]:
    """By key, what the records went without."""
    with office.ledger.read() as connection:
        known = known_records(connection, "small", [("Text", key) for key in "klm"])
        return {key: set(one.left_out) for (_, key), one in known.items()}


def due(office: Any, *records: DesiredRecord) -> None:
    """Wanted long enough ago for every window."""
    office.want(*records)
    office.crm.advance(61)
    office.deliver()


def test_a_record_is_marked_with_the_fields_that_it_goes_without(office: Any) -> None:
    """Each lane of a record for its own fields; what is made once is not, as nothing fills it."""
    office.crm.hidden = {"a", "b"}
    due(
        office,
        record("k", Lane.TIMELINE, "a", "c"),
        record("k", Lane.ROLL_UP, "b", "d"),
        record("l", Lane.TIMELINE, "c"),
        record("m", Lane.TASK, "a", "c", create_only=True),
    )
    assert marks(office) == {"k": {"a", "b"}, "l": set(), "m": set()}
    with office.ledger.read() as connection:
        assert left_out(connection, "small") == {"Text": {"a": HIDDEN, "b": HIDDEN}}


def test_a_field_that_is_written_after_all_is_marked_no_more(office: Any) -> None:
    """The other lane's mark stays."""
    office.crm.hidden = {"a", "b"}
    due(office, record("k", Lane.TIMELINE, "a", "c"), record("k", Lane.ROLL_UP, "b", "d"))
    office.crm.hidden = set()
    office.crm.advance(MAX_AGE.total_seconds())
    due(office, record("k", Lane.TIMELINE, "a", "c"))
    assert marks(office) == {"k": {"b"}}
    assert office.crm.living("Text", "k").fields == {"a": "1", "c": "1", "d": "1"}


@pytest.mark.parametrize(("meanwhile", "filled"), [("", "1"), ("theirs", "theirs")])
def test_a_field_for_new_records_only_is_filled_if_it_is_still_empty(
    office: Any, meanwhile: str, filled: str
) -> None:
    """It would have been written when the record was made; later it is the rep's like any other."""
    once = {"a": DesiredField("1", WriteRule.ONCE), "c": DesiredField("1", WriteRule.ONCE)}
    wanted = DesiredRecord("small", "Text", "k", Lane.TIMELINE, once, "Key", partition="k")
    office.crm.hidden = {"a"}
    due(office, wanted)
    one = office.crm.living("Text", "k")
    office.crm.edit(one, "c", "theirs")
    if meanwhile:
        office.crm.edit(one, "a", meanwhile)
    office.crm.hidden = set()
    office.crm.advance(MAX_AGE.total_seconds())
    due(office, wanted)
    assert one.fields == {"a": filled, "c": "theirs"}
    assert marks(office) == {"k": set()}


# ── Planned again by processing ──────────────────────────────────────────────────────────────────


class Org:
    """What a CRM says of its objects."""

    def __init__(self) -> None:
        self.status: FieldDescription | None = HIDDEN

    def describe(self, objects: Collection[str]) -> Mapping[str, ObjectDescription]:
        """Messages have a status, or none that our user sees."""
        fields = {"Status__c": self.status} if self.status else {}
        return {name: ObjectDescription(name, fields) for name in objects}


class Desk:
    """A ledger in memory with texts that are on their records, and the org."""

    def __init__(self, texts: int) -> None:
        self.ledger = Ledger("sqlite://", b"k" * 32)
        metadata.create_all(self.ledger.engine)
        windows = {lane: Windows().of(lane) for lane in Lane}
        planner = Planner(CRM, read_mapping("salesforce", None), TaskRules(), windows)
        self.processing = Processing(self.ledger, (planner,), RULES, lambda: NOW)
        self.org, self.looks = Org(), 0
        self.look()
        receive(self.ledger, RULES, [_event(f"SM{n}") for n in range(texts)], NOW)
        process(self.processing)
        with self.ledger.read() as connection:
            self.keys = sorted(connection.execute(select(messages.c.key)).scalars())

    def look(self) -> None:
        """An hour later the org is asked again."""
        self.looks += 1
        org: Any = self.org
        described(self.ledger, CRM, org, {"SMS_Message__c"}, NOW + self.looks * MAX_AGE)

    def wrote(self, keys: Collection[str]) -> None:
        """These records were written without their status."""
        known = {
            ("SMS_Message__c", key): CrmRecord(key, {}, frozenset({"Status__c"})) for key in keys
        }
        with self.ledger.write("deliver.settle") as connection:
            remember(self.ledger, connection, CRM, known)
            fields = {"SMS_Message__c": {"Status__c": self.org.status}}
            note_left_out(self.ledger, connection, CRM, fields)

    def planned(self) -> int:
        """How many texts are planned again now."""
        return process(self.processing).messages

    def inbox(self) -> int:
        """How many events wait."""
        with self.ledger.read() as connection:
            return backlog(connection)[0]


def _event(id: str) -> Any:
    from crm_sms.events import Direction, Event, EventKind, Status
    from crm_sms.phone import parse_address

    return Event(
        provider="twilio",
        account="AC1",
        key=id,
        kind=EventKind.STATUS,
        received_at=NOW - timedelta(minutes=1),
        provider_message_id=id,
        direction=Direction.OUTBOUND,
        status=Status.SENT,
        sender=parse_address("+15005550006"),
        recipient=parse_address("+12025550123"),
    )


@pytest.fixture
def desk() -> Iterator[Desk]:
    """With five texts."""
    made = Desk(5)
    yield made
    made.ledger.close()


@pytest.mark.parametrize(
    ("then", "now", "again"),
    [
        (HIDDEN, OPEN, True),
        (RESTRICTED, OPEN, True),
        (OPEN, RESTRICTED, True),
        (HIDDEN, HIDDEN, False),
        (RESTRICTED, RESTRICTED, False),
    ],
)
def test_records_are_planned_again_once_the_field_looks_different(
    desk: Desk, then: FieldDescription | None, now: FieldDescription | None, again: bool
) -> None:
    """Shown, granted, or with another choice; only those that went without it, and only once."""
    desk.org.status = then
    desk.look()
    desk.wrote(desk.keys[:3])
    assert desk.planned() == 0
    desk.org.status = now
    desk.look()
    assert desk.planned() == (3 if again else 0)
    assert desk.planned() == 0


def test_an_object_that_was_not_asked_about_says_nothing(desk: Desk) -> None:
    """It is not gone, only not described yet."""
    desk.wrote(desk.keys)
    with desk.ledger.write("meta") as connection:
        put_note(desk.ledger, connection, f"described:{CRM}", {"at": NOW.isoformat()})
    assert desk.planned() == 0


def test_a_field_that_is_left_out_for_another_reason_meanwhile_is_filled_where_it_was_hidden(
    desk: Desk,
) -> None:
    """The first reason is the one that is over."""
    desk.wrote(desk.keys[:4])
    desk.org.status = RESTRICTED
    desk.look()
    desk.wrote(desk.keys[4:])
    assert desk.planned() == 5


@pytest.mark.parametrize("stops_after", range(4))
def test_filling_goes_on_where_it_was_cut_off(
    monkeypatch: pytest.MonkeyPatch, desk: Desk, stops_after: int
) -> None:
    """Killed at any of its commits; a field that is left out again is noted again."""
    monkeypatch.setattr(filling, "_ROWS", 2)
    desk.wrote(desk.keys)
    desk.org.status = OPEN
    desk.look()
    left = iter(range(stops_after))

    def put(*args: Any) -> None:
        put_note(*args)
        if next(left, None) is None:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(filling, "put_note", put)
        with pytest.raises(KeyboardInterrupt):
            process(desk.processing)
    assert desk.planned() == 5
    assert desk.inbox() == 0
    desk.wrote(desk.keys[:1])
    desk.org.status = RESTRICTED
    desk.look()
    assert desk.planned() == 5
