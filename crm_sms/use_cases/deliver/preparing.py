"""From claimed rows to what must be sent: fitted to the org, looked up where a rule needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from crm_sms.delivery.chunks import Parcel
from crm_sms.delivery.fit import fit, permit
from crm_sms.delivery.rules import (
    Fingerprint,
    Row,
    address,
    already_there,
    must_look,
    resolve,
    to_write,
)
from crm_sms.errors import AccessRefused, QuotaEnded, StoreUnavailable, TryLater
from crm_sms.ledger.claims import Turn
from crm_sms.ledger.crm_records import CrmRecord, known_records
from crm_sms.ledger.outbox import OutboxRow
from crm_sms.records import (
    FieldDescription,
    Found,
    ObjectDescription,
    Op,
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
from crm_sms.use_cases.descriptions import described, last_described

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A claimed row, ready to be decided; `description` is None if its object is missing."""

    claimed: OutboxRow
    row: Row
    description: ObjectDescription | None
    missing: Mapping[str, str]
    left_out: Mapping[str, str]


@dataclass(slots=True)
class Work:
    """What one request has come to: what to send, and what is settled already. By row: `left_out`
    are the fields that it goes without, as the CRM describes them, `held` the values that the CRM
    was seen to hold."""

    parcels: list[Parcel] = field(default_factory=list)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    fields: dict[int, Mapping[str, Scalar]] = field(default_factory=dict)
    left_out: dict[int, Mapping[str, FieldDescription | None]] = field(default_factory=dict)
    held: dict[int, Mapping[str, Scalar]] = field(default_factory=dict)


def alike(prepared: Sequence[Prepared]) -> list[Prepared]:
    """Of these rows, those that go into one request: first the ones that nothing speaks against.

    A look that fails must not hold up rows that need none, least of all an opt-out. Nor must a row
    that went unanswered before, which may be what breaks a request, take others with it.
    """
    first = min(map(_doubts, prepared))
    return [one for one in prepared if _doubts(one) == first]


def _doubts(one: Prepared) -> tuple[bool, bool]:
    return one.claimed.maybe, not one.missing and must_look(one.row) is not None


def prepare(
    delivery: Delivery,
    turn: Turn,
    rows: Sequence[OutboxRow],
    objects: Mapping[str, ObjectDescription],
) -> list[Prepared]:
    """These rows with all that is known of them; their objects must have been described."""
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
    return [_fitted(row, known, objects, lookup, turn.now, fingerprint) for row in rows]


def describe(
    delivery: Delivery, names: set[str], now: datetime
) -> tuple[Mapping[str, ObjectDescription], Mapping[str, TryLater | AccessRefused]]:
    """What the CRM says of these objects, or said last while it does not answer; and the objects of
    which it says nothing, with the error. Raises the error if there is no object left."""
    try:
        return described(delivery.ledger, delivery.name, delivery.crm, names, now).objects, {}
    except (QuotaEnded, StoreUnavailable):
        raise
    except (TryLater, AccessRefused) as error:
        return _described_one_by_one(delivery, names, error)


def _described_one_by_one(
    delivery: Delivery, names: set[str], error: TryLater | AccessRefused
) -> tuple[Mapping[str, ObjectDescription], Mapping[str, TryLater | AccessRefused]]:
    """One object that the CRM stumbles over must not hold up an opt-out of another."""
    last = last_described(delivery.ledger, delivery.name)
    trusted = last is not None and isinstance(error, TryLater)
    objects = dict(last.objects) if last and trusted else {}
    unknown = names - last.asked if last and trusted else names
    failed: dict[str, TryLater | AccessRefused] = {}
    for name in sorted(unknown):
        try:
            objects |= delivery.crm.describe([name])
        except QuotaEnded:
            raise
        except (TryLater, AccessRefused) as one:
            failed[name] = one
    if failed.keys() == names:
        raise error
    return objects, failed


def _fitted(
    claimed: OutboxRow,
    known: Mapping[tuple[str, str], CrmRecord],
    objects: Mapping[str, ObjectDescription],
    lookup: Callable[[Reference], str | None],
    now: datetime,
    fingerprint: Fingerprint,
) -> Prepared:
    description = objects.get(claimed.object)
    fitted = fit(claimed.fields, _indispensable(claimed), description)
    before = known.get(claimed.place)
    row = Row(
        object=claimed.object,
        key=claimed.key,
        key_field=claimed.key_field,
        create_only=claimed.create_only,
        fields=resolve(fitted.fields, lookup),
        fingerprint=fingerprint,
        crm_id=before.crm_id if before else None,
        written=before.written if before else {},
        left_out=before.left_out if before else (),
        sent=claimed.sent,
        maybe=claimed.maybe,
        rewrite=bool(claimed.rewrite_at and claimed.rewrite_at <= now),
    )
    return Prepared(claimed, row, description, fitted.missing, fitted.left_out)


def _indispensable(claimed: OutboxRow) -> frozenset[str]:
    """The starred fields, and the key: without it no look finds the record again."""
    return claimed.starred | ({claimed.key_field} if claimed.key_field else set())


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


def ask(delivery: Delivery, one: Prepared) -> None:
    """Read a record, only to see whether the CRM answers. Raises what `Crm.read` raises."""
    key_field = None if one.row.crm_id else one.row.key_field
    key = one.row.crm_id or one.row.key
    delivery.crm.read(one.row.object, key_field, [key], (), deleted=True)


def decide(
    delivery: Delivery, prepared: Iterable[Prepared], found: Mapping[int, Found | None]
) -> Work:
    """What to send and what is settled; what is left out of it is said once for each object."""
    work, left_out = Work(), dict[str, dict[str, str]]()
    for one in prepared:
        number = one.claimed.id
        decided, omitted = _decided(one, found.get(number))
        work.held[number] = already_there(one.row, found.get(number))
        left_out.setdefault(one.row.object, {}).update(omitted)
        seen = one.description.fields if one.description else {}
        work.left_out[number] = {name: seen.get(name) for name in omitted}
        if isinstance(decided, Outcome):
            work.outcomes[number] = decided
        else:
            work.fields[number] = decided.write.fields
            work.parcels.append(decided)
    for object_name, fields in left_out.items():
        if fields:
            log.warning(
                "fields are left out",
                crm=delivery.name,
                object=object_name,
                fields=fields,
                see="crm-sms doctor",
            )
    return work


def _decided(one: Prepared, seen: Found | None) -> tuple[Parcel | Outcome, Mapping[str, str]]:
    """What becomes of a row, and the fields that it goes without."""
    if one.description is None or one.missing:
        return _parked(one.missing), {}
    if seen and seen.deleted and not one.row.create_only:
        return Outcome(Verdict.PARK, reason=Reason.DELETED), {}
    op, key = address(one.row, seen)
    fields, starred = to_write(one.row, seen), _indispensable(one.claimed)
    crm_id = one.row.crm_id or (seen.id if seen else None)
    if not fields:
        return Outcome(Verdict.DONE, crm_id=crm_id), one.left_out
    new_key = None if op is Op.UPDATE else one.row.key_field
    permitted = permit(fields, starred, one.description, new_key)
    if permitted.missing:
        return _parked(permitted.missing), {}
    left_out = {**one.left_out, **permitted.left_out}
    if not permitted.fields:
        return Outcome(Verdict.DONE, crm_id=crm_id), left_out
    parcel = Parcel(
        ids=(one.claimed.id,),
        lane=one.claimed.lane,
        object=one.row.object,
        op=op,
        key_field=one.row.key_field,
        write=Write(key, permitted.fields),
        gentle=one.claimed.reason is Reason.AUTOMATION,
    )
    return parcel, left_out


def _parked(missing: Mapping[str, str]) -> Outcome:
    detail = "; ".join(f"{name}: {why}" for name, why in missing.items())
    return Outcome(Verdict.PARK, reason=Reason.FIELD, detail=detail)
