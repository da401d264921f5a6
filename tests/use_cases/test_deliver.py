"""Delivery where a sandbox is too coarse: leases, versions, references, room, pace, failures."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from crm_sms.errors import AccessRefused, QuotaEnded, StoreUnavailable, TryLater
from crm_sms.ledger import parked
from crm_sms.ledger.tables import outbox, requests
from crm_sms.ports import CrmLimits
from crm_sms.records import (
    DesiredField,
    DesiredRecord,
    Lane,
    Op,
    Outcome,
    Part,
    Reason,
    Reference,
    Text,
    Usage,
    Value,
    Verdict,
    WriteRule,
)
from crm_sms.use_cases.deliver import claiming

LATE_S = 660
LEASE_S = 40
NEVER = Outcome(Verdict.PARK, reason=Reason.VALIDATION, detail="no")


def record(
    key: str,
    object: str = "Text",
    lane: Lane = Lane.TIMELINE,
    rule: WriteRule = WriteRule.ALWAYS,
    **fields: Value,
) -> DesiredRecord:
    """A record of ours, in a partition of its own."""
    wanted = {name: DesiredField(value, rule) for name, value in (fields or {"a": "1"}).items()}
    return DesiredRecord("small", object, key, lane, wanted, "Key", partition=key)


def task(key: str, **fields: Value) -> DesiredRecord:
    """A task, made once."""
    made = record(key, "Task", Lane.TASK, WriteRule.ONCE, **fields)
    return replace(made, create_only=True)


def person(id: str, lane: Lane = Lane.ROLL_UP, **fields: Value) -> DesiredRecord:
    """Fields on somebody who is in the CRM."""
    return replace(record(id, "Contact", lane, **fields), key_field=None)


def answer(object: str, outcome: Outcome) -> Any:
    """A plan: rows of this object get this outcome, the others go well."""
    return lambda chunk, write: outcome if chunk.object == object else None


def keys(office: Any, object: str = "Text") -> list[str]:
    """Keys of what is in the CRM."""
    return [one.key for one in office.crm.records if one.object == object and not one.deleted]


def due(office: Any, *records: DesiredRecord) -> None:
    """Wanted long enough ago for every window."""
    office.want(*records)
    office.crm.advance(61)


# ── Leases and versions ──────────────────────────────────────────────────────────────────────────


def test_a_lost_lease_is_taken_over_and_settled_by_whoever_took_it(office: Any) -> None:
    """The first worker's answer comes after the second one took the row: it changes nothing."""
    due(office, record("k", a="old"))

    def slow(chunk: Any, write: Any) -> None:
        if office.crm.plans:
            return
        office.crm.advance(LEASE_S + 1)
        office.want(record("k", a="new"))
        office.crm.advance(61)
        other = office.delivery("w2")
        assert deliver_once(other).done == 1

    office.deliver(slow, most_requests=1)
    [row] = office.rows()
    assert (row.state, row.version) == ("settling", 2)
    for _ in range(2):
        office.crm.advance(LATE_S)
        office.deliver()
    assert office.rows() == []
    assert office.crm.living("Text", "k").fields["a"] == "new"


def test_an_answer_that_comes_after_everything_else_teaches_nothing(
    office: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first worker slept while another one took the row, wrote something newer and was done:
    what it last wrote is not what the CRM holds, and the old value is written when it is wanted."""
    due(office, record("k", a="old"))
    real = office.crm.write

    def slow(chunks: Any) -> Any:
        monkeypatch.undo()
        answer = real(chunks)
        office.want(record("k", a="new"))
        for _ in range(2):
            office.crm.advance(LATE_S + LEASE_S)
            deliver_once(office.delivery("w2"))
        assert office.rows() == []
        return answer

    monkeypatch.setattr(office.crm, "write", slow)
    office.deliver(most_requests=1)
    due(office, record("k", a="old"))
    office.deliver()
    assert office.crm.living("Text", "k").fields["a"] == "old"


def deliver_once(delivery: Any) -> Any:
    """One request of another worker."""
    from crm_sms.use_cases.deliver import deliver

    return deliver(delivery, most_requests=1)


def test_a_lease_that_holds_keeps_others_away(office: Any) -> None:
    """A row that is on its way is not written by a second worker."""
    due(office, record("k"))
    found = []
    office.deliver(lambda *_: found.append(deliver_once(office.delivery("w2")).requests))
    assert found == [0]
    assert len(office.crm.requests) == 1


def test_a_row_that_was_taken_over_before_it_left_is_not_sent(
    office: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a machine whose clock is ahead, while the first worker looks things up: one writes."""
    due(office, record("k"))
    office.deliver("lost", most_requests=1)
    due(office, record("k", a="2"))
    ahead = replace(
        office.delivery("w2"), clock=lambda: office.crm.now + timedelta(seconds=LEASE_S + 1)
    )
    real = office.crm.read

    def slow(*given: Any, **options: Any) -> Any:
        monkeypatch.undo()
        assert deliver_once(ahead).done == 1
        return real(*given, **options)

    monkeypatch.setattr(office.crm, "read", slow)
    assert office.deliver(most_requests=1).done == 0
    assert len(office.crm.requests) == 2


def test_a_row_that_changed_on_its_way_is_written_again(office: Any) -> None:
    """What was wanted meanwhile is not taken for written."""
    due(office, record("k", a="1"))

    def change(chunk: Any, write: Any) -> None:
        office.want(record("k", a="2"))

    office.deliver(change, most_requests=1)
    assert office.crm.living("Text", "k").fields["a"] == "1"
    office.crm.advance(61)
    office.deliver()
    assert office.crm.living("Text", "k").fields["a"] == "2"
    assert office.rows() == []


def test_news_do_not_wait_for_a_late_writer(office: Any) -> None:
    """A row that changed while a retry of it was under way is written at its next window; only the
    rewrite waits until no late writer can come."""
    due(office, record("k", a="1"))
    office.deliver("lost", most_requests=1)
    office.crm.advance(61)

    def change(chunk: Any, write: Any) -> None:
        office.want(record("k", a="2"))

    office.deliver(change, most_requests=1)
    office.crm.advance(61)
    office.deliver()
    assert office.crm.living("Text", "k").fields["a"] == "2"


def test_a_parked_row_that_changed_on_its_way_gets_its_chance(office: Any) -> None:
    """The new fields may be what it lacked."""
    due(office, record("k", a="1"))

    def change(chunk: Any, write: Any) -> Outcome:
        office.want(record("k", a="2"))
        return NEVER

    office.deliver(change, most_requests=1)
    office.crm.advance(61)
    office.deliver()
    assert office.rows() == []
    assert keys(office) == ["k"]


def test_a_kill_after_the_commit_leaves_one_record(office: Any) -> None:
    """The lease is lost, the row is a maybe: looked up, not made again."""
    due(office, record("k"), task("t"))
    with pytest.raises(KeyboardInterrupt):
        office.deliver(("after", KeyboardInterrupt()))
    assert office.deliver().requests == 0
    office.crm.living("Task", "t").deleted = True
    for _ in range(3):
        office.crm.advance(LATE_S + LEASE_S)
        office.deliver()
    assert office.rows() == []
    assert office.crm.made == [("Task", "t"), ("Text", "k")]


def test_a_store_that_fails_after_the_write_leaves_it_unclear(
    office: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows whose settlement could not be stored are not given back as if nothing had left."""
    due(office, task("t"), record("k", rule=WriteRule.UNTIL_EDITED, a="ours"))
    real = office.ledger.write

    def failing(name: str, **options: Any) -> Any:
        if name == "deliver.settle":
            raise StoreUnavailable("disk full")
        return real(name, **options)

    monkeypatch.setattr(office.ledger, "write", failing)
    with pytest.raises(StoreUnavailable):
        office.deliver()
    monkeypatch.undo()
    office.crm.living("Task", "t").deleted = True
    office.crm.edit(office.crm.living("Text", "k"), "a", "theirs")
    for _ in range(3):
        office.crm.advance(LATE_S + LEASE_S)
        office.deliver()
    assert office.rows() == []
    assert office.crm.made == [("Task", "t"), ("Text", "k")]
    assert office.crm.living("Text", "k").fields["a"] == "theirs"


# ── What adapters do ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_unexpected_error_of_an_adapter_loses_nothing(office: Any, when: str) -> None:
    """It is raised; the rows come back when the lease has ended, and are written once."""
    due(office, record("k"), task("t"), person(office.crm.seed("Contact").id, b="2"))
    error = ZeroDivisionError("a bug")
    with pytest.raises(ZeroDivisionError):
        office.deliver(error if when == "before" else ("after", error))
    assert len(office.rows()) == 3
    for _ in range(3):
        office.crm.advance(LATE_S + LEASE_S)
        office.deliver()
    assert office.rows() == []
    assert sorted(office.crm.made) == [("Task", "t"), ("Text", "k")]
    assert office.crm.records[0].fields["b"] == "2"


def test_an_adapter_that_answers_for_fewer_rows_loses_none(office: Any) -> None:
    """It breaks the port's promise: that is an error, and the rows are unclear, not gone."""
    due(office, record("k"), record("l"))
    with pytest.raises(ValueError, match="zip"):
        office.deliver("short")
    assert len(office.rows()) == 2
    for _ in range(3):
        office.crm.advance(LATE_S + LEASE_S)
        office.deliver()
    assert office.rows() == []
    assert sorted(keys(office)) == ["k", "l"]
    assert len(office.crm.made) == 2


@pytest.mark.parametrize(
    ("error", "wait_s"),
    [
        (AccessRefused("client_secret was revoked; set a new one"), 60),
        (QuotaEnded("no calls left", wait_s=120), 120),
        (TryLater("down"), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_refused_request_gives_its_rows_back_as_they_were(
    office: Any, error: Exception, wait_s: float
) -> None:
    """Nothing was written, so nothing is unclear; the CRM is left alone for a while."""
    due(office, record("k"), task("t"))
    report = office.deliver(error)
    assert report.paused_until == office.crm.now + timedelta(seconds=wait_s)
    assert bool(report.failed) == isinstance(error, AccessRefused)
    assert [(row.holder, row.maybe, row.tries) for row in office.rows()] == [(None, False, 0)] * 2
    office.crm.advance(wait_s - 0.5)
    assert office.deliver().requests == 0
    office.crm.advance(0.5)
    assert office.deliver().done == 2


def test_a_failed_look_writes_nothing(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that cannot be decided are given back."""
    due(office, record("k"))
    office.deliver("lost", most_requests=1)
    office.crm.advance(61)

    def failing(*_: Any, **__: Any) -> Any:
        raise TryLater("down", wait_s=5)

    monkeypatch.setattr(office.crm, "read", failing)
    assert office.deliver().paused_until == office.crm.now + timedelta(seconds=5)
    monkeypatch.undo()
    assert len(office.crm.requests) == 1
    [row] = office.rows()
    assert (row.holder, row.maybe) == (None, True)


# ── References ───────────────────────────────────────────────────────────────────────────────────


def linked(key: str, to: str) -> DesiredRecord:
    """A task with a link to a text's record in it and a field that refers to it."""
    return task(key, a=Text(("see ", Reference("Text", to, Part.URL))), b=Reference("Text", to))


def test_what_others_refer_to_is_written_first(office: Any) -> None:
    """Though it stands in a less urgent lane, whose window has not ended."""
    office.want(linked("t", "k"), record("k"))
    office.crm.advance(1)
    office.deliver()
    text, made = office.crm.living("Text", "k"), office.crm.living("Task", "t")
    assert [chunk.object for some in office.crm.requests for chunk in some] == ["Text", "Task"]
    assert made.fields == {"a": f"see https://crm.example/Text/{text.id}", "b": text.id}


def test_a_reference_to_what_parked_or_never_was_leaves_nothing(office: Any) -> None:
    """The task goes without the link."""
    due(office, record("k"))
    office.deliver(answer("Text", NEVER))
    due(office, linked("t", "k"), linked("u", "unknown"))
    office.deliver()
    for key in "tu":
        assert office.crm.living("Task", key).fields == {"a": "see", "b": None}


def test_a_chain_of_references_is_written_from_its_end(office: Any) -> None:
    """Each record in the request after what it refers to."""
    due(
        office,
        record("1", "A", a=Reference("B", "2")),
        record("2", "B", a=Reference("C", "3")),
        record("3", "C"),
    )
    office.deliver()
    a, b, c = (office.crm.living(name, key) for name, key in zip("ABC", "123", strict=True))
    assert (a.fields["a"], b.fields["a"]) == (b.id, c.id)
    assert office.rows() == []


def test_a_row_that_waits_for_another_holds_nobody_else_up(office: Any) -> None:
    """While a task's text is backing off, rows behind the task are written, however small the
    requests have become."""
    office.crm.limits = CrmLimits(1, 1, 10.0, LATE_S)
    due(office, record("k"))
    locked = Outcome(Verdict.RETRY, reason=Reason.LOCKED, wait_s=600)
    office.deliver(answer("Text", locked), most_requests=1)
    due(office, linked("t", "k"), record("other", "Entry"))
    office.deliver()
    assert keys(office, "Entry") == ["other"]
    assert keys(office, "Task") == []
    office.crm.advance(600)
    office.deliver()
    assert keys(office, "Task") == ["t"]


# ── Room and order ───────────────────────────────────────────────────────────────────────────────


def test_rows_without_room_go_with_the_next_request(office: Any) -> None:
    """More sorts of records than a request has chunks: nothing is lost or waits."""
    office.crm.limits = CrmLimits(2, 2, 10.0, LATE_S)
    due(office, *(record(f"{name}{n}", name) for name in "ABCDE" for n in range(3)))
    report = office.deliver()
    assert report.done == 15
    assert office.rows() == []
    for chunks in office.crm.requests:
        assert len(chunks) <= 2
        assert all(len(chunk.rows) <= 2 for chunk in chunks)


def test_an_opt_out_is_the_first_of_its_request_and_alone_in_its_chunk(office: Any) -> None:
    """A roll-up of the same contact goes in a chunk of its own."""
    jane = office.crm.seed("Contact").id
    due(office, person(jane, a="1"), task("t"), person(jane, Lane.OPT_OUT, b="no"))
    office.deliver(most_requests=1)
    [chunks] = office.crm.requests
    assert [write.fields for write in chunks[0].rows] == [{"b": "no"}]
    assert sum(len(chunk.rows) for chunk in chunks) == 3


def test_an_opt_out_gives_its_place_to_nobody(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where requests have become as small as can be, what a task refers to comes after it too."""
    monkeypatch.setattr(claiming, "_PAGE", 2)
    office.crm.limits = CrmLimits(1, 1, 10.0, LATE_S)
    due(office, record("k"), linked("t", "k"), person(office.crm.seed("Contact").id, Lane.OPT_OUT))
    office.deliver(most_requests=1)
    assert [chunk.object for chunk in office.crm.requests[0]] == ["Contact"]


def test_lanes_of_one_record_are_settled_each(office: Any) -> None:
    """Two lanes fold into one write; both rows leave, both lanes' values are known."""
    jane = office.crm.seed("Contact").id
    due(office, person(jane, a="1"), person(jane, Lane.TIMELINE, b="2"))
    assert office.deliver().done == 2
    [[chunk]] = office.crm.requests
    assert [write.fields for write in chunk.rows] == [{"a": "1", "b": "2"}]
    due(office, person(jane, a="1"), person(jane, Lane.TIMELINE, b="2"))
    assert office.deliver().unchanged == 2
    assert len(office.crm.requests) == 1


def test_only_what_changed_is_written(office: Any) -> None:
    """By id once the record is known."""
    due(office, record("k", a="1", b="1"))
    office.deliver()
    due(office, record("k", a="1", b="2"))
    office.deliver()
    [chunk] = office.crm.requests[-1]
    assert chunk.op is Op.UPDATE
    assert [write.fields for write in chunk.rows] == [{"b": "2"}]


@pytest.mark.parametrize("rule", [WriteRule.ALWAYS, WriteRule.IF_EMPTY, WriteRule.UNTIL_EDITED])
def test_a_text_that_was_cut_is_known_as_it_was_written(office: Any, rule: WriteRule) -> None:
    """Wanting the same long text again is no change."""
    office.crm.lengths = {"a": 10}
    due(office, record("k", rule=rule, a="a long text"))
    office.deliver()
    due(office, record("k", rule=rule, a="a long text"))
    assert office.deliver().unchanged == 1
    assert len(office.crm.requests) == 1
    assert office.crm.reads == []


# ── Unclear outcomes ─────────────────────────────────────────────────────────────────────────────


def test_our_own_values_of_several_unclear_tries_are_not_taken_for_a_rep_s(office: Any) -> None:
    """Whichever of them committed, the field gets the value that is wanted now."""
    for n, plan in enumerate(("never", "lost", 300)):
        due(office, record("k", rule=WriteRule.UNTIL_EDITED, a=f"v{n}"))
        office.crm.advance(60)
        office.deliver(plan, most_requests=1)
    due(office, record("k", rule=WriteRule.UNTIL_EDITED, a="last"))
    for _ in range(4):
        office.crm.advance(LATE_S)
        office.deliver()
    assert office.crm.living("Text", "k").fields["a"] == "last"
    assert office.rows() == []


def test_a_text_that_was_cut_in_an_unclear_try_is_not_taken_for_a_rep_s(office: Any) -> None:
    """What the CRM holds is what was cut, not what was wanted."""
    office.crm.lengths = {"a": 10}
    due(office, record("k", rule=WriteRule.UNTIL_EDITED, a="a long text"))
    office.deliver("lost", most_requests=1)
    due(office, record("k", rule=WriteRule.UNTIL_EDITED, a="short"))
    office.deliver()
    assert office.crm.living("Text", "k").fields["a"] == "short"


def test_a_link_that_was_sent_in_an_unclear_try_is_not_taken_for_a_rep_s(office: Any) -> None:
    """What the CRM holds is what the reference stood for."""
    due(office, record("to", "Other"))
    office.deliver()
    due(office, record("k", rule=WriteRule.UNTIL_EDITED, a=Reference("Other", "to", Part.URL)))
    office.deliver("lost", most_requests=1)
    due(office, record("k", rule=WriteRule.UNTIL_EDITED, a="short"))
    office.deliver()
    assert office.crm.living("Text", "k").fields["a"] == "short"


@pytest.mark.parametrize("maybe", [False, True])
@pytest.mark.parametrize("value", ["", " words\n", "2026-11-20T15:48:22.123Z"])
def test_what_a_crm_drops_of_a_value_is_no_rep_s_edit(office: Any, value: str, maybe: bool) -> None:
    """Blanks around a text, an empty text, parts of a second: what it keeps is still ours."""
    due(office, record("k", rule=WriteRule.UNTIL_EDITED, a=value))
    office.deliver("lost" if maybe else None, most_requests=1)
    due(office, record("k", rule=WriteRule.UNTIL_EDITED, a="new"))
    office.deliver()
    assert office.crm.living("Text", "k").fields["a"] == "new"


def test_a_value_that_never_left_is_not_taken_for_ours(office: Any) -> None:
    """A rep typed the same words while the CRM refused us: they stay, also when ours change."""
    due(office, record("k", rule=WriteRule.UNTIL_EDITED, a="first"))
    office.deliver()
    due(office, record("k", rule=WriteRule.UNTIL_EDITED, a="second"))
    office.deliver(TryLater("down"))
    office.crm.edit(office.crm.living("Text", "k"), "a", "second")
    due(office, record("k", rule=WriteRule.UNTIL_EDITED, a="third"))
    office.deliver()
    assert office.rows() == []
    assert office.crm.living("Text", "k").fields["a"] == "second"


def test_the_rewrite_happens_exactly_once(office: Any) -> None:
    """After a maybe and a retry that worked, one more write at the latest instant of a late one."""
    due(office, record("k", a="1"))
    office.deliver("lost", most_requests=1)
    maybe_at = office.crm.now
    office.crm.advance(10)
    office.deliver()
    [row] = office.rows()
    assert (row.state, row.due_at) == ("settling", maybe_at + timedelta(seconds=LATE_S))
    office.crm.advance(LATE_S - 11)
    assert office.deliver().requests == 0
    office.crm.advance(1)
    assert office.deliver().done == 1
    assert office.rows() == []
    office.crm.advance(10 * LATE_S)
    assert office.deliver().requests == 0
    assert len(office.crm.requests) == 3


def test_a_task_is_not_rewritten(office: Any) -> None:
    """Found or made by the retry, it is the rep's."""
    due(office, task("t"))
    office.deliver("lost", most_requests=1)
    office.crm.advance(61)
    office.deliver()
    assert office.rows() == []
    assert len(office.crm.requests) == 1


def test_a_parked_maybe_is_looked_up_when_it_is_retried(office: Any) -> None:
    """What an admin does later does not make an unclear outcome clear."""
    due(office, task("t"))
    office.deliver("lost", most_requests=1)
    office.crm.living("Task", "t").deleted = True
    with office.ledger.write("parked") as connection:
        connection.execute(update(outbox).values(state="parked", reason=Reason.SETUP))
        ids = [one.id for one in parked.parked(connection)]
        parked.retry(office.ledger, connection, ids, office.crm.now)
    office.crm.advance(61)
    office.deliver()
    assert office.rows() == []
    assert office.crm.made == [("Task", "t")]


# ── Pace, pauses and quota ───────────────────────────────────────────────────────────────────────


def test_the_pace_is_kept_between_runs(office: Any) -> None:
    """A struggle teaches the next run, of any worker, too."""
    office.crm.limits = CrmLimits(8, 1, 10.0, LATE_S)
    due(office, *(record(f"k{n}") for n in range(8)))
    struggle = Outcome(Verdict.RETRY, reason=Reason.TOO_LARGE, shrink=True)
    office.deliver(lambda *_: struggle, most_requests=1)
    office.crm.advance(61)
    deliver_once(office.delivery("w2"))
    assert [sum(len(chunk.rows) for chunk in some) for some in office.crm.requests] == [8, 4]


def test_a_pause_is_kept_between_runs_and_ends(office: Any) -> None:
    """1, 2, 4 … seconds while nothing is answered; an answer ends that."""
    due(office, record("k"))
    office.crm.down = True
    for seconds in (1, 2, 4, 8):
        report = office.deliver()
        assert report.paused_until == office.crm.now + timedelta(seconds=seconds)
        assert deliver_once(office.delivery("w2")).requests == 0
        office.crm.advance(seconds)
    office.crm.down = False
    assert office.deliver().done == 1
    due(office, record("l"))
    office.crm.down = True
    office.deliver()
    office.crm.down = False
    office.crm.advance(1)
    assert office.deliver().done == 1


def test_the_reserve_is_for_opt_outs_until_the_usage_is_stale(office: Any) -> None:
    """Near the quota's end other rows wait; a CRM that nobody asks is asked again after a while."""
    jane = office.crm.seed("Contact").id
    office.crm.usage = Usage(960, 1000)
    due(office, record("k"))
    office.deliver()
    due(office, record("l"), person(jane, Lane.OPT_OUT, b="no"))
    office.deliver()
    assert office.crm.records[0].fields["b"] == "no"
    assert keys(office) == ["k"]
    office.crm.usage = None
    office.crm.advance(14 * 60)
    assert office.deliver().requests == 0
    office.crm.advance(60)
    office.deliver()
    assert keys(office) == ["k", "l"]


def test_windows_are_stretched_as_the_quota_falls(office: Any) -> None:
    """With an eighth left a window of 15 seconds lasts a minute."""
    office.crm.usage = Usage(875, 1000)
    due(office, record("k"))
    office.deliver()
    office.want(record("l"))
    office.crm.advance(59)
    assert office.deliver().requests == 0
    office.crm.advance(1)
    assert office.deliver().done == 1


def test_every_request_is_accounted_for(office: Any) -> None:
    """Who made it, how many rows, what became of them."""
    due(office, record("k"), record("l", "Bad"))
    office.deliver(answer("Bad", NEVER))
    with office.ledger.read() as connection:
        [row] = connection.execute(requests.select()).all()
    assert (row.worker, row.rows, row.calls, row.done, row.parked) == ("w1", 2, 1, 1, 1)
    assert row.ended_at == office.crm.now
