"""How many calls of Salesforce a backlog costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from crm_sms.bootstrap import delivering
from crm_sms.testing.world import CRM, World
from crm_sms.use_cases.deliver import deliver
from figures.company import world_with
from figures.load import number_of

EVENTS, SAMPLE = 1000, 50
MOST_CALLS = 6


def measure(folder: Path, quick: bool) -> Mapping[str, Any]:
    """See docs/figures.md. Call counts do not depend on the machine: quick measures the same."""
    return of_replies(folder, EVENTS, SAMPLE)


def of_replies(folder: Path, events: int, sample: int) -> Mapping[str, Any]:
    """A backlog of so many replies at once, and a sample of them record by record."""
    for name in ("batched", "naive"):
        (folder / name).mkdir()
    with world_with(folder / "batched", events, timeline=False) as world:
        kinds = _waiting_replies(world, events)
        report = world.deliver()
        batched = _kinds(world) - kinds
        records = {
            "texts_logged": len(world.records("SMS_Message__c")),
            "people_updated": _updated(world),
            "tasks_made": len(world.tasks()),
        }
    with world_with(folder / "naive", sample, timeline=False) as world:
        kinds = _waiting_replies(world, sample)
        _record_by_record(world)
        naive = _kinds(world) - kinds
        done = len(world.tasks()) + _updated(world) + len(world.records("SMS_Message__c"))
    calls, naive_calls = _of_rows(batched), _of_rows(naive) / sample * events
    return {
        "events": events,
        "calls": calls,
        "calls_most": MOST_CALLS,
        "binding_met": calls <= MOST_CALLS and set(records.values()) == {events},
        "describes_once_an_hour": batched["describe"],
        "queries_once_a_process": batched["query"],
        "calls_by_kind": dict(batched),
        **records,
        "requests": report.requests,
        "yardstick_calls": round(naive_calls),
        "yardstick_sample": f"{done} records of {sample} events, one row a call",
        "times_fewer": round(naive_calls / calls, 1),
    }


def _waiting_replies(world: World, events: int) -> Counter[str]:
    """Replies of so many people, planned and due; the calls that were made until now."""
    world.receive(*(world.reply(number_of(person), f"SM{person}") for person in range(events)))
    world.process()
    world.advance(61)
    return _kinds(world)


def _kinds(world: World) -> Counter[str]:
    return Counter(world.box.salesforce.stats()["by_kind"])


def _of_rows(kinds: Counter[str]) -> int:
    """Without those that cost the same however many rows there are. Look-ups are Composites; the
    one query is what a process asks before its first write."""
    return kinds.total() - kinds["describe"] - kinds["query"]


def _updated(world: World) -> int:
    return sum(contact.get("SMS_Reply_Count__c") == 1 for contact in world.records("Contact"))


class _RowByRow:
    """The same client, told that a request has room for one row."""

    def __init__(self, crm: Any) -> None:
        self._crm = crm
        self.limits = replace(crm.limits, rows_per_chunk=1, chunks_per_request=1)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._crm, name)


def _record_by_record(world: World) -> None:
    one = delivering(world.app, CRM)
    deliver(replace(one, crm=_RowByRow(one.crm)))
