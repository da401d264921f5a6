"""Rows packed into one request: lane by lane, alike together, opt-outs by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from crm_sms.ports import CrmLimits
from crm_sms.records import Chunk, Lane, Op, Write

_GENTLE = 20
"""Rows in a chunk of those that an org's automation failed on: a trigger may fail only in bulk."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One write and what decides with whom it travels: `gentle` with few, `alone` with nobody;
    `ids` are the caller's own."""

    ids: tuple[int, ...]
    lane: Lane
    object: str
    op: Op
    key_field: str | None
    write: Write
    gentle: bool = False
    alone: bool = False

    @property
    def is_opt_out(self) -> bool:
        """Opt-outs travel by themselves."""
        return self.lane is Lane.OPT_OUT


def merged(parcels: Sequence[Parcel]) -> list[Parcel]:
    """Lanes of one record become one write, the more urgent lane's; an opt-out stays alone."""
    writes: dict[tuple[object, ...], Parcel] = {}
    for parcel in parcels:
        place = (parcel.object, parcel.op, parcel.key_field, parcel.write.key, parcel.is_opt_out)
        writes[place] = _with(writes[place], parcel) if place in writes else parcel
    return list(writes.values())


def _with(one: Parcel, other: Parcel) -> Parcel:
    return replace(
        one,
        ids=one.ids + other.ids,
        lane=min(one.lane, other.lane),
        write=replace(one.write, fields={**one.write.fields, **other.write.fields}),
        gentle=one.gentle or other.gentle,
        alone=one.alone or other.alone,
    )


@dataclass(frozen=True, slots=True)
class Request:
    """Chunks to write in this order, their parcels in the same shape, and those without room."""

    chunks: tuple[Chunk, ...]
    parcels: tuple[tuple[Parcel, ...], ...]
    left: tuple[Parcel, ...]


@dataclass(slots=True)
class _Box:
    room: int
    parcels: list[Parcel] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)

    def takes(self, parcel: Parcel) -> bool:
        if len(self.parcels) >= self.room or parcel.write.key in self.keys:
            return False
        self.parcels.append(parcel)
        self.keys.add(parcel.write.key)
        return True


def pack(parcels: Sequence[Parcel], limits: CrmLimits, size: int) -> Request:
    """Fill one request in the order of the lanes with at most `size` rows.

    A chunk holds one object and one operation, no key twice, and either opt-outs or other rows:
    one bad roll-up field must never hold an opt-out back.
    """
    boxes: dict[tuple[object, ...], list[_Box]] = {}
    left: list[Parcel] = []
    count = 0
    for parcel in sorted(merged(parcels), key=lambda parcel: parcel.lane):
        if count < size and _place(parcel, boxes, limits):
            count += 1
        else:
            left.append(parcel)
    filled = [tuple(box.parcels) for alike in boxes.values() for box in alike]
    filled.sort(key=lambda box: box[0].lane)
    return Request(tuple(_chunk(box) for box in filled), tuple(filled), tuple(left))


def _place(parcel: Parcel, boxes: dict[tuple[object, ...], list[_Box]], limits: CrmLimits) -> bool:
    company = (parcel.gentle, parcel.alone)
    sort = (parcel.is_opt_out, parcel.object, parcel.op, parcel.key_field, company)
    alike = boxes.get(sort, [])
    if any(box.takes(parcel) for box in reversed(alike)):
        return True
    if sum(map(len, boxes.values())) >= limits.chunks_per_request:
        return False
    box = _Box(_room(parcel, limits))
    box.takes(parcel)
    boxes.setdefault(sort, []).append(box)
    return True


def _room(parcel: Parcel, limits: CrmLimits) -> int:
    if parcel.alone:
        return 1
    return min(_GENTLE, limits.rows_per_chunk) if parcel.gentle else limits.rows_per_chunk


def _chunk(box: tuple[Parcel, ...]) -> Chunk:
    first = box[0]
    return Chunk(first.object, first.op, first.key_field, tuple(p.write for p in box))
