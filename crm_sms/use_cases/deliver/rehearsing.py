"""What a delivery would write: the same looks and decisions, nothing leased, nothing sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from crm_sms.delivery.rules import references
from crm_sms.ledger.claims import Turn, candidates
from crm_sms.ledger.outbox import OutboxRow
from crm_sms.records import DesiredField, Lane, Op, Scalar, Verdict
from crm_sms.use_cases.deliver.claiming import take_turn, throttle_of
from crm_sms.use_cases.deliver.deciding import Work, decide
from crm_sms.use_cases.deliver.describing import describe
from crm_sms.use_cases.deliver.looking import look
from crm_sms.use_cases.deliver.preparing import prepare
from crm_sms.use_cases.deliver.words import Delivery

_PAGE = 1000


class Fate(StrEnum):
    """What would become of a record."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    PARKS = "parks"


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """One waiting row. `fields` are the values that would go out, where a record that is not made
    yet stands as <object key>; `left_out` those that it would go without, `why` it would park."""

    object: str
    key: str
    lane: Lane
    fate: Fate
    fields: Mapping[str, Scalar] = field(default_factory=dict)
    left_out: Sequence[str] = ()
    why: str = ""


def rehearse(delivery: Delivery) -> Iterator[Rehearsed]:
    """Every waiting row, opt-outs first, whether or not its window has ended.

    Asks the CRM what a delivery would ask it, and keeps its descriptions. Raises AccessRefused or
    TryLater.
    """
    now = delivery.clock()
    turn = take_turn(delivery, throttle_of(delivery), now)
    # With this horizon whatever is put off counts as if its time had come.
    turn = replace(turn, lanes=tuple(Lane), size=_PAGE, horizon=now)
    passed = 0
    while rows := _page(delivery, turn, passed):
        yield from _rehearsed(delivery, turn, rows)
        passed += len(rows)


def _page(delivery: Delivery, turn: Turn, passed: int) -> list[OutboxRow]:
    with delivery.ledger.read() as connection:
        return candidates(connection, turn, passed)


def _rehearsed(delivery: Delivery, turn: Turn, rows: Sequence[OutboxRow]) -> Iterator[Rehearsed]:
    objects, failed = describe(delivery, {row.object for row in rows}, turn.now)
    for error in failed.values():
        raise error
    prepared = prepare(delivery, turn, rows, objects)
    work = decide(delivery, prepared, look(delivery, prepared))
    updated = {id for parcel in work.parcels if parcel.op is Op.UPDATE for id in parcel.ids}
    for row in rows:
        yield _of(row, work, row.id in updated)


def _of(row: OutboxRow, work: Work, updated: bool) -> Rehearsed:
    outcome, place = work.outcomes.get(row.id), (row.object, row.key, row.lane)
    if outcome and outcome.verdict is Verdict.PARK:
        return Rehearsed(*place, Fate.PARKS, why=outcome.detail or str(outcome.reason))
    left_out = sorted(work.left_out[row.id])
    if outcome:
        return Rehearsed(*place, Fate.UNCHANGED, left_out=left_out)
    values = work.fields[row.id].items()
    fields = {name: _told(value, row.fields[name]) for name, value in values}
    return Rehearsed(*place, Fate.CHANGED if updated else Fate.NEW, fields, left_out)


def _told(value: Scalar, desired: DesiredField) -> Scalar:
    """An empty value that refers to a record waits for that record to be made."""
    if value in (None, ""):
        return "".join(f"<{one.object} {one.key}>" for one in references({"": desired})) or value
    return value
