"""Desired records that wait: put in, claimed under a lease, settled, parked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from crm_sms.delivery.settling import Settlement
from crm_sms.ledger import Ledger, claims, inbox, leased, outbox
from crm_sms.ledger.claims import Turn
from crm_sms.ledger.desired_json import decode, encode
from crm_sms.ledger.facts import append
from crm_sms.ledger.outbox import OutboxRow
from crm_sms.ledger.parked import Refused, drop, park, parked, retry
from crm_sms.ledger.tables import outbox as table
from crm_sms.records import (
    DesiredField,
    DesiredRecord,
    Lane,
    Part,
    Reason,
    Reference,
    State,
    Text,
    WriteRule,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LATE = timedelta(minutes=11)
WINDOWS = {Lane.OPT_OUT: 0 * SECOND, Lane.TASK: SECOND, Lane.TIMELINE: 15 * SECOND}
WINDOWS |= {Lane.ROLL_UP: 60 * SECOND}
NO_WAIT = dict.fromkeys(Lane, 0 * SECOND)


def record(key: str, value: Any = 1, **given: Any) -> DesiredRecord:
    """A message record with one field that people may edit."""
    plain: dict[str, Any] = {
        "crm": "sales",
        "object": "Text",
        "lane": Lane.TIMELINE,
        "key_field": "Key",
        "partition": key,
        "fields": {"Body": DesiredField(value, WriteRule.UNTIL_EDITED)},
    }
    return DesiredRecord(key=key, **plain | given)


def turn(holder: str = "1", at: datetime = NOW, **given: Any) -> Turn:
    """A claim of everything, with a lease of a minute."""
    plain: dict[str, Any] = {
        "crm": "sales",
        "lease_until": at + 60 * SECOND,
        "late_commit": LATE,
        "lanes": tuple(Lane),
        "waits": NO_WAIT,
        "size": 100,
        "horizon": at + LATE,
    }
    return Turn(holder=holder, now=at, **plain | given)


class Box:
    """The outbox of one ledger, one commit a call."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    @contextmanager
    def commit(self) -> Iterator[Connection]:
        """Any commit; which one makes no difference here."""
        with self.ledger.write("deliver.claim") as connection:
            yield connection

    def put(self, *records: DesiredRecord, at: datetime = NOW, message: int | None = None) -> None:
        """Store desired records due to a message."""
        with self.commit() as connection:
            due = [(one, message) for one in records]
            assert outbox.put(self.ledger, connection, due, at, WINDOWS) == len(records)

    def claim(self, turn: Turn) -> list[OutboxRow]:
        """Choose and lease."""
        with self.commit() as connection:
            rows = claims.candidates(connection, turn)
            claims.claim(connection, turn, rows)
        return rows

    def settle(self, holder: str, *settled: tuple[OutboxRow, Settlement]) -> None:
        """Say what became of rows."""
        with self.commit() as connection:
            leased.settle(connection, holder, settled)

    def done(self, holder: str, rows: Sequence[OutboxRow], at: datetime = NOW) -> None:
        """All of these were written."""
        self.settle(holder, *(fate(row, None, at) for row in rows))

    def rows(self) -> dict[str, Any]:
        """Every row as it stands, by key."""
        with self.ledger.read() as connection:
            return {row.key: row for row in connection.execute(select(table))}


def fate(
    row: OutboxRow, state: State | None, at: datetime, **given: Any
) -> tuple[OutboxRow, Settlement]:
    """What becomes of a row."""
    return row, Settlement(state, at, **given)


@pytest.fixture
def box(ledger: Ledger) -> Box:
    """The outbox, on both databases."""
    return Box(ledger)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec=None))
)
REFERENCES = st.builds(Reference, st.text(), st.text(), st.sampled_from(Part))
TEXTS = st.builds(Text, st.lists(st.text() | REFERENCES).map(tuple))
FIELDS = st.builds(DesiredField, SCALARS | REFERENCES | TEXTS, st.sampled_from(WriteRule))


@given(FIELDS)
def test_a_desired_field_comes_back_from_json(field: DesiredField) -> None:
    """Any value under any rule, through the text that a database keeps."""
    found = decode(json.loads(json.dumps(encode(field))))
    assert found == field
    assert type(found.value) is type(field.value)


def test_a_row_comes_back_as_it_was_put(box: Box) -> None:
    """Everything that delivery needs of a record, also characters that databases dislike."""
    fields = {
        "Body": DesiredField("Größe 😀 \0 \ud800", WriteRule.UNTIL_EDITED),
        "Link": DesiredField(Text(("see ", Reference("Task", "t1", Part.URL)))),
        "Task": DesiredField(Reference("Task", "t1"), WriteRule.ONCE),
        "Price": DesiredField(-0.0075, WriteRule.IF_EMPTY),
    }
    box.put(record("a", fields=fields, starred=frozenset({"Task", "Body"}), create_only=True))
    [row] = box.claim(turn())
    assert row.fields == fields
    assert (row.place, row.lane, row.key_field) == (("Text", "a"), Lane.TIMELINE, "Key")
    assert (row.starred, row.create_only) == ({"Task", "Body"}, True)
    assert (row.version, row.tries, row.maybe, row.rewrite_at, row.sent) == (1, 0, False, None, {})


def test_new_facts_replace_what_waits(box: Box) -> None:
    """One row for each record and lane; its window runs from the first fact."""
    box.put(record("a", 1), record("a", 2, lane=Lane.TASK))
    box.put(record("a", 3, partition="elsewhere"), at=NOW + 5 * SECOND)
    rows = box.claim(turn(at=NOW + 6 * SECOND))
    assert [(row.lane, row.fields["Body"].value, row.version) for row in rows] == [
        (Lane.TASK, 2, 1),
        (Lane.TIMELINE, 3, 2),
    ]
    with box.ledger.read() as connection:
        ends = {row.lane: row.due_at for row in connection.execute(select(table))}
    assert ends == {Lane.TASK: NOW + SECOND, Lane.TIMELINE: NOW + 15 * SECOND}


def test_the_same_record_twice_in_a_batch_is_the_later_one(box: Box) -> None:
    """A batch of inbox rows may plan a record more than once."""
    box.put(record("a", 1), record("b", 1), record("a", 2))
    assert {row.key: row.fields["Body"].value for row in box.claim(turn())} == {"a": 2, "b": 1}


def test_a_window_that_ends_starts_a_request_that_others_join(box: Box) -> None:
    """Nothing is due before; then lanes go in their order, the longest waiting first."""
    box.put(record("roll", lane=Lane.ROLL_UP), record("line"))
    box.put(record("task", lane=Lane.TASK), at=NOW + 10 * SECOND)
    box.put(record("older", lane=Lane.TASK), at=NOW + 9 * SECOND)
    box.put(record("elsewhere", crm="other", lane=Lane.OPT_OUT))

    def due(at: datetime, **given: Any) -> bool:
        with box.ledger.read() as connection:
            return claims.is_due(connection, turn(at=at, **given))

    moments = [due(NOW + after * SECOND) for after in (9, 10, 11)]
    assert moments == [False, True, True]
    late = NOW + 10 * SECOND
    assert not due(late, lanes=(Lane.TIMELINE, Lane.ROLL_UP))
    assert not due(late, waits=NO_WAIT | {Lane.TASK: SECOND})
    assert [row.key for row in box.claim(turn(at=NOW + 20 * SECOND, size=3))] == [
        "older",
        "task",
        "line",
    ]


def test_urgent_lanes_go_before_what_waited_longer(box: Box) -> None:
    """However small the request, an opt-out of just now is in it."""
    for after, lane in enumerate(reversed(Lane)):
        box.put(record(lane.name, lane=lane), at=NOW + 100 * after * SECOND)
    taken = [box.claim(turn(str(lane), NOW + 999 * SECOND, size=1)) for lane in Lane]
    assert [[row.lane for row in rows] for rows in taken] == [[lane] for lane in Lane]


def test_next_due_counts_windows_and_back_off(box: Box) -> None:
    """A worker sleeps until then; parked rows wake nobody."""

    def next_due() -> datetime | None:
        with box.ledger.read() as connection:
            return outbox.next_due(connection, "sales")

    assert next_due() is None
    box.put(record("a"))
    assert next_due() == NOW + 15 * SECOND
    [row] = box.claim(turn())
    box.settle("1", fate(row, State.WAITING, NOW + 99 * SECOND, tries=1))
    assert next_due() == NOW + 99 * SECOND
    [row] = box.claim(turn(at=NOW + 99 * SECOND))
    box.settle("1", fate(row, State.PARKED, NOW, reason=Reason.DATA))
    assert next_due() is None


def test_a_leased_row_is_nobody_elses(box: Box) -> None:
    """Until it is settled, or its lease runs out."""
    box.put(record("a"))
    assert len(box.claim(turn("1"))) == 1
    assert box.claim(turn("2", NOW + 60 * SECOND)) == []
    assert len(box.claim(turn("2", NOW + 61 * SECOND))) == 1


def test_a_partition_is_written_by_one_request_at_a_time(box: Box) -> None:
    """Two that write under one account would wait for each other in the CRM."""
    box.put(record("a", partition="acme"), record("b", partition="globex"))
    assert len(box.claim(turn("1"))) == 2
    box.put(record("c", partition="acme"), record("d", partition="initech"))
    box.put(record("e", partition="acme", crm="other"))
    assert [row.key for row in box.claim(turn("2"))] == ["d"]
    assert [row.key for row in box.claim(turn("3", crm="other"))] == ["e"]
    with box.commit() as connection:
        leased.release(connection, "1", [row.id for row in box_rows(connection, "a")])
        leased.release(connection, "1", [])
    assert {row.key for row in box.claim(turn("4"))} == {"a", "c"}


def test_an_opt_out_waits_for_its_own_record_only(box: Box) -> None:
    """Whoever else is at work on its account; two requests never write one record at once."""
    box.put(record("ann", partition="acme"), record("bob", partition="acme", lane=Lane.ROLL_UP))
    assert len(box.claim(turn("1"))) == 2
    opt_outs = [record(key, partition="acme", lane=Lane.OPT_OUT) for key in ("bob", "cai")]
    box.put(*opt_outs)
    assert [row.key for row in box.claim(turn("2"))] == ["cai"]
    box.put(*opt_outs)
    assert box.claim(turn("3")) == []


def box_rows(connection: Connection, key: str) -> list[Any]:
    """The rows with this key."""
    return list(connection.execute(select(table).where(table.c.key == key)))


def test_what_was_not_sent_is_given_back_as_it_was(box: Box) -> None:
    """Only by who holds it; nothing became unclear."""
    box.put(record("a"))
    [row] = box.claim(turn("1"))
    with box.commit() as connection:
        leased.release(connection, "2", [row.id])
    assert box.claim(turn("2")) == []
    with box.commit() as connection:
        leased.release(connection, "1", [row.id])
    [row] = box.claim(turn("2"))
    assert (row.maybe, row.rewrite_at, row.tries) == (False, None, 0)


def test_a_lost_lease_is_a_maybe(box: Box) -> None:
    """Its holder may have written the row, and its request may commit late."""
    box.put(record("a"))
    box.claim(turn("1"))
    later = NOW + 90 * SECOND
    [row] = box.claim(turn("2", later))
    assert (row.maybe, row.rewrite_at) == (True, NOW + 60 * SECOND + LATE)
    assert box.rows()["a"].maybe is True
    box.done("1", [row])
    assert box.rows()["a"].holder == "2"
    box.settle("2", fate(row, State.SETTLING, row.rewrite_at or NOW, rewrite_at=row.rewrite_at))
    assert box.rows()["a"].holder is None


def test_a_second_lost_lease_moves_the_rewrite_back(box: Box) -> None:
    """The last of the late writers counts."""
    box.put(record("a"))
    box.claim(turn("1"))
    box.claim(turn("2", NOW + 61 * SECOND))
    [row] = box.claim(turn("3", NOW + 122 * SECOND))
    assert row.rewrite_at == NOW + 121 * SECOND + LATE


def keep(box: Box, holder: str, row: OutboxRow, *marks: str) -> None:
    """What this request carries for a row."""
    with box.commit() as connection:
        leased.keep_sent(connection, holder, {row.id: {"Body": list(marks)}})
        leased.keep_sent(connection, holder, {})


def test_what_may_have_been_sent_is_kept_until_nothing_is_unclear(box: Box) -> None:
    """So that a late commit of ours is not taken for an edit; by who holds the row only."""
    box.put(record("a", "one"))
    [row] = box.claim(turn("1"))
    keep(box, "1", row, "one")
    [row] = box.claim(turn("2", NOW + 61 * SECOND))
    keep(box, "1", row, "three")
    assert row.sent == box.rows()["a"].sent == {"Body": ["one"]}
    keep(box, "2", row, "one", "two")
    box.settle("2", fate(row, State.WAITING, NOW, maybe=True, rewrite_at=NOW))
    [row] = box.claim(turn("3"))
    assert row.sent == {"Body": ["one", "two"]}
    box.settle("3", fate(row, State.WAITING, NOW))
    [row] = box.claim(turn("4"))
    assert row.sent == {}


@pytest.mark.parametrize("unclear", [False, True])
def test_what_was_given_back_was_not_sent(box: Box, unclear: bool) -> None:
    """Unless an earlier request may have sent it: nobody can tell the two apart."""
    box.put(record("a"))
    [row] = box.claim(turn("1"))
    box.settle("1", fate(row, State.WAITING, NOW, maybe=unclear))
    [row] = box.claim(turn("2"))
    keep(box, "2", row, "one")
    with box.commit() as connection:
        leased.release(connection, "2", [row.id])
    [row] = box.claim(turn("3"))
    assert row.sent == ({"Body": ["one"]} if unclear else {})


def test_what_is_written_leaves(box: Box) -> None:
    """Unless it got new fields meanwhile: those are still to be written."""
    box.put(record("a", 1), record("b", 1))
    rows = box.claim(turn())
    box.put(record("b", 2))
    box.done("1", rows)
    assert box.rows().keys() == {"b"}
    [row] = box.claim(turn("2"))
    assert (row.fields["Body"].value, row.version, row.maybe) == (2, 2, False)


def test_no_settlements_are_none(box: Box) -> None:
    """An empty answer changes nothing."""
    box.put(record("a"))
    box.claim(turn())
    box.settle("1")
    assert box.rows()["a"].holder == "1"


@pytest.mark.parametrize("state", [State.WAITING, State.SETTLING, State.PARKED])
def test_a_settled_row_keeps_what_it_is_told(box: Box, state: State) -> None:
    """Its state, when it may go again, how often it was tried, and why."""
    box.put(record("a"))
    [row] = box.claim(turn())
    again = NOW + 30 * SECOND
    told = fate(
        row,
        state,
        again,
        maybe=True,
        rewrite_at=again + LATE,
        tries=3,
        reason=Reason.LOCKED,
        detail="row \0 \ud800 is locked",
    )
    box.settle("1", told)
    found = box.rows()["a"]
    assert (found.state, found.not_before, found.due_at) == (state, again, again)
    assert (found.maybe, found.rewrite_at, found.tries) == (True, again + LATE, 3)
    assert (found.reason, found.detail) == ("locked", "row \ufffd \ufffd is locked")
    assert (found.holder, found.lease_until) == (None, None)
    assert box.claim(turn(at=again - SECOND)) == []
    assert len(box.claim(turn("2", again))) == (state is not State.PARKED)


@pytest.mark.parametrize("state", [State.SETTLING, State.PARKED])
def test_new_fields_wait_whatever_became_of_the_old(box: Box, state: State) -> None:
    """A row that changed under way is not parked for what it no longer holds."""
    box.put(record("a", 1))
    [row] = box.claim(turn())
    box.put(record("a", 2))
    box.settle("1", fate(row, state, NOW, reason=Reason.DATA))
    assert box.rows()["a"].state == State.WAITING
    assert len(box.claim(turn("2"))) == 1


def test_new_facts_bring_a_settling_row_forward(box: Box) -> None:
    """It waited for a late writer only; what is new goes when its window ends."""
    box.put(record("a", 1))
    [row] = box.claim(turn())
    box.settle("1", fate(row, State.SETTLING, NOW, due_at=NOW + LATE, rewrite_at=NOW + LATE))
    assert box.claim(turn("2", NOW + SECOND)) == []
    box.put(record("a", 2), at=NOW + SECOND)
    [row] = box.claim(turn("2", NOW + SECOND))
    assert (row.fields["Body"].value, row.rewrite_at) == (2, NOW + LATE)


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("lane", Lane)
def test_only_an_opt_out_of_somebody_who_was_gone_comes_back_by_itself(
    box: Box, lane: Lane, reason: Reason
) -> None:
    """It reaches whoever holds the number, also later; any other retry is somebody's decision."""
    box.put(record("a", lane=lane))
    [row] = box.claim(turn())
    box.settle("1", fate(row, State.PARKED, NOW, reason=reason))
    box.put(record("a", lane=lane))
    gone = reason in (Reason.DELETED, Reason.CONVERTED, Reason.REFERENCE)
    assert len(box.claim(turn("2"))) == (gone and lane is Lane.OPT_OUT)


@pytest.mark.parametrize("reason", Reason)
def test_a_row_that_named_what_is_gone_comes_back_with_another_name(
    box: Box, reason: Reason
) -> None:
    """The same again would fail again; whatever else is wrong waits for somebody."""
    box.put(record("a", "gone"))
    [row] = box.claim(turn())
    box.settle("1", fate(row, State.PARKED, NOW, reason=reason))
    box.put(record("a", "gone"))
    assert box.claim(turn("2")) == []
    box.put(record("a", "left"))
    gone = reason in (Reason.DELETED, Reason.CONVERTED, Reason.REFERENCE)
    assert len(box.claim(turn("3"))) == gone


def test_referenced_rows_are_found_among_those_that_wait(box: Box) -> None:
    """Those that can be claimed now, and until when the places back off that still have a row."""
    box.put(*(record(key) for key in ("free", "held", "parked", "unasked")))
    held = {row.key: row for row in box.claim(turn("1"))}
    box.settle("1", *(fate(held[key], State.WAITING, NOW) for key in ("free", "unasked")))
    box.settle("1", fate(held["parked"], State.PARKED, NOW, reason=Reason.DATA))
    asked = {("Text", key) for key in ("free", "held", "parked", "absent")}
    with box.ledger.read() as connection:
        rows, waiting = claims.among(connection, turn("2"), asked)
        assert claims.among(connection, turn("2"), []) == ([], {})
    assert [row.key for row in rows] == ["free"]
    assert waiting == {("Text", "free"): NOW, ("Text", "held"): NOW}


def test_counts_tell_crms_states_and_lanes_apart(box: Box) -> None:
    """What `status` shows."""
    box.put(record("a"), record("b"), record("c", lane=Lane.TASK), record("d", crm="other"))
    with box.ledger.read() as connection:
        assert sorted(outbox.counts(connection)) == [
            ("other", "waiting", Lane.TIMELINE, 1),
            ("sales", "waiting", Lane.TASK, 1),
            ("sales", "waiting", Lane.TIMELINE, 2),
        ]


def test_two_deliverers_under_one_lock_share_no_row(postgres_ledger: Ledger) -> None:
    """The second waits for the choice of the first, then sees its leases."""
    first, second = Box(postgres_ledger), Box(Ledger(postgres_ledger.url, b"k" * 32))
    first.put(*(record(str(number)) for number in range(6)))
    taken = []
    for number, box in enumerate([first, second, first]):
        with box.commit() as connection:
            box.ledger.lock(connection, ["claim:sales"])
            chosen = claims.candidates(connection, turn(str(number), size=2))
            claims.claim(connection, turn(str(number), size=2), chosen)
            taken += [row.key for row in chosen]
    assert sorted(taken) == [str(number) for number in range(6)]
    second.ledger.close()


def parked_rows(box: Box, **given: Any) -> list[Any]:
    """What a screen lists."""
    with box.ledger.read() as connection:
        return parked(connection, **given)


def test_parked_rows_are_listed_by_urgency(box: Box) -> None:
    """With all that an admin needs to decide; narrowed by CRM and reason."""
    box.put(record("line"))
    box.put(record("task", lane=Lane.TASK), record("other", crm="other"), at=NOW + SECOND)
    for crm, reason in (("sales", Reason.VALIDATION), ("other", Reason.ACCESS)):
        rows = box.claim(turn(crm=crm, at=NOW + SECOND))
        box.settle(
            "1",
            *(fate(row, State.PARKED, NOW, tries=2, reason=reason, detail="no") for row in rows),
        )
    assert [row.key for row in parked_rows(box)] == ["task", "line", "other"]
    [one] = parked_rows(box, crm="other")
    assert (one.object, one.reason, one.detail, one.tries) == ("Text", Reason.ACCESS, "no", 2)
    assert one.since == NOW + SECOND
    assert [row.key for row in parked_rows(box, reason=Reason.VALIDATION)] == ["task", "line"]
    assert parked_rows(box, crm="sales", reason=Reason.ACCESS) == []


def test_a_parked_row_stays_parked_with_its_latest_fields(box: Box) -> None:
    """A retry is somebody's decision, and writes what is true by then."""
    box.put(record("a", 1))
    [row] = box.claim(turn())
    box.settle("1", fate(row, State.PARKED, NOW, maybe=True, tries=5, reason=Reason.DATA))
    box.put(record("a", 2))
    assert box.claim(turn("2", NOW + LATE)) == []
    with box.commit() as connection:
        assert retry(box.ledger, connection, [row.id, 999], NOW + LATE) == 1
        assert retry(box.ledger, connection, [row.id], NOW + LATE) == 0
    [row] = box.claim(turn("2", NOW + LATE))
    assert (row.fields["Body"].value, row.tries, row.reason, row.maybe) == (2, 0, None, True)


def test_only_parked_rows_are_dropped(box: Box) -> None:
    """A row that waits cannot be given up by a number that was mistyped."""
    box.put(record("a"), record("b"))
    rows = box.claim(turn())
    box.settle("1", fate(rows[0], State.PARKED, NOW, reason=Reason.DATA))
    with box.commit() as connection:
        assert drop(connection, [row.id for row in rows]) == 1
        assert drop(connection, []) == 0
    assert len(box.rows()) == 1


def test_what_could_not_be_planned_is_parked_and_planned_again(
    box: Box,
    event: Callable[..., Any],
    message: Callable[..., Any],
    store: Callable[..., int],
) -> None:
    """It is one row however often it fails; a retry returns its message to the inbox."""
    text = store(message("acme:main:m1"))
    with box.ledger.write("receive") as connection:
        append(box.ledger, connection, [event("a")], NOW)
    with box.commit() as connection:
        inbox.done(connection, [row.event_id for row in inbox.claim(connection, 9)])
        for detail in ("first", "second \0"):
            park(box.ledger, connection, "sales", [Refused("task", text, detail)], NOW)
        park(box.ledger, connection, "sales", [], NOW)
    [one] = parked_rows(box)
    assert (one.reason, one.detail, one.object) == (Reason.SETUP, "second \ufffd", outbox.UNPLANNED)
    with box.commit() as connection:
        assert retry(box.ledger, connection, [one.id], NOW) == 1
        assert inbox.backlog(connection) == (1, NOW)
    assert box.rows() == {}


def test_what_one_text_could_not_make_is_a_row_each(
    box: Box, message: Callable[..., Any], store: Callable[..., int]
) -> None:
    """Two people hold the number that said no: dropping the one keeps the other."""
    text = store(message("acme:main:m1"))
    names = ["opt_out of Contact 003A", "opt_out of Contact 003B"]
    with box.commit() as connection:
        refused = [Refused(name, text, "no such field") for name in names]
        park(box.ledger, connection, "sales", refused, NOW)
    rows = parked_rows(box)
    assert sorted(row.key for row in rows) == [f"{name}:{text}" for name in names]


STEPS = st.lists(st.sampled_from(["put", "claim", "done", "lose", "retry"]), max_size=12)


@settings(max_examples=50)
@given(STEPS)
def test_in_any_order_the_last_fields_are_written(steps: list[str]) -> None:
    """Whatever happens on the way, no newer fields are taken for written with older ones."""
    ledger = Ledger("sqlite://", b"k" * 32)
    table.metadata.create_all(ledger.engine)
    box, now, wanted, written = Box(ledger), NOW, 0, None
    mine: list[OutboxRow] = []
    for number, step in enumerate([*steps, "lose", "claim", "done"]):
        now += SECOND
        if step == "put":
            wanted += 1
            box.put(record("a", wanted), at=now)
        elif step == "claim":
            mine = box.claim(turn(str(number), now)) or mine
            holder = str(number) if mine else ""
        elif step == "lose":
            now += 61 * SECOND
        elif mine and box.rows() and box.rows()["a"].holder:
            row, holder = mine[0], box.rows()["a"].holder
            written = row.fields["Body"].value if step == "done" else written
            state = None if step == "done" else State.WAITING
            box.settle(holder, fate(replace(row), state, now))
    assert box.rows() or written == (wanted or None)
    ledger.close()
