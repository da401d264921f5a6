"""From claimed rows to what must be sent: fitted to the org, looked up where a rule needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from crm_sms.delivery.chunks import Parcel
from crm_sms.delivery.fit import cut, fit
from crm_sms.delivery.rules import Fingerprint, Row, address, must_look, resolve, to_write
from crm_sms.ledger.crm_records import Known, known_records
from crm_sms.ledger.outbox import OutboxRow, Turn
from crm_sms.records import (
    DesiredField,
    Found,
    ObjectDescription,
    Outcome,
    Part,
    Reason,
    Reference,
    Scalar,
    Verdict,
    Write,
)
from crm_sms.use_cases.deliver.claiming import places_of
from crm_sms.use_cases.deliver.words import Delivery
from crm_sms.use_cases.descriptions import described


@dataclass(frozen=True, slots=True)
class Prepared:
    """A claimed row, ready to be decided."""

    claimed: OutboxRow
    row: Row
    missing: tuple[str, ...] = ()


@dataclass(slots=True)
class Work:
    """What one request has come to: what to send, and what is settled already."""

    parcels: list[Parcel] = field(default_factory=list)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    fields: dict[int, Mapping[str, Scalar]] = field(default_factory=dict)


def prepare(
    delivery: Delivery, turn: Turn, rows: Sequence[OutboxRow]
) -> tuple[list[Prepared], dict[tuple[str, str], Known]]:
    names = {row.object for row in rows}
    objects = described(delivery.ledger, delivery.name, delivery.crm, names, turn.now).objects
    places = {row.place for row in rows}.union(*(places_of(row) for row in rows))
    with delivery.ledger.read() as connection:
        known = known_records(connection, turn.crm, places)

    def lookup(reference: Reference) -> str | None:
        found = known.get((reference.object, reference.key))
        if found is None:
            return None
        if reference.part is Part.ID:
            return found.crm_id
        return delivery.crm.url(reference.object, found.crm_id)

    fingerprint = delivery.ledger.fingerprint
    return [_fitted(row, known, objects, lookup, turn.now, fingerprint) for row in rows], known


def _fitted(
    claimed: OutboxRow,
    known: Mapping[tuple[str, str], Known],
    objects: Mapping[str, ObjectDescription],
    lookup: Callable[[Reference], str | None],
    now: datetime,
    fingerprint: Fingerprint,
) -> Prepared:
    description = objects.get(claimed.object)
    fitted = fit(claimed.fields, claimed.starred, description)
    seen = description.fields if description else {}
    before = known.get(claimed.place)
    row = Row(
        object=claimed.object,
        key=claimed.key,
        key_field=claimed.key_field,
        create_only=claimed.create_only,
        fields={
            name: DesiredField(cut(desired.value, seen[name]), desired.rule)  # type: ignore[arg-type]
            for name, desired in resolve(fitted.fields, lookup).items()
        },
        fingerprint=fingerprint,
        crm_id=before.crm_id if before else None,
        written=before.written if before else {},
        sent=claimed.sent,
        maybe=claimed.maybe,
        rewrite=bool(claimed.rewrite_at and claimed.rewrite_at <= now),
    )
    return Prepared(claimed, row, fitted.missing)


def look(delivery: Delivery, prepared: Sequence[Prepared]) -> dict[int, Found | None]:
    """What the CRM holds now, for the rows that cannot be decided without it."""
    groups: dict[tuple[str, str | None], list[tuple[str, int]]] = {}
    fields: dict[tuple[str, str | None], set[str]] = {}
    for one in prepared:
        wanted = must_look(one.row)
        if wanted is None or one.missing:
            continue
        group = (one.row.object, None if one.row.crm_id else one.row.key_field)
        groups.setdefault(group, []).append((one.row.crm_id or one.row.key, one.claimed.id))
        fields.setdefault(group, set()).update(wanted)
    found: dict[int, Found | None] = {}
    size = delivery.crm.limits.keys_per_read
    for (object_name, key_field), keyed in groups.items():
        for start in range(0, len(keyed), size):
            part = keyed[start : start + size]
            names = sorted(fields[object_name, key_field])
            answers = delivery.crm.read(
                object_name, key_field, [key for key, _ in part], names, deleted=True
            )
            found |= {number: answers.get(key) for key, number in part}
    return found


def decide(prepared: Iterable[Prepared], found: Mapping[int, Found | None]) -> Work:
    work = Work()
    for one in prepared:
        number, seen = one.claimed.id, found.get(one.claimed.id)
        if one.missing:
            names = ", ".join(one.missing)
            work.outcomes[number] = Outcome(
                Verdict.PARK, reason=Reason.FIELD, detail=f"hidden or missing: {names}"
            )
            continue
        if seen and seen.deleted and not one.row.create_only:
            work.outcomes[number] = Outcome(Verdict.PARK, reason=Reason.DELETED)
            continue
        fields = to_write(one.row, seen)
        if not fields:
            crm_id = one.row.crm_id or (seen.id if seen else None)
            work.outcomes[number] = Outcome(Verdict.DONE, crm_id=crm_id)
            continue
        op, key = address(one.row, seen)
        work.fields[number] = fields
        work.parcels.append(
            Parcel(
                ids=(number,),
                lane=one.claimed.lane,
                object=one.row.object,
                op=op,
                key_field=one.row.key_field,
                write=Write(key, fields),
                gentle=one.claimed.reason is Reason.AUTOMATION,
            )
        )
    return work
