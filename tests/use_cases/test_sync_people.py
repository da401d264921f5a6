"""The mirror against a CRM that implements the port honestly: pages, overlap, failures, changes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import pytest
from sqlalchemy import select

from crm_sms.admin_files import shipped
from crm_sms.delivery.windows import Windows
from crm_sms.errors import AccessRefused, QuotaEnded, TryLater
from crm_sms.events import Direction, Event, EventKind, Metadata, OptOutRules, OptOutType, Status
from crm_sms.ledger import Ledger
from crm_sms.ledger.crm_records import CrmRecord, remember
from crm_sms.ledger.inbox import backlog
from crm_sms.ledger.parked import parked
from crm_sms.ledger.tables import (
    conversations,
    matches,
    messages,
    metadata,
    opportunities,
    outbox,
    owners,
    people,
    phones,
)
from crm_sms.mapping import Mapping
from crm_sms.phone import parse_address
from crm_sms.ports import CrmLimits
from crm_sms.records import (
    Columns,
    Lane,
    MirrorPart,
    MirrorRow,
    Opportunity,
    Owner,
    OwnTask,
    Page,
    Person,
    PersonKind,
    Phone,
    Pull,
    Role,
    Stage,
    Usage,
)
from crm_sms.routing import TaskRules
from crm_sms.use_cases.process import Planner, Processing, process
from crm_sms.use_cases.receive import receive
from crm_sms.use_cases.sync_people import Syncing, SyncReport, sync_people

START = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
OVERLAP = timedelta(minutes=5)
OLD, NEW = "+12025550123", "+12025550188"
SHIPPED = (shipped() / "salesforce.toml").read_text(encoding="utf-8")
CRM = "salesforce"
RULES = {"twilio": OptOutRules({"STOP": OptOutType.STOP})}
KINDS: dict[MirrorPart, type[MirrorRow]] = {
    MirrorPart.OWNERS: Owner,
    MirrorPart.OPPORTUNITIES: Opportunity,
    MirrorPart.ROLES: Role,
    MirrorPart.TASKS: OwnTask,
    MirrorPart.STAGES: Stage,
}


@dataclass
class Org:
    """What pulls are answered from: rows by id, each as it is now."""

    rows: dict[str, MirrorRow] = field(default_factory=dict)
    page: int = 3
    calls: int = 0
    pulls: list[Pull] = field(default_factory=list)
    fails_after: int | None = None
    quota: Usage | None = None
    refuses: tuple[MirrorPart, ...] = ()
    limits: CrmLimits = field(default_factory=lambda: CrmLimits(200, 5, 10.0, 660.0))

    def put(self, *rows: MirrorRow) -> None:
        """Somebody makes or changes records."""
        self.rows |= {row.id: row for row in rows}

    def pull(self, pull: Pull) -> Iterator[Page]:
        """What changed since, oldest first, deletions included, page by page."""
        self.pulls.append(pull)
        if pull.part in self.refuses:
            raise AccessRefused(f"our user does not see {pull.part}")
        found = [row for row in self.rows.values() if _asked(pull, row)]
        found.sort(key=lambda row: (row.modified_at, row.id))
        for start in range(0, len(found), self.page):
            self.calls += 1
            if self.quota:
                self.quota = replace(self.quota, used=self.quota.used + 1)
            if self.fails_after is not None and start // self.page >= self.fails_after:
                raise TryLater("down")
            yield Page(tuple(found[start : start + self.page]), len(found))

    def find_people(self, columns: Sequence[Columns], numbers: Collection[str]) -> list[Person]:
        """Nobody but those whom a pull brings."""
        return []

    def describe(self, objects: Collection[str]) -> NoReturn:
        """It says nothing of its objects, which is no reason to pull nothing."""
        raise TryLater(f"no word of {len(objects)} objects")

    @property
    def usage(self) -> Usage | None:
        """What the last answer said."""
        return self.quota if self.calls else None

    def since(self, part: MirrorPart, object: str = "Contact") -> list[datetime | None]:
        """From when on each pull of a part asked."""
        return [
            pull.since
            for pull in self.pulls
            if pull.part is part and (pull.columns is None or pull.columns.object == object)
        ]


def _asked(pull: Pull, row: MirrorRow) -> bool:
    if pull.since and row.modified_at < pull.since:
        return False
    if pull.columns:
        return isinstance(row, Person) and row.object == pull.columns.object
    return isinstance(row, KINDS[pull.part])


class Place:
    """A ledger in memory, an org, and the clock of both."""

    def __init__(self) -> None:
        self.now = START
        self.org = Org()
        self.ledger = Ledger("sqlite://", b"k" * 32)
        metadata.create_all(self.ledger.engine)
        self.region: str | None = "US"
        self.mapping = Mapping.load(SHIPPED, "test.toml")

    @property
    def planner(self) -> Planner:
        """With the mapping of now."""
        windows = {lane: Windows().of(lane) for lane in Lane}
        return Planner(CRM, self.mapping, TaskRules(), windows)

    def sync(self, **options: Any) -> SyncReport:
        """One run."""
        org: Any = self.org
        syncing = Syncing(self.ledger, self.planner, org, lambda: self.now, self.region, 0.05)
        return sync_people(syncing, **options)

    def receive(self, id: str, number: str, body: str = "hello", **fields: Any) -> None:
        """A reply comes and is planned."""
        event = Event(
            provider="twilio",
            account="AC1",
            key=id,
            kind=EventKind.REPLY,
            received_at=self.now,
            provider_message_id=id,
            direction=Direction.INBOUND,
            sender=parse_address(number),
            recipient=parse_address("+15005550006"),
            status=Status.RECEIVED,
            body=body,
            **fields,
        )
        receive(self.ledger, RULES, [event], self.now)
        self.process()

    def process(self) -> None:
        """Plan what waits."""
        process(Processing(self.ledger, (self.planner,), RULES, lambda: self.now))

    def rows(self, query: Any) -> list[Any]:
        """What the ledger holds."""
        with self.ledger.read() as connection:
            return list(connection.execute(query).all())

    def numbers(self) -> set[tuple[str, str]]:
        """Who holds which number."""
        return {(row.person_id, row.e164) for row in self.rows(select(phones))}

    def whom(self) -> dict[str, str | None]:
        """The person of each text, by the provider's id."""
        rows = self.rows(select(messages.c.key, matches.c.person_id).join(messages))
        return {key.split(":")[-1]: person_id for key, person_id in rows}

    def opted_out(self) -> list[str]:
        """Whose opt-out waits to be written."""
        query = select(outbox.c.key).where(outbox.c.lane == int(Lane.OPT_OUT))
        return sorted(row.key for row in self.rows(query.order_by(outbox.c.key)))

    def inbox(self) -> int:
        """How many events wait."""
        with self.ledger.read() as connection:
            return backlog(connection)[0]


@pytest.fixture
def place() -> Iterator[Place]:
    """With the shipped mapping and an empty org."""
    made = Place()
    yield made
    made.ledger.close()


def person(
    id: str, *numbers: str, minute: float = 0, object: str = "Contact", **fields: Any
) -> Any:
    """Somebody, changed at a minute."""
    return Person(
        object,
        id,
        PersonKind.CONTACT if object == "Contact" else PersonKind.LEAD,
        START + timedelta(minutes=minute),
        name=id,
        phones=tuple(Phone("MobilePhone", number) for number in numbers),
        **{"opted_out": False, **fields},
    )


def crowd(number: int) -> list[Person]:
    """So many people, a minute apart."""
    return [person(f"p{n:04}", f"+1202555{n:04}", minute=n) for n in range(number)]


# ── Pages and watermarks ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", [0, 1, 3, 4, 10])
def test_everybody_is_mirrored_page_by_page(place: Place, number: int) -> None:
    """Progress counts the rows and knows how many there will be."""
    place.org.put(*crowd(number))
    heard: list[tuple[str, int, int | None]] = []
    report = place.sync(progress=lambda *told: heard.append(told))
    assert len(place.rows(select(people))) == number
    assert report.rows["people:Contact"] == number
    assert report.calls == place.org.calls
    assert [done for part, done, _ in heard if part == "people:Contact"][-1:] == (
        [number] if number else []
    )
    assert all(total == number for part, _, total in heard if part == "people:Contact")


def test_the_next_pull_looks_back_over_the_overlap(place: Place) -> None:
    """A row that was committed late with an earlier instant is not missed; each part has its own
    watermark."""
    place.org.put(*crowd(10), Owner("o", "Kim", START + timedelta(minutes=2)))
    place.sync()
    late = person("late", NEW, minute=9 - 4.9)
    place.org.put(late)
    report = place.sync()
    assert ("late", NEW) in place.numbers()
    assert place.org.since(MirrorPart.PEOPLE) == [None, START + timedelta(minutes=9) - OVERLAP]
    assert place.org.since(MirrorPart.OWNERS) == [None, START + timedelta(minutes=2) - OVERLAP]
    assert place.org.since(MirrorPart.PEOPLE, "Lead") == [None, None]
    assert report.rows["people:Contact"] == 1, "six others came again as they were"


def test_only_what_is_new_or_changed_is_counted(place: Place) -> None:
    """The overlap brings rows in every pull; nobody is to take them for changes."""
    deal = Opportunity("d", "Deal", START, open=True)
    place.org.put(*crowd(3), Owner("o", "Kim", START), deal, Role("r", "d", "p1", START))
    counted = {"owners": 1, "people:Contact": 3, "people:Lead": 0, "opportunities": 1, "roles": 1}
    assert place.sync().rows == counted | {"tasks": 0, "stages": 0}
    assert set(place.sync().rows.values()) == {0}
    place.org.put(replace(deal, open=False), replace(crowd(3)[1], name="Another"))
    again = place.sync().rows
    assert {name: rows for name, rows in again.items() if rows} == {
        "people:Contact": 1,
        "opportunities": 1,
    }


def test_pulling_again_changes_nothing(place: Place) -> None:
    """The overlap brings rows a second time; nothing is rematched or opted out for it."""
    place.org.put(*crowd(5))
    place.receive("S", "+12025550001", "STOP")
    place.sync()
    before = [place.rows(select(table)) for table in (people, phones)]
    place.process()
    for _ in range(2):
        report = place.sync()
        assert (report.rematched, report.written_back) == (0, 0)
    assert [place.rows(select(table)) for table in (people, phones)] == before


def test_a_failure_keeps_the_pages_before_it(place: Place) -> None:
    """The error is raised; whoever was pulled is known already."""
    place.org.put(*crowd(10))
    place.org.fails_after = 2
    with pytest.raises(TryLater):
        place.sync()
    assert len(place.numbers()) == 6


@pytest.mark.parametrize(
    "part",
    [MirrorPart.PEOPLE, MirrorPart.OPPORTUNITIES, MirrorPart.ROLES, MirrorPart.STAGES],
)
def test_a_part_that_is_refused_stops_no_other(place: Place, part: MirrorPart) -> None:
    """It is named with the reason; a task that a rep completed closes its conversation still."""
    place.org.put(person("ann", OLD))
    place.sync()
    place.receive("S1", OLD)
    [(task_key,)] = place.rows(select(conversations.c.task_key))
    place.org.put(OwnTask("00T1", task_key, START + timedelta(minutes=9), closed=True))
    place.org.refuses = (part,)
    report = place.sync()
    assert f"our user does not see {part}" in report.failed
    assert report.failed.startswith(part.value)
    assert [row.closed_at for row in place.rows(select(conversations))] != [None]
    place.org.refuses = ()
    assert place.sync().failed == ""


def test_where_nothing_is_pulled_the_refusal_is_raised(place: Place) -> None:
    """Our user itself is refused then, and nothing else is asked for."""
    place.org.refuses = tuple(MirrorPart)
    with pytest.raises(AccessRefused):
        place.sync()
    assert len(place.org.pulls) == 1


def test_a_pull_that_was_cut_off_goes_on_where_it_was(place: Place) -> None:
    """Also the very first one: a large org need not be pulled in one go."""
    place.org.put(*crowd(10))
    place.org.fails_after = 2
    with pytest.raises(TryLater):
        place.sync()
    place.org.fails_after = None
    place.sync()
    assert len(place.numbers()) == 10
    assert place.org.since(MirrorPart.PEOPLE) == [None, START + timedelta(minutes=5) - OVERLAP]


def test_a_pull_leaves_the_calls_that_are_kept_for_opt_outs(place: Place) -> None:
    """It stops with what it has, says so without another call while the CRM's word holds, and goes
    on where it was when calls have come back."""
    place.org.put(*crowd(30))
    place.org.quota = Usage(945, 1000)
    for calls in (5, 5):
        with pytest.raises(QuotaEnded, match=r"950 of 1000 calls.*windows\.opt_out_quota"):
            place.sync()
        assert place.org.calls == calls
        place.now += timedelta(minutes=5)
    assert len(place.numbers()) == 15
    place.org.quota = Usage(100, 1000)
    place.now += timedelta(minutes=10)
    place.sync()
    assert len(place.numbers()) == 30


def test_a_cut_in_the_middle_of_a_page_loses_nobody(place: Place) -> None:
    """Part of a page is stored, with its own watermark; the next run brings the rest."""
    place.org.page = 2000
    place.org.put(*crowd(1200))

    def cut(part: str, done: int, total: int | None) -> None:
        if part == "people:Contact":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place.sync(progress=cut)
    stored = len(place.numbers())
    assert 0 < stored < 1200
    report = place.sync()
    assert len(place.numbers()) == 1200
    assert report.rows["people:Contact"] == 1200 - stored


# ── What makes everybody come again ──────────────────────────────────────────────────────────────


def test_a_new_column_needs_everybody_once(place: Place) -> None:
    """The mapping reads a column that was never pulled; afterwards pulls are incremental again."""
    place.org.put(*crowd(10))
    place.sync()
    place.mapping = replace(
        place.mapping,
        people=tuple(replace(one, further=(*one.further, "Title")) for one in place.mapping.people),
    )
    place.sync()
    place.sync()
    newest = START + timedelta(minutes=9) - OVERLAP
    assert place.org.since(MirrorPart.PEOPLE) == [None, None, newest]
    columns: list[Columns | None] = [p.columns for p in place.org.pulls if p.columns]
    assert all("Title" in one.further for one in columns[-2:] if one)


def test_a_full_pull_that_was_cut_off_goes_on_for_the_new_column(place: Place) -> None:
    """Whoever comes after the cut still comes with the new column."""
    place.org.put(*crowd(10))
    place.sync()
    place.mapping = replace(
        place.mapping,
        people=tuple(replace(one, further=("Title",)) for one in place.mapping.people),
    )
    place.org.fails_after = 1
    with pytest.raises(TryLater):
        place.sync()
    place.org.fails_after = None
    titled = {id: replace(row, fields={"Title": "Dr"}) for id, row in place.org.rows.items()}
    place.org.rows = dict(titled)
    place.sync()
    known = {row.id for row in place.rows(select(people)) if row.fields == {"Title": "Dr"}}
    assert known >= {f"p{n:04}" for n in range(3, 10)}


def test_a_region_that_is_set_later_completes_numbers_already_pulled(place: Place) -> None:
    """Numbers without a country code were nobody's until somebody set the region."""
    place.region = None
    place.org.put(person("ann", "(202) 555-0123"))
    place.sync()
    assert place.numbers() == set()
    place.now += timedelta(hours=1)
    place.org.put(person("bob", "+12025550188", minute=50))
    place.sync()
    place.region = "US"
    place.sync()
    assert place.numbers() == {("ann", OLD), ("bob", NEW)}


# ── People who change ────────────────────────────────────────────────────────────────────────────


def test_a_changed_number_keeps_its_texts_and_finds_its_own(place: Place) -> None:
    """Texts of the old number stay with the person; those that waited for the new one find them."""
    place.org.put(person("ann", OLD))
    place.sync()
    place.receive("A", OLD)
    place.receive("B", NEW)
    assert place.whom() == {"A": "ann", "B": None}
    place.org.put(person("ann", NEW, minute=10))
    report = place.sync()
    assert (report.rematched, place.inbox()) == (1, 1)
    place.process()
    assert place.whom() == {"A": "ann", "B": "ann"}
    place.receive("C", OLD)
    assert place.whom()["C"] is None
    assert place.numbers() == {("ann", NEW)}


@pytest.mark.parametrize("held", ["nobody", "bob"])
def test_a_text_finds_the_person_it_was_meant_for_once_they_are_pulled(
    place: Place, held: str
) -> None:
    """Whether or not they have its number, and whoever had it meanwhile; that is looked at once."""
    place.org.put(*([] if held == "nobody" else [person(held, OLD)]))
    place.sync()
    place.receive("S1", OLD, metadata=Metadata(person_id="ann"))
    assert place.whom() == {"S1": None if held == "nobody" else held}
    place.org.put(person("ann", minute=1, deleted=True))
    assert place.sync().rematched == 0
    place.org.put(person("ann", minute=2))
    assert place.sync().rematched == 1
    place.process()
    assert place.whom() == {"S1": "ann"}
    assert place.sync().rematched == 0


def test_a_deleted_person_holds_no_number_and_gets_no_text(place: Place) -> None:
    """Their texts wait for them, not for the stranger who gets the number next, as new ones do."""
    place.org.put(person("ann", OLD))
    place.sync()
    place.receive("A", OLD)
    place.org.put(person("ann", minute=10, deleted=True, opted_out=None))
    place.sync()
    place.receive("B", OLD)
    assert place.numbers() == set()
    assert place.whom() == {"A": None, "B": None}
    place.org.put(person("bob", OLD, minute=20))
    place.sync()
    place.process()
    assert place.whom() == {"A": None, "B": "bob"}
    place.org.put(person("ann", OLD, minute=30))
    place.sync()
    place.process()
    assert place.whom() == {"A": "ann", "B": "bob"}


def test_somebody_who_is_undeleted_gets_their_number_back(place: Place) -> None:
    """And the texts that came meanwhile."""
    place.org.put(person("ann", OLD, deleted=True))
    place.sync()
    place.receive("A", OLD)
    place.org.put(person("ann", OLD, minute=10))
    place.sync()
    place.process()
    assert place.whom() == {"A": "ann"}


def test_a_number_typed_in_several_fields_is_held_once(place: Place) -> None:
    """However it is written; what is no number is nobody's."""
    place.org.put(person("ann", OLD, "(202) 555-0123", "202.555.0123", "n/a", "see notes"))
    place.sync()
    assert place.numbers() == {("ann", OLD)}


# ── Opt-outs ─────────────────────────────────────────────────────────────────────────────────────


def test_whoever_gets_a_number_that_said_no_is_opted_out(place: Place) -> None:
    """Contact or lead, now or later; whom somebody opted out by hand is so already."""
    place.receive("S", OLD, "STOP")
    place.org.put(
        person("ann", OLD),
        person("led", OLD, object="Lead"),
        person("bob", NEW),
        person("cat", OLD, opted_out=True),
        person("gone", OLD, deleted=True),
    )
    report = place.sync()
    assert place.opted_out() == ["ann", "led"]
    assert report.opt_outs == 2
    place.org.put(person("bob", NEW, OLD, minute=10))
    place.sync()
    assert place.opted_out() == ["ann", "bob", "led"]


def written(place: Place, id: str) -> None:
    """Our opt-out reached the CRM."""
    with place.ledger.write("deliver.settle") as connection:
        connection.execute(outbox.delete())
        values = {name: "1" for name in ("SMS_Opt_Out__c", "SMS_Opt_Out_At__c", "Other__c")}
        remember(place.ledger, connection, CRM, {("Contact", id): CrmRecord(id, values)})


def test_an_unchecked_opt_out_is_written_back_once_and_counted(place: Place) -> None:
    """A person whose box is still checked is left alone."""
    place.receive("S", OLD, "STOP")
    place.org.put(person("ann", OLD))
    place.sync()
    written(place, "ann")
    place.org.put(person("ann", OLD, minute=10, opted_out=True))
    report = place.sync()
    assert (report.written_back, place.opted_out()) == (0, [])
    place.org.put(person("ann", OLD, minute=20))
    report = place.sync()
    assert (report.written_back, place.opted_out()) == (1, ["ann"])
    assert place.sync().written_back == 0, "it waits already"


def test_where_the_field_is_hidden_nobody_is_taken_for_unchecked(place: Place) -> None:
    """None says nothing."""
    place.receive("S", OLD, "STOP")
    place.org.put(person("ann", OLD, opted_out=None))
    place.sync()
    written(place, "ann")
    place.org.put(person("ann", OLD, minute=10, opted_out=None))
    assert place.sync().written_back == 0
    assert place.opted_out() == []


def test_an_opt_out_that_the_mapping_refuses_parks_and_the_pull_goes_on(place: Place) -> None:
    """One person's facts must not keep everybody else out of the mirror."""
    bad = SHIPPED.replace(
        '{ value = "opt_out.source" }', '{ text = "{{ 1 // (person.name | length - 3) }}" }'
    )
    assert bad != SHIPPED
    place.mapping = Mapping.load(bad, "test.toml")
    place.receive("S", OLD, "STOP")
    place.org.put(person("ann", OLD), person("robin", OLD), person("bob", NEW, minute=1))
    place.sync()
    assert place.opted_out() == ["robin"]
    assert ("bob", NEW) in place.numbers()
    with place.ledger.read() as connection:
        assert len(parked(connection)) == 1


# ── What is not a person ─────────────────────────────────────────────────────────────────────────


def test_a_completed_task_of_ours_closes_its_conversation(place: Place) -> None:
    """The first time that it is seen; deleted or edited later, the instant stays."""
    place.org.put(person("ann", OLD))
    place.sync()
    place.receive("A", OLD)
    key = "task:twilio:AC1:A"
    for minute, closed in ((5, False), (10, True), (20, True), (30, False)):
        place.org.put(OwnTask("t", key, START + timedelta(minutes=minute), closed))
        place.sync()
    place.org.put(OwnTask("u", "entry:twilio:AC1:A", START + timedelta(minutes=31), True))
    place.sync()
    [talk] = place.rows(select(conversations))
    assert talk.closed_at == START + timedelta(minutes=10)


def test_owners_and_the_pipeline_are_replaced_as_they_change(place: Place) -> None:
    """Deleted ones stay, marked."""
    place.org.put(
        Owner("o", "Kim", START), Opportunity("d", "Deal", START), Role("r", "d", "ann", START)
    )
    place.sync()
    later = START + timedelta(minutes=1)
    place.org.put(
        Owner("o", "Kim", later, active=False), Opportunity("d", "Deal", later, deleted=True)
    )
    place.sync()
    assert [row.active for row in place.rows(select(owners))] == [False]
    assert [row.deleted for row in place.rows(select(opportunities))] == [True]
