"""Rows packed into one request: nothing lost, nothing twice, opt-outs alone and first."""

from __future__ import annotations

from collections import Counter
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from crm_sms.delivery.chunks import Parcel, merged, pack
from crm_sms.ports import CrmLimits
from crm_sms.records import Lane, Op, Write

fields = st.dictionaries(st.sampled_from("abc"), st.integers(0, 3), min_size=1)


@st.composite
def parcels(draw: st.DrawFn) -> list[Parcel]:
    """What may come out of one claim: each row with ids of its own."""
    ids = count(1)
    row = st.tuples(
        st.sampled_from(Lane),
        st.sampled_from(["Contact", "Task"]),
        st.sampled_from(Op),
        st.sampled_from("klmnopq"),
        fields,
        st.booleans(),
    )
    return [
        Parcel(
            (next(ids),), lane, name, op, None if op is Op.UPDATE else "K", Write(key, wanted), g
        )
        for lane, name, op, key, wanted, g in draw(st.lists(row, max_size=40))
    ]


limits = st.builds(
    CrmLimits,
    rows_per_chunk=st.integers(1, 6),
    chunks_per_request=st.integers(1, 5),
    write_timeout_s=st.just(120.0),
    late_commit_s=st.just(660.0),
)


def ids_of(some: object) -> Counter[int]:
    """How often each row occurs in parcels."""
    return Counter(id for parcel in some for id in parcel.ids)  # type: ignore[attr-defined]


@given(parcels(), limits, st.integers(1, 30))
def test_no_row_is_lost_and_none_goes_twice(
    given_parcels: list[Parcel], limits: CrmLimits, size: int
) -> None:
    """What is in chunks and what is left are together what came in."""
    request = pack(given_parcels, limits, size)
    packed = [parcel for box in request.parcels for parcel in box]
    assert ids_of(packed) + ids_of(request.left) == ids_of(given_parcels)
    assert set(ids_of(given_parcels).values()) <= {1}
    shapes = [[write.key for write in chunk.rows] for chunk in request.chunks]
    assert shapes == [[parcel.write.key for parcel in box] for box in request.parcels]


@given(parcels(), limits, st.integers(1, 30))
def test_a_request_keeps_the_limits(
    given_parcels: list[Parcel], limits: CrmLimits, size: int
) -> None:
    """Rows, rows of a chunk, chunks; no empty chunk; progress whenever there is anything."""
    request = pack(given_parcels, limits, size)
    rows = [len(chunk.rows) for chunk in request.chunks]
    assert sum(rows) <= size
    assert len(rows) <= limits.chunks_per_request
    assert all(1 <= number <= limits.rows_per_chunk for number in rows)
    assert bool(request.chunks) == bool(given_parcels)


@given(parcels(), limits, st.integers(1, 30))
def test_a_chunk_is_of_one_kind_and_has_no_key_twice(
    given_parcels: list[Parcel], limits: CrmLimits, size: int
) -> None:
    """One object, one operation, one key field; opt-outs or others; gentle rows or others."""
    request = pack(given_parcels, limits, size)
    for chunk, box in zip(request.chunks, request.parcels, strict=True):
        keys = [write.key for write in chunk.rows]
        assert len(keys) == len(set(keys))
        assert {(p.object, p.op, p.key_field) for p in box} == {
            (chunk.object, chunk.op, chunk.key_field)
        }
        assert len({parcel.is_opt_out for parcel in box}) == 1
        assert len({parcel.gentle for parcel in box}) == 1


@given(parcels(), limits, st.integers(1, 30))
def test_opt_outs_go_first_and_urgent_rows_are_not_left_for_others(
    given_parcels: list[Parcel], limits: CrmLimits, size: int
) -> None:
    """Chunks stand in the order of their lanes; no opt-out is left while others of its kind of
    chunk, or any less urgent row in a chunk that it could have opened, go."""
    request = pack(given_parcels, limits, size)
    lanes = [box[0].lane for box in request.parcels]
    assert lanes == sorted(lanes)
    if any(parcel.is_opt_out for parcel in request.left):
        full = len(request.chunks) == limits.chunks_per_request
        every = sum(len(chunk.rows) for chunk in request.chunks) == size
        assert every or full
        if every:
            assert all(box[0].is_opt_out for box in request.parcels)
        else:
            assert any(box[0].is_opt_out for box in request.parcels)


@given(parcels())
def test_merging_leaves_one_write_per_record_beside_its_opt_out(
    given_parcels: list[Parcel],
) -> None:
    """Every row and every field is still there, in the most urgent lane of those that met."""
    writes = merged(given_parcels)
    assert ids_of(writes) == ids_of(given_parcels)
    places = [(p.object, p.op, p.key_field, p.write.key, p.is_opt_out) for p in writes]
    assert len(places) == len(set(places))
    by_id = {parcel.ids[0]: parcel for parcel in given_parcels}
    for parcel in writes:
        parts = [by_id[id] for id in parcel.ids]
        assert parcel.lane == min(part.lane for part in parts)
        assert parcel.gentle == any(part.gentle for part in parts)
        wanted: dict[str, object] = {}
        for part in parts:
            wanted |= part.write.fields
        assert parcel.write.fields == wanted
    assert merged(writes) == writes


def test_gentle_rows_travel_in_small_chunks() -> None:
    """Twenty at most, however many the CRM takes."""
    many = [
        Parcel((n,), Lane.TIMELINE, "Text", Op.UPSERT, "K", Write(str(n), {"a": n}), gentle=True)
        for n in range(45)
    ]
    request = pack(many, CrmLimits(200, 5, 120, 660), 1000)
    assert [len(chunk.rows) for chunk in request.chunks] == [20, 20, 5]


def test_a_row_that_is_to_be_alone_shares_its_chunk_with_nobody() -> None:
    """As many as a request has chunks."""
    many = [
        Parcel((n,), Lane.TIMELINE, "Text", Op.UPSERT, "K", Write(str(n), {}), True, alone=True)
        for n in range(7)
    ]
    request = pack(many, CrmLimits(200, 5, 120, 660), 1000)
    assert [len(chunk.rows) for chunk in request.chunks] == [1] * 5
    assert len(request.left) == 2
