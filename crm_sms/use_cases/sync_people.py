"""The CRM's people, owners and opportunities into the mirror, as far as they changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from crm_sms.clock import Clock
from crm_sms.delivery.windows import is_reserved
from crm_sms.errors import AccessRefused, QuotaEnded
from crm_sms.ledger import Ledger, conversations, inbox, outbox
from crm_sms.ledger.crm_records import forget_written
from crm_sms.ledger.left_out import left_out
from crm_sms.ledger.matched import said_by
from crm_sms.ledger.mirror_pages import (
    Learnt,
    forget_watermark,
    meant_for,
    put_pulled,
    put_watermark,
    store_others,
    store_people,
    waiting_for,
    watermark,
)
from crm_sms.ledger.notes import note, put_note
from crm_sms.ledger.parked import Refused, park
from crm_sms.ledger.portion import Portion
from crm_sms.ledger.throttles import put_usage, usage_at
from crm_sms.mapping.facts import OptOut
from crm_sms.plan import plan_person
from crm_sms.ports import Crm
from crm_sms.records import (
    Columns,
    DesiredRecord,
    MirrorPart,
    MirrorRow,
    OwnTask,
    Page,
    Person,
    Pull,
)
from crm_sms.use_cases.descriptions import described
from crm_sms.use_cases.mapping_check import mapping_problems
from crm_sms.use_cases.process.opt_outs import opted_out
from crm_sms.use_cases.process.words import Planner

log = structlog.get_logger(__name__)

_OVERLAP = timedelta(minutes=5)
"""Each pull looks back this far: rows of transactions that were open at the last pull carry an
earlier instant than rows that it saw."""


@dataclass(frozen=True, slots=True)
class Syncing:
    """Everything a sync of one CRM needs; `region` completes numbers without a country code,
    `reserve` is the share of the CRM's calls that is kept for opt-outs."""

    ledger: Ledger
    planner: Planner
    crm: Crm
    clock: Clock
    region: str | None
    reserve: float


@dataclass(slots=True)
class SyncReport:
    """Rows by part that are new or not as they were (of our own tasks, those newly completed),
    calls made, texts that may find their person now, opt-outs that somebody had unchecked and that
    are written back; `failed` names the parts that the CRM refused to our user, and why, `mapping`
    what of the mapping does not fit the CRM, each with file, key and remedy."""

    rows: dict[str, int] = field(default_factory=dict)
    calls: int = 0
    rematched: int = 0
    opt_outs: int = 0
    written_back: int = 0
    failed: str = ""
    mapping: list[str] = field(default_factory=list)


Progress = Callable[[str, int, int | None], None]
"""Hears of (part, rows so far, rows in all where the CRM says it)."""


def sync_people(
    syncing: Syncing, *, progress: Progress = lambda part, done, total: None
) -> SyncReport:
    """Pull what changed since the last time, page by page.

    Safe to run at any moment, twice at once, or after a kill: every page moves the watermark in its
    own commit, and a page that comes again changes nothing. Raises what `Crm.pull` raises, and
    QuotaEnded when only the calls are left that are kept for opt-outs; the pages before are kept.
    But where our user was let in and only some parts are refused to it, the others are pulled, and
    the report says which failed.
    """
    _keep_reserve(syncing)
    before = syncing.crm.calls
    ledger, crm, planner = syncing.ledger, syncing.crm, syncing.planner
    problems = mapping_problems(ledger, crm, planner.crm, planner.mapping, syncing.clock())
    report = SyncReport(mapping=problems)
    refused: list[str] = []
    for name, pull in _pulls(syncing):
        try:
            _pull(syncing, report, name, pull, progress)
        except AccessRefused as error:
            if not report.rows:  # then it is our user that is refused, and the rest would be too
                raise
            refused.append(f"{name}: {error}")
    _look_for_fields(syncing)
    report.failed = "; ".join(refused)
    report.calls = syncing.crm.calls - before
    return report


def _keep_reserve(syncing: Syncing) -> None:
    crm = syncing.planner.crm
    with syncing.ledger.read() as connection:
        usage = usage_at(connection, crm, syncing.clock())
    if usage and is_reserved(syncing.reserve, usage):
        raise QuotaEnded(
            f"{usage.used} of {usage.limit} calls to {crm} are used, and the rest is kept for "
            "opt-outs (windows.opt_out_quota): people are pulled again when calls have come back; "
            "if this happens often, raise worker.sync_s or the windows, or buy calls"
        )


def _look_for_fields(syncing: Syncing) -> None:
    """Where records went without a field, see whether the CRM has it by now, also while nothing
    waits to be written; `process` fills it then."""
    ledger, crm = syncing.ledger, syncing.planner.crm
    with ledger.read() as connection:
        objects = left_out(connection, crm).keys()
    if objects:
        described(ledger, crm, syncing.crm, objects, syncing.clock())


def _pulls(syncing: Syncing) -> Iterator[tuple[str, Pull]]:
    """Owners before people, people before what refers to them."""
    yield "owners", Pull(MirrorPart.OWNERS, _since(syncing, "owners"))
    for columns in syncing.planner.mapping.columns():
        name = f"people:{columns.object}"
        _begin(syncing, name, columns)
        yield name, Pull(MirrorPart.PEOPLE, _since(syncing, name), columns=columns)
    for part in (MirrorPart.OPPORTUNITIES, MirrorPart.ROLES):
        yield part.value, Pull(part, _since(syncing, part.value))
    key_field = syncing.planner.mapping.task.key_field
    yield "tasks", Pull(MirrorPart.TASKS, _since(syncing, "tasks"), key_field=key_field)


def _since(syncing: Syncing, part: str) -> datetime | None:
    with syncing.ledger.read() as connection:
        at = watermark(connection, syncing.planner.crm, part)
    return at - _OVERLAP if at else None


def _begin(syncing: Syncing, name: str, columns: Columns) -> None:
    """A new column needs everybody again, and so does another region: numbers are stored parsed.

    The watermark goes as soon as that is noticed, so that a pull that is cut off goes on where it
    was, and does not begin anew each time.
    """
    crm = syncing.planner.crm
    at, wanted = f"columns:{crm}:{columns.object}", _as_json(columns, syncing.region)
    with syncing.ledger.read() as connection:
        if note(connection, at) == wanted:
            return
    with syncing.ledger.write("sync.watermark") as connection:
        forget_watermark(connection, crm, name)
        put_note(syncing.ledger, connection, at, wanted)


def _as_json(columns: Columns, region: str | None) -> dict[str, object]:
    lists = {"phones": list(columns.phones), "further": list(columns.further)}
    return {**asdict(columns), **lists, "region": region}


def _pull(syncing: Syncing, report: SyncReport, name: str, pull: Pull, progress: Progress) -> None:
    done, changed, portion = 0, 0, Portion()
    for page in syncing.crm.pull(pull):
        for rows in _slices(page, portion):
            changed += _store(syncing, report, name, pull, rows, portion)
            done += len(rows)
            progress(name, done, page.total)
        _keep_reserve(syncing)
    report.rows[name] = changed
    with syncing.ledger.write("sync.watermark") as connection:
        put_pulled(connection, syncing.planner.crm, name, syncing.clock())
        _put_usage(syncing, connection)
    _keep_reserve(syncing)


def _put_usage(syncing: Syncing, connection: Connection) -> None:
    """Keep what the CRM has just said, for whoever calls it next."""
    ledger, crm, usage = syncing.ledger, syncing.planner.crm, syncing.crm.usage
    put_usage(ledger, connection, crm, usage, syncing.clock())


def _slices(page: Page, portion: Portion) -> Iterator[Sequence[MirrorRow]]:
    start = 0
    while start < len(page.rows):
        rows = page.rows[start : start + portion.size]
        start += len(rows)
        yield rows


def _store(
    syncing: Syncing,
    report: SyncReport,
    name: str,
    pull: Pull,
    rows: Sequence[MirrorRow],
    portion: Portion,
) -> int:
    """How many of the rows are new or not as they were."""
    ledger, crm, now = syncing.ledger, syncing.planner.crm, syncing.clock()
    with ledger.write("sync.page", give_way=True) as connection:
        started = time.perf_counter()
        if pull.part is MirrorPart.PEOPLE:
            # Excludes processors: see the shared lock in process.
            ledger.lock(connection, ["mirror"])
            found = [row for row in rows if isinstance(row, Person)]
            learnt = store_people(ledger, connection, crm, found, syncing.region)
            _match_again(syncing, report, connection, found, learnt, now)
            _opt_out_again(syncing, report, connection, learnt, now)
            changed = learnt.changed
        elif pull.part is MirrorPart.TASKS:
            tasks = [row for row in rows if isinstance(row, OwnTask)]
            closed = [(task.key, task.modified_at) for task in tasks if task.closed]
            changed, late = conversations.close(connection, crm, closed)
            # They came when the task was done already: they open a conversation of their own.
            inbox.put_back(ledger, connection, late, now)
        else:
            others = [row for row in rows if not isinstance(row, Person | OwnTask)]
            changed = store_others(ledger, connection, crm, others)
        last = max(row.modified_at for row in rows)
        put_watermark(ledger, connection, crm, name, last, now)
        _put_usage(syncing, connection)
    portion.took(time.perf_counter() - started, whole=len(rows) == portion.size)
    return changed


def _match_again(
    syncing: Syncing,
    report: SyncReport,
    connection: Connection,
    found: Sequence[Person],
    learnt: Learnt,
    now: datetime,
) -> None:
    """Texts that waited for a number, or were meant for somebody unknown, are looked at again; so
    are those of a number that fewer people share now."""
    crm = syncing.planner.crm
    waiting = set(meant_for(connection, crm, [one.id for one in found if not one.deleted]))
    numbers = {number for held in learnt.numbers.values() for number in held}.union(learnt.lost)
    if numbers:
        waiting |= set(waiting_for(connection, crm, numbers))
    inbox.put_back(syncing.ledger, connection, waiting, now)
    report.rematched += len(waiting)


def _opt_out_again(
    syncing: Syncing, report: SyncReport, connection: Connection, learnt: Learnt, now: datetime
) -> None:
    """Whoever holds a number that said no is opted out, also if somebody unchecked it."""
    ledger, planner = syncing.ledger, syncing.planner
    concerned = learnt.unchecked | learnt.numbers.keys()
    said = opted_out(ledger, planner, connection, concerned)
    undone = [(person.object, person.id) for person, _ in said if person.id in learnt.unchecked]
    ours = {field.name for no in planner.mapping.opt_outs.values() for field in no.fields}
    report.opt_outs += _opt_out(syncing, connection, said, now)
    # After the outbox, as a deliverer that settles does: else each could wait for the other.
    written_back = forget_written(connection, planner.crm, undone, ours)
    report.written_back += written_back
    if written_back:
        log.warning("opt-outs were unchecked and are written back", count=written_back)


def _opt_out(
    syncing: Syncing, connection: Connection, said: Sequence[tuple[Person, OptOut]], now: datetime
) -> int:
    """Plan these opt-outs; one that the mapping cannot make parks with the message that said no."""
    ledger, planner = syncing.ledger, syncing.planner
    records: list[tuple[DesiredRecord, int | None]] = []
    refused: list[Refused] = []
    for person, no in said:
        plan = plan_person(planner.mapping, planner.crm, person, opt_out=no)
        records += [(record, None) for record in plan.records]
        for one in plan.unmapped:
            log.error("mapping failed", crm=planner.crm, record=one.what, error=one.reason)
            message_id = said_by(ledger, connection, no.numbers)
            if message_id is not None:  # else processing it is still to come, and will park it
                refused.append(Refused(one.what, message_id, one.reason))
    outbox.put(ledger, connection, records, now, planner.windows)
    park(ledger, connection, planner.crm, refused, now)
    return len(records)
