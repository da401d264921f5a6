"""Claimed rows made ready to be decided: fitted to the org, with all that is known of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from crm_sms.delivery.fit import fit
from crm_sms.delivery.rules import (
    Fingerprint,
    Row,
    must_look,
    resolve,
)
from crm_sms.ledger.claims import Turn
from crm_sms.ledger.crm_records import CrmRecord, known_records
from crm_sms.ledger.outbox import OutboxRow
from crm_sms.records import (
    ObjectDescription,
    Part,
    Reference,
)
from crm_sms.use_cases.deliver.claiming import places_of
from crm_sms.use_cases.deliver.words import Delivery


@dataclass(frozen=True, slots=True)
class Prepared:
    """A claimed row, ready to be decided; `description` is None if its object is missing."""

    claimed: OutboxRow
    row: Row
    description: ObjectDescription | None
    missing: Mapping[str, str]
    left_out: Mapping[str, str]


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


def _fitted(
    claimed: OutboxRow,
    known: Mapping[tuple[str, str], CrmRecord],
    objects: Mapping[str, ObjectDescription],
    lookup: Callable[[Reference], str | None],
    now: datetime,
    fingerprint: Fingerprint,
) -> Prepared:
    description = objects.get(claimed.object)
    fitted = fit(claimed.fields, indispensable(claimed), description)
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


def indispensable(claimed: OutboxRow) -> frozenset[str]:
    """The starred fields, and the key: without it no look finds the record again."""
    return claimed.starred | ({claimed.key_field} if claimed.key_field else set())
