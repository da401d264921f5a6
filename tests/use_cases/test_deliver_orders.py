"""Promise 3 played: our writes, unclear outcomes, late writers, a rep's edits and a clock that goes
back, in any order."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from crm_sms.delivery.fit import cut
from crm_sms.records import (
    DesiredField,
    DesiredRecord,
    Lane,
    Outcome,
    Reason,
    Verdict,
    WriteRule,
)

LATE_S = 660
LEASE_S = 40


class Killed(BaseException):
    """Stands for the end of the process."""


def locked(*_: Any) -> Outcome:
    """Every row is locked by somebody."""
    return Outcome(Verdict.RETRY, reason=Reason.LOCKED)


PLANS = st.sampled_from(
    [
        None,
        "lost",
        "never",
        30,
        300,
        659,
        locked,
        Killed(),
        ("after", Killed()),
        ("late", 650, Killed()),
    ]
)


class Play(RuleBasedStateMachine):
    """One text record with a field of each rule, and one task."""

    new_office: ClassVar[Callable[[], Any]]

    def __init__(self) -> None:
        super().__init__()
        self.office = type(self).new_office()
        self.crm = self.office.crm
        self.crm.watch = self.judge
        self.crm.lengths = {"u": 8}
        self.number = 0
        self.wanted = 0
        self.edits = 0
        self.edited: set[str] = set()
        self.undone: list[str] = []

    @property
    def text(self) -> Any:
        """The text's record in the CRM."""
        return self.crm.living("Text", "k")

    def judge(self, record: Any, write: Any) -> None:
        """A write that is about to reach a record, seen by whoever looks at that moment."""
        if record.object == "Task":
            return
        for name in write.fields:
            theirs = record.by.get(name) == "rep"
            filled = record.fields.get(name) not in (None, "")
            if name == "o" or (name == "e" and filled) or (name == "u" and theirs):
                self.undone.append(name)

    @rule()
    def facts_change(self) -> None:
        """Every field should hold something new."""
        self.number += 1
        n = self.number
        self.wanted = n
        fields = {
            "a": DesiredField(f"ours {n}"),
            "o": DesiredField(f"once {n}", WriteRule.ONCE),
            "e": DesiredField(f"empty {n}", WriteRule.IF_EMPTY),
            "u": DesiredField(f"{n} until edited", WriteRule.UNTIL_EDITED),
        }
        self.office.want(
            DesiredRecord("small", "Text", "k", Lane.TIMELINE, fields, "Key", partition="p")
        )

    @rule()
    def a_task_is_due(self) -> None:
        """Planned again and again, as facts come."""
        fields = {"a": DesiredField("call", WriteRule.ONCE)}
        self.office.want(
            DesiredRecord(
                "small", "Task", "t", Lane.TASK, fields, "Key", create_only=True, partition="p"
            )
        )

    @rule(plan=PLANS, seconds=st.sampled_from([61, 61, 1, LEASE_S + 1]))
    def deliver(self, plan: Any, seconds: int) -> None:
        """One request, mostly when a window has ended, that goes well or otherwise."""
        self.crm.advance(seconds)
        with suppress(Killed):
            self.office.deliver(plan, most_requests=1)

    @rule(seconds=st.sampled_from([100, 300, 659]))
    def a_late_writer_is_overtaken(self, seconds: int) -> None:
        """What happens most when it matters: a request without an answer, news, a quick retry."""
        self.facts_change()
        self.deliver(seconds, 61)
        self.facts_change()
        self.deliver(None, 61)

    @rule()
    def a_late_writer_of_a_killed_worker_is_overtaken(self) -> None:
        """The same, but that the first worker did not live to see that there was no answer."""
        self.facts_change()
        self.deliver(("late", 650, Killed()), 61)
        self.facts_change()
        self.deliver(None, 61)

    @rule(seconds=st.sampled_from([1, 61, LEASE_S + 1, 301, LATE_S]))
    def time_passes(self, seconds: int) -> None:
        """Windows end, leases are lost, late writers come."""
        self.crm.advance(seconds)

    @rule(seconds=st.sampled_from([2, 600, 3600, 90_000]))
    def the_clock_goes_back(self, seconds: int) -> None:
        """Of the machine; late writers do not heed it."""
        self.office.gone_back += timedelta(seconds=seconds)

    @rule(name=st.sampled_from("oeu"))
    def a_rep_edits(self, name: str) -> None:
        """Where the rule lets them."""
        if self.text:
            self.edits += 1
            self.edited.add(name)
            self.crm.edit(self.text, name, f"rep {self.edits}")

    @rule()
    def a_rep_deletes_the_task(self) -> None:
        """While no late writer can make it once more, which nobody could see coming."""
        task = self.crm.living("Task", "t")
        if task and not any(chunk.object == "Task" for _, chunk, _ in self.crm.late):
            task.deleted = True

    @invariant()
    def nothing_of_a_person_is_undone(self) -> None:
        """No write on its way would undo an edit that could be seen."""
        assert self.undone == []

    @invariant()
    def nothing_is_made_twice(self) -> None:
        """Neither the text's record nor the task, deleted or not."""
        assert len(self.crm.made) == len(set(self.crm.made))

    def teardown(self) -> None:
        """In the end everything is settled and our fields hold our last values."""
        for _ in range(12):
            self.crm.advance(LATE_S + LEASE_S)
            self.office.deliver()
        assert self.office.rows() == []
        if self.wanted:
            assert self.text.fields["a"] == f"ours {self.wanted}"
            assert self.text.by["a"] == "us"
            if "u" not in self.edited:
                assert self.text.fields["u"] == cut(f"{self.wanted} until edited", 8)
        self.nothing_of_a_person_is_undone()
        self.nothing_is_made_twice()
        self.office.ledger.close()


def test_whatever_happens_our_values_arrive_and_theirs_stay(
    new_office: Callable[[], Any],
) -> None:
    """Fields that are ours end with our last value, cut to their length, and so does one that
    nobody edited; the others never undo a person's edit that was there to be seen; nothing is made
    twice, nor after it was deleted."""
    run_state_machine_as_test(
        type("Played", (Play,), {"new_office": staticmethod(new_office)}),
        settings=settings(
            max_examples=80,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
