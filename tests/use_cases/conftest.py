"""An installation against a sandbox in this process, and a CRM small enough to be played with."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crm_sms.delivery.windows import Windows
from crm_sms.errors import TryLater
from crm_sms.ledger import Ledger, outbox, parked
from crm_sms.ledger.tables import metadata
from crm_sms.ledger.tables import outbox as outbox_table
from crm_sms.ports import CrmLimits, Finding
from crm_sms.records import (
    Chunk,
    DesiredRecord,
    FieldDescription,
    FieldType,
    Found,
    Lane,
    ObjectDescription,
    Op,
    Outcome,
    Page,
    Pull,
    Reason,
    Scalar,
    Usage,
    Verdict,
    Write,
    WriteResult,
)
from crm_sms.testing.sandbox import sandbox, world
from crm_sms.use_cases.deliver import Delivery, DeliveryReport, deliver

__all__ = ["sandbox", "world"]

START = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


@dataclass
class Record:
    """A record of the small CRM; `by` says who set each field last, us or a rep."""

    object: str
    id: str
    key: str | None
    fields: dict[str, Scalar]
    by: dict[str, str] = field(default_factory=dict)
    deleted: bool = False


def no_answer(*_: Any) -> Outcome:
    """What a CRM that is down says of each row."""
    return Outcome(Verdict.RETRY, reason=Reason.UNAVAILABLE)


def kept(value: Scalar) -> Scalar:
    """What a CRM keeps: no blanks around a text, no empty text, no part of a second."""
    if not isinstance(value, str):
        return value
    return re.sub(r"(T\d\d:\d\d:\d\d)\.\d+Z$", r"\1.000Z", value.strip()) or None


Late = tuple[datetime, Chunk, Write]


@dataclass
class SmallCrm:
    """A CRM in memory that keeps the port's promises: keys are unique among living records, an
    update goes by id, a CREATE whose key is taken is done.

    `plans` says how the next writes go, one entry each: "lost" commits without an answer, "never"
    does neither, a number of seconds commits so much later without an answer now, an exception is
    raised before anything is written, ("after", exception) after it, ("late", seconds, exception)
    long before it; a function answers rows (None: as usual), "short" answers all chunks but the
    last row of each. Without a plan all goes well. While it is `down`, nothing is answered.
    """

    now: datetime = START
    limits: CrmLimits = field(default_factory=lambda: CrmLimits(200, 5, 10.0, 660.0))
    usage: Usage | None = None
    name: str = "small"
    calls: int = 0
    records: list[Record] = field(default_factory=list)
    plans: deque[Any] = field(default_factory=deque)
    late: list[Late] = field(default_factory=list)
    requests: list[tuple[Chunk, ...]] = field(default_factory=list)
    made: list[tuple[str, str | None]] = field(default_factory=list)
    reads: list[tuple[str, str | None, tuple[str, ...]]] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)
    lengths: dict[str, int] = field(default_factory=dict)
    down: bool = False
    watch: Callable[[Record, Write], None] = lambda record, write: None

    def clock(self) -> datetime:
        """Now."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass; late writers commit at their instants."""
        self.now += timedelta(seconds=seconds)
        for at, chunk, write in sorted(self.late, key=lambda one: one[0]):
            if at <= self.now:
                self._apply(chunk, write)
        self.late = [one for one in self.late if one[0] > self.now]

    def describe(self, objects: Collection[str]) -> Mapping[str, ObjectDescription]:
        """Every object has the fields a to z, but for the hidden ones."""
        letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
        fields = {
            name: FieldDescription(
                name, FieldType.TEXT, self.lengths.get(name), unique_key=name == "Key"
            )
            for name in [*letters, "Key"]
            if name not in self.hidden
        }
        return {name: ObjectDescription(name, fields) for name in objects}

    def write(self, chunks: Sequence[Chunk]) -> WriteResult:
        """One request."""
        plan = self.plans.popleft() if self.plans else None
        if self.down:
            plan = no_answer
        if isinstance(plan, BaseException):
            raise plan
        self.calls += 1
        self.requests.append(tuple(chunks))
        after = plan[-1] if isinstance(plan, tuple) else None
        late_s = plan[1] if isinstance(plan, tuple) and plan[0] == "late" else plan
        if plan == "never" or isinstance(late_s, int):
            outcomes = [[Outcome(Verdict.MAYBE) for _ in chunk.rows] for chunk in chunks]
        else:
            outcomes = [[self._row(chunk, write, plan) for write in chunk.rows] for chunk in chunks]
        if isinstance(late_s, int):
            at = self.now + timedelta(seconds=late_s)
            self.late += [(at, chunk, write) for chunk in chunks for write in chunk.rows]
        if after:
            raise after
        if plan == "short":
            outcomes = [some[:-1] for some in outcomes]
        return WriteResult(tuple(map(tuple, outcomes)), usage=self.usage)

    def _row(self, chunk: Chunk, write: Write, plan: Any) -> Outcome:
        told = plan(chunk, write) if callable(plan) else None
        if told is not None and told.verdict is not Verdict.DONE:
            return told
        record = self._at(chunk, write)
        if record and not record.deleted:
            self.watch(record, write)
        done = self._apply(chunk, write)
        return Outcome(Verdict.MAYBE) if plan == "lost" else done

    def _at(self, chunk: Chunk, write: Write) -> Record | None:
        if chunk.op is Op.UPDATE:
            return next((one for one in self.records if one.id == write.key), None)
        return self.living(chunk.object, write.key)

    def living(self, object: str, key: str) -> Record | None:
        """The record with this key that nobody deleted."""
        return next(
            (r for r in self.records if (r.object, r.key) == (object, key) and not r.deleted), None
        )

    def _apply(self, chunk: Chunk, write: Write) -> Outcome:
        record = self._at(chunk, write)
        if chunk.op is Op.UPDATE and (record is None or record.deleted):
            return Outcome(Verdict.PARK, reason=Reason.DELETED)
        if record is None:
            record = self.seed(chunk.object, write.key)
            self.made.append((chunk.object, write.key))
        elif chunk.op is Op.CREATE:
            return Outcome(Verdict.DONE, record.id)
        record.fields |= {name: kept(value) for name, value in write.fields.items()}
        record.by |= dict.fromkeys(write.fields, "us")
        return Outcome(Verdict.DONE, record.id)

    def seed(self, object: str, key: str | None = None, **fields: Scalar) -> Record:
        """A record that is there."""
        record = Record(object, f"{object[0].lower()}{len(self.records):03}", key, fields)
        self.records.append(record)
        return record

    def edit(self, record: Record, name: str, value: Scalar) -> None:
        """A rep sets a field."""
        record.fields[name] = value
        record.by[name] = "rep"

    def read(
        self,
        object: str,
        key_field: str | None,
        keys: Sequence[str],
        fields: Collection[str],
        *,
        deleted: bool = False,
    ) -> Mapping[str, Found]:
        """A living record wins over a deleted one with the same key."""
        assert len(keys) <= self.limits.keys_per_read
        if self.down:
            raise TryLater("down")
        self.calls += 1
        self.reads.append((object, key_field, tuple(keys)))
        found: dict[str, Found] = {}
        for record in sorted(self.records, key=lambda one: not one.deleted):
            key = record.key if key_field else record.id
            if record.object == object and key in keys and (deleted or not record.deleted):
                shown = {name: record.fields.get(name) for name in fields}
                found[key or ""] = Found(record.id, shown, record.deleted)
        return found

    def pull(self, pull: Pull) -> Iterator[Page]:
        """Nobody is there."""
        yield from ()

    def url(self, object: str, id: str) -> str:
        """Where a rep would open it."""
        return f"https://crm.example/{object}/{id}"

    def check(self) -> list[Finding]:
        """Nothing to say."""
        return []


WINDOWS = Windows()


class Office:
    """A ledger in memory, a small CRM, and a deliverer between them."""

    def __init__(self) -> None:
        self.crm = SmallCrm()
        self.gone_back = timedelta(0)
        self.ledger = Ledger("sqlite://", b"k" * 32)
        metadata.create_all(self.ledger.engine)

    def delivery(self, worker: str = "w1") -> Delivery:
        """What one worker needs."""
        crm: Any = self.crm
        texts = lambda: ("Thing", "Key")  # noqa: E731
        return Delivery(
            self.ledger, "small", crm, WINDOWS, self.clock, worker, lambda: 1.0, texts, {"small"}
        )

    def clock(self) -> datetime:
        """What the machine says that it is; the CRM knows better."""
        return self.crm.now - self.gone_back

    def want(self, *records: DesiredRecord) -> None:
        """Facts changed: these are desired."""
        windows = {lane: WINDOWS.of(lane) for lane in Lane}
        with self.ledger.write("process") as connection:
            wanted = [(record, None) for record in records]
            outbox.put(self.ledger, connection, wanted, self.clock(), windows)

    def deliver(self, *plans: Any, most_requests: int | None = None) -> DeliveryReport:
        """Write what is due; the writes go as planned, what is not used up is forgotten."""
        self.crm.plans = deque(plans)
        try:
            return deliver(self.delivery(), most_requests=most_requests)
        finally:
            self.crm.plans.clear()

    def retry(self) -> None:
        """Somebody has all that is parked written again."""
        with self.ledger.write("parked") as connection:
            ids = [one.id for one in parked.parked(connection)]
            parked.retry(self.ledger, connection, ids, self.clock())

    def rows(self) -> list[Any]:
        """What is in the outbox."""
        with self.ledger.read() as connection:
            query = outbox_table.select().order_by(outbox_table.c.id)
            return list(connection.execute(query).all())


@pytest.fixture
def new_office() -> Iterator[Callable[[], Office]]:
    """Makes offices, which are closed at the end of the test."""
    offices: list[Office] = []

    def make() -> Office:
        offices.append(Office())
        return offices[-1]

    yield make
    for one in offices:
        one.ledger.close()


@pytest.fixture
def office(new_office: Callable[[], Office]) -> Office:
    """An office of this test's own."""
    return new_office()
