"""A provider's listing in the ledger: once, from where it ended, and what callbacks kept silent."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from sqlalchemy import func, select

from crm_sms.errors import AccessRefused, QuotaEnded, StoreUnavailable, TryLater
from crm_sms.events import (
    Direction,
    ErrorClass,
    Event,
    EventKind,
    OptOutRules,
    OptOutType,
    Status,
)
from crm_sms.ledger import Ledger
from crm_sms.ledger.history import History, histories
from crm_sms.ledger.tables import events, inbox, suppressions
from crm_sms.messages.missed import is_missed
from crm_sms.phone import parse_address
from crm_sms.ports import ExportRow, HistoryPage
from crm_sms.use_cases.receive import receive as store_events
from crm_sms.use_cases.reconcile import ReconcileReport, Reconciling, reconcile

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
OVERLAP = 24 * HOUR
PERSON, OURS = parse_address("+12025550123"), parse_address("+12025550199")
RULES = OptOutRules({"STOP": OptOutType.STOP})


@dataclass
class Lister:
    """A provider that lists what it was given, oldest first, two rows a page.

    `fails` are raised by the next pages, None by none of them; `asked` is what was asked for.
    """

    rows: dict[str, list[ExportRow]] = field(default_factory=dict)
    fails: list[Exception | None] = field(default_factory=list)
    asked: list[tuple[str, datetime, str | None]] = field(default_factory=list)
    now: datetime = NOON
    name: ClassVar[str] = "acme"
    opt_out_rules: ClassVar[OptOutRules] = RULES

    @property
    def accounts(self) -> tuple[str, ...]:
        return tuple(self.rows) or ("A",)

    def clock(self) -> datetime:
        return self.now

    def history(
        self, account: str, since: datetime, after: str | None = None
    ) -> Iterator[HistoryPage]:
        self.asked.append((account, since, after))
        rows = [row for row in self.rows.get(account, []) if _time(row) >= since]
        start = int(after or 0)
        while True:
            failure = self.fails.pop(0) if self.fails else None
            if failure:
                raise failure
            end = start + 2
            last = end >= len(rows)
            yield HistoryPage(tuple(rows[start:end]), None if last else str(end))
            if last:
                return
            start = end

    def has(self, *listed: ExportRow, account: str = "A") -> None:
        """The provider knows these texts as well."""
        self.rows.setdefault(account, []).extend(listed)


def _time(row: ExportRow) -> datetime:
    return row.event.occurred_at or NOON if row.event else NOON


def listed(
    id: str, ago: timedelta = HOUR, changed: timedelta | None = None, **fields: Any
) -> ExportRow:
    """A row of the listing: a delivered text so long ago, of which there was news then."""
    at = NOON - ago
    fields = {"status": Status.DELIVERED, "body": "Hello", "price": 0.01} | fields
    said = f"{id}:snapshot:{fields['status']}:{fields['price']}:{fields['body']}"
    event = Event(
        "acme",
        fields.pop("account", "A"),
        said,
        EventKind.SNAPSHOT,
        NOON,
        id,
        sender=OURS,
        recipient=PERSON,
        occurred_at=at,
        sent_at=at,
        **fields,
    )
    if event.direction is Direction.INBOUND:
        event = replace(event, sender=PERSON, recipient=OURS, status=Status.RECEIVED, sent_at=None)
    return ExportRow("row", event, changed_at=NOON - (ago if changed is None else changed))


def reply(id: str, body: str, ago: timedelta = HOUR) -> ExportRow:
    """A listed text from the person."""
    return listed(id, ago, body=body, direction=Direction.INBOUND)


def callback(id: str, status: Status = Status.DELIVERED, ago: timedelta = HOUR) -> Event:
    """A status callback that came so long ago."""
    key = f"{id}:{status}"
    at = NOON - ago
    return Event("acme", "A", key, EventKind.STATUS, at, id, status=status, recipient=PERSON)


def receive(ledger: Ledger, *callbacks: Event) -> None:
    """Callbacks come in."""
    store_events(ledger, {"acme": RULES}, callbacks, NOON)


@pytest.fixture
def lister() -> Lister:
    """The provider."""
    return Lister()


def run(ledger: Ledger, lister: Lister, **options: Any) -> ReconcileReport:
    """One run."""
    return reconcile(Reconciling(ledger, lister, lister.clock, OVERLAP), **options)


def count(ledger: Ledger, table: Any) -> int:
    """Rows of a table."""
    with ledger.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def known(ledger: Ledger) -> History:
    """What is kept of account A."""
    with ledger.read() as connection:
        return histories(connection)["acme A"]


def test_a_listing_is_stored_and_counted(ledger: Ledger, lister: Lister) -> None:
    """What was heard of before is completed, the rest is found; a row that is no text is said."""
    receive(ledger, callback("m1"), callback("m2"))
    lister.has(listed("m1"), listed("m2"), listed("m3"), ExportRow("row", refused="no id"))
    assert run(ledger, lister) == ReconcileReport(
        listed=3, completed=2, found=1, unreadable=1, missed={"A": 1}
    )
    assert (count(ledger, events), count(ledger, inbox)) == (5, 5)


def test_a_listing_that_says_the_same_again_changes_nothing(ledger: Ledger, lister: Lister) -> None:
    """Neither does it twice at once; a price that came since is news of the same text."""
    lister.has(listed("m1", price=None), listed("m2"))
    run(ledger, lister)
    assert run(ledger, lister, back=2 * HOUR).known == 2
    lister.rows["A"][0] = listed("m1")
    report = run(ledger, lister, back=2 * HOUR)
    assert (report.known, report.completed, report.found) == (1, 1, 0)
    assert count(ledger, events) == 3


def test_a_no_that_only_the_listing_knows_suppresses_in_the_same_commit(
    ledger: Ledger, lister: Lister
) -> None:
    """The keyword of a reply, and a send that was refused because the person had said no."""
    lister.has(
        reply("r1", "stop"),
        reply("r2", "stop it please"),
        listed("m1", status=Status.FAILED, error_class=ErrorClass.CONSENT, error_code="21610"),
    )
    assert run(ledger, lister).opt_outs == 2
    assert count(ledger, suppressions) == 2
    assert run(ledger, lister, back=2 * HOUR).opt_outs == 0
    assert count(ledger, suppressions) == 2


def test_two_runs_at_once_store_every_text_once(ledger_url: str) -> None:
    """A worker's and somebody's own: whichever is first, the facts are the same."""
    ledgers = [Ledger(ledger_url, KEY) for _ in range(2)]
    together = threading.Barrier(2)

    def one(ledger: Ledger) -> ReconcileReport:
        lister = seven()
        together.wait()
        return run(ledger, lister)

    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(one, ledgers))
    assert sum(report.found + report.completed for report in reports) == 7
    assert sum(report.opt_outs for report in reports) == 1
    assert count(ledgers[0], events) == 7
    assert known(ledgers[0]).reading is None
    for ledger in ledgers:
        ledger.close()


# ── which time is listed ─────────────────────────────────────────────────────────────────────────


def test_the_first_listing_covers_the_overlap(ledger: Ledger, lister: Lister) -> None:
    """The next ones a quarter of an hour more than what came since, and now and then the overlap
    again, for what changes late."""
    run(ledger, lister)
    lister.now = NOON + MINUTE
    run(ledger, lister)
    lister.now = NOON + 6 * HOUR
    run(ledger, lister)
    lister.now = NOON + 6 * HOUR + MINUTE
    run(ledger, lister)
    assert [since for _, since, _ in lister.asked] == [
        NOON - OVERLAP,
        NOON - 15 * MINUTE,
        NOON + MINUTE - OVERLAP,
        NOON + 6 * HOUR - 15 * MINUTE,
    ]


def test_nothing_is_skipped_after_a_long_pause(ledger: Ledger, lister: Lister) -> None:
    """A listing begins where the last one ended, however long ago that was."""
    run(ledger, lister)
    lister.now = NOON + 90 * 24 * HOUR
    run(ledger, lister)
    assert lister.asked[-1][1] == NOON - OVERLAP


def test_a_time_that_somebody_asks_for_moves_no_other(ledger: Ledger, lister: Lister) -> None:
    """The schedule goes on where it was."""
    run(ledger, lister)
    lister.now = NOON + HOUR
    run(ledger, lister, back=30 * 24 * HOUR)
    run(ledger, lister)
    assert [since for _, since, _ in lister.asked[1:]] == [
        NOON + HOUR - 30 * 24 * HOUR,
        NOON - 15 * MINUTE,
    ]


def test_only_the_accounts_that_are_named(ledger: Ledger, lister: Lister) -> None:
    """Each has its own place to go on from."""
    lister.has(listed("m1"))
    lister.has(listed("m2", account="B"), account="B")
    assert run(ledger, lister, accounts=["B"]).listed == 1
    assert run(ledger, lister).listed == 1 + 0  # B only from where it ended
    assert [account for account, _, _ in lister.asked] == ["B", "A", "B"]


# ── what fails, and what is cut off ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("error", [AccessRefused("no"), QuotaEnded("wait"), TryLater("down")])
def test_an_account_that_fails_stops_no_other(
    ledger: Ledger, lister: Lister, error: Exception
) -> None:
    """It is named with what to do, and its next listing covers the time again."""
    lister.has(listed("m1"))
    lister.has(listed("m2", account="B"), account="B")
    lister.fails = [error]
    report = run(ledger, lister)
    assert (report.listed, report.failed) == (1, f"A: {error}")
    assert run(ledger, lister).listed == 1
    assert [since for account, since, _ in lister.asked if account == "A"] == [NOON - OVERLAP] * 2


def test_a_ledger_that_cannot_be_used_is_no_failure_of_an_account(
    ledger: Ledger, lister: Lister
) -> None:
    """There is nowhere to put the others either."""
    lister.fails = [StoreUnavailable("disk")]
    with pytest.raises(StoreUnavailable):
        run(ledger, lister)


@pytest.mark.parametrize("back", [None, 3 * HOUR])
def test_what_was_cut_off_goes_on_behind_the_last_page(
    ledger: Ledger, lister: Lister, back: timedelta | None
) -> None:
    """And then what came since; nothing is listed twice but the last quarter of an hour."""
    lister.has(*(listed(f"m{number}") for number in range(7)))
    lister.fails = [None, None, TryLater("down")]
    assert run(ledger, lister, back=back).listed == 4
    lister.now = NOON + MINUTE
    lister.has(listed("new", -MINUTE))
    report = run(ledger, lister, back=back)
    assert lister.asked[1:] == [
        ("A", NOON - (back or OVERLAP), "4"),
        ("A", NOON - 15 * MINUTE, None),
    ]
    assert (report.failed, count(ledger, events)) == ("", 8)


def test_a_longer_time_than_the_one_cut_off_is_begun_anew(ledger: Ledger, lister: Lister) -> None:
    """What was cut off is no part of it."""
    lister.has(*(listed(f"m{number}") for number in range(5)))
    lister.fails = [None, TryLater("down")]
    run(ledger, lister, back=3 * HOUR)
    assert run(ledger, lister, back=4 * HOUR).listed == 5
    assert lister.asked[1:] == [("A", NOON - 4 * HOUR, None)]


def test_what_somebody_asked_for_and_cut_off_does_not_hold_up_the_schedule(
    ledger: Ledger, lister: Lister
) -> None:
    """A listing of a month may take hours, and opt-outs must not wait for it."""
    lister.has(*(listed(f"m{number}") for number in range(5)))
    lister.fails = [None, TryLater("down")]
    run(ledger, lister, back=30 * 24 * HOUR)
    run(ledger, lister)
    assert lister.asked[1:] == [("A", NOON - OVERLAP, None)]


def test_progress_ends_a_run_between_commits(ledger: Ledger, lister: Lister) -> None:
    """What it has heard of is kept, and the next run goes on."""

    class Enough(Exception):
        pass

    def tell(texts: int) -> None:
        if texts == 4:
            raise Enough

    lister.has(*(listed(f"m{number}") for number in range(6)))
    with pytest.raises(Enough):
        run(ledger, lister, progress=tell)
    assert count(ledger, events) == 4
    run(ledger, lister)
    assert count(ledger, events) == 6
    assert lister.asked[1] == ("A", NOON - OVERLAP, "2")


# ── callbacks that never came ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("row", "told", "missed"),
    [
        (listed("m1"), [], True),
        (listed("m1"), [Status.SENT], True),
        (listed("m1"), [Status.SENT, Status.DELIVERED], False),
        (listed("m1"), [Status.READ], False),
        (listed("m1", status=Status.SENT), [Status.DELIVERED], False),
        (listed("m1", status=Status.FAILED), [Status.DELIVERED], False),  # they differ, not silent
        (listed("m1", status=Status.QUEUED), [], False),
        (listed("m1", status=Status.UNKNOWN), [], False),
        (listed("m1", status=None), [], False),
        (listed("m1", status=Status.CANCELED), [Status.SCHEDULED], True),
        (reply("r1", "hi"), [], True),
        (reply("r1", "hi"), [Status.RECEIVED], False),
    ],
)
def test_a_callback_is_missed_if_none_told_so_much(
    row: ExportRow, told: Sequence[Status], missed: bool
) -> None:
    """Statuses that come with no callback of their own are never missed."""
    assert row.event
    assert is_missed(row.event, told) is missed


@pytest.mark.parametrize(
    ("ago", "changed", "missed"),
    [
        (4 * MINUTE, 4 * MINUTE, 0),  # its callbacks may be under way
        (5 * MINUTE, 5 * MINUTE, 1),
        (3 * HOUR, 4 * MINUTE, 0),  # sent long ago, delivered just now
        (3 * HOUR, 5 * MINUTE, 1),
    ],
)
def test_callbacks_have_some_minutes(
    ledger: Ledger, lister: Lister, ago: timedelta, changed: timedelta, missed: int
) -> None:
    """From the provider's last news of the text."""
    lister.has(listed("m1", ago, changed))
    assert sum(run(ledger, lister).missed.values()) == missed


@pytest.mark.parametrize(("first", "missed"), [(None, 3), (50 * HOUR, 3), (2 * HOUR, 2)])
def test_nothing_is_missed_from_before_the_first_callback(
    ledger: Ledger, lister: Lister, first: timedelta | None, missed: int
) -> None:
    """That is history. As long as none has ever come, all are missing."""
    if first:
        receive(ledger, callback("other", ago=first))
    lister.has(listed("old", 20 * HOUR), listed("m1", 2 * HOUR), listed("m2", HOUR))
    assert run(ledger, lister).missed == {"A": missed}


def test_the_first_callback_ends_what_was_counted_without_any(
    ledger: Ledger, lister: Lister
) -> None:
    """The listing that follows looks back and counts anew."""
    lister.has(listed("old", 20 * HOUR))
    run(ledger, lister)
    assert known(ledger).missed == 1
    receive(ledger, callback("m1"))
    lister.now = NOON + MINUTE
    assert run(ledger, lister).missed == {}
    assert known(ledger).missed == 0


def test_what_is_missed_is_said_for_a_while(ledger: Ledger, lister: Lister) -> None:
    """Listings that begin later do not hide it; the next look back has the last word."""
    receive(ledger, callback("m0"))
    run(ledger, lister)
    lister.has(listed("m1", MINUTE), listed("m2", MINUTE))
    for minutes in (6, 40):
        lister.now = NOON + minutes * MINUTE
        assert run(ledger, lister).missed == {"A": 2}
    lister.now = NOON + HOUR
    assert run(ledger, lister).missed == {}
    assert known(ledger).missed == 2
    receive(ledger, callback("m1"))
    lister.now = NOON + 6 * HOUR + MINUTE
    assert run(ledger, lister).missed == {"A": 1}
    assert known(ledger).missed == 1
    lister.now = NOON + 40 * HOUR
    run(ledger, lister)
    lister.now = NOON + 50 * HOUR
    run(ledger, lister)
    assert known(ledger).missed == 0


def test_what_was_missed_before_a_cut_counts_with_the_rest(ledger: Ledger, lister: Lister) -> None:
    """The run that ends the listing says all of it."""
    lister.has(*(listed(f"m{number}") for number in range(4)))
    lister.fails = [None, TryLater("down")]
    assert run(ledger, lister).missed == {}
    assert run(ledger, lister).missed == {"A": 4}


# ── killed ───────────────────────────────────────────────────────────────────────────────────────

PROGRAM = """
import importlib.util as util, sys
spec = util.spec_from_file_location("parts", {file!r})
parts = sys.modules["parts"] = util.module_from_spec(spec)
spec.loader.exec_module(parts)
from crm_sms.ledger import Failpoints, Ledger
ledger = Ledger({url!r}, parts.KEY, Failpoints({failpoint!r}))
parts.run(ledger, parts.seven())
"""
KEY = b"a key for tests only, 32 bytes.."


def seven() -> Lister:
    """A provider with seven texts, one of which is a no."""
    lister = Lister()
    lister.has(*(listed(f"m{number}") for number in range(6)), reply("r1", "STOP"))
    return lister


@pytest.mark.parametrize(
    "failpoint",
    [
        "reconcile:before",
        "reconcile:after",
        "reconcile:after=3",
        "reconcile:before=4",
        "reconcile.mark:before",
        "reconcile.mark:after",
        "reconcile.mark:after=2",
        "reconcile.mark:before=4",
        "reconcile.mark:after=4",
    ],
)
def test_a_kill_loses_nothing_and_stores_nothing_twice(ledger_url: str, failpoint: str) -> None:
    """The next run ends what was begun."""
    program = PROGRAM.format(file=__file__, url=ledger_url, failpoint=failpoint)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    ledger = Ledger(ledger_url, KEY)
    assert run(ledger, seven()).failed == ""
    assert (count(ledger, events), count(ledger, suppressions)) == (7, 1)
    assert known(ledger).reading is None
    ledger.close()
