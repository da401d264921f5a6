"""One record as the CRM holds it against the same as the ledger has it; decides, and does no I/O.

What differs is what delivery would write if it trusted nothing that it wrote before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from crm_sms.delivery.fit import fit
from crm_sms.delivery.rules import Fingerprint, Row, to_write
from crm_sms.records import DesiredField, Found, Lane, ObjectDescription, Scalar, WriteRule
from crm_sms.use_cases.verify.words import Expected, Finding, Kind


def compare(
    expected: Expected,
    description: ObjectDescription | None,
    found: Found | None,
    fingerprint: Fingerprint,
) -> list[Finding]:
    """How the record is other than it should be; nothing if it is as the ledger has it.

    `found` has the fields that `readable` names, deleted records included.
    """
    whole = _whole(expected, description, found)
    if whole:
        return [whole]
    if found is None or description is None or expected.record.create_only:
        return []
    return list(_fields(expected, description, found, fingerprint))


def readable(expected: Expected, description: ObjectDescription | None) -> set[str]:
    """The fields of this record that our user can see."""
    if description is None or expected.record.create_only:
        return set()
    return expected.record.fields.keys() & description.fields.keys()


def _whole(
    expected: Expected, description: ObjectDescription | None, found: Found | None
) -> Finding | None:
    """What is to be said of the record before its fields are looked at."""
    if description is None:
        return _about(expected, Kind.MISSING, "its object is missing or hidden from our user")
    if found is None or found.deleted:
        return _absent(expected, found)
    return None


def _absent(expected: Expected, found: Found | None) -> Finding | None:
    record = expected.record
    if expected.parked:
        return _about(expected, Kind.PARKED, expected.parked)
    if found is not None:
        return _about(expected, Kind.DELETED, "somebody deleted it; it stays so", found.id)
    if expected.waits:
        return _about(expected, Kind.ON_ITS_WAY, "it waits to be written")
    if record.key_field is None:
        why = "it went since the last pull of people; crm-sms sync people sees that"
        return _about(expected, Kind.DELETED, why)
    if expected.known is None:
        return _about(expected, Kind.MISSING, "it was never written, and nothing is on its way")
    if record.create_only:
        why = "somebody deleted it for good; it is never made again"
        return _about(expected, Kind.DELETED, why, expected.known.crm_id)
    why = "we wrote it, and it is gone without a trace"
    return _about(expected, Kind.MISSING, why, expected.known.crm_id)


def _fields(
    expected: Expected,
    description: ObjectDescription,
    found: Found,
    fingerprint: Fingerprint,
) -> Iterator[Finding]:
    fitted = fit(expected.record.fields, expected.record.starred, description)
    row = _row(expected, fitted.fields, found, fingerprint)
    would_write = to_write(row, found) or {}
    for name, why in {**fitted.left_out, **fitted.missing}.items():
        yield _about(expected, Kind.LEFT_OUT, why, found.id, name)
    for name, desired in row.fields.items():
        held = found.fields.get(name)
        if fingerprint(held) == fingerprint(_scalar(desired)):
            continue
        if name in would_write:
            kind, why = _difference(expected, row, name, held)
            yield _about(expected, kind, why, found.id, name)
        elif row.written.get(name) != fingerprint(held):
            yield _about(expected, Kind.EDITED, _EDITED[desired.rule], found.id, name)


def _row(
    expected: Expected,
    fields: Mapping[str, DesiredField],
    found: Found,
    fingerprint: Fingerprint,
) -> Row:
    """The record as delivery sees it, were it to write again whatever it may write."""
    record, known = expected.record, expected.known
    return Row(
        object=record.object,
        key=record.key,
        key_field=record.key_field,
        create_only=record.create_only,
        fields=fields,
        fingerprint=fingerprint,
        crm_id=found.id,
        written=known.written if known else {},
        left_out=known.left_out if known else (),
        rewrite=True,
    )


def _difference(expected: Expected, row: Row, name: str, held: Scalar) -> tuple[Kind, str]:
    if expected.waits:
        return Kind.ON_ITS_WAY, "it waits to be written"
    if expected.parked:
        return Kind.PARKED, expected.parked
    if name in row.left_out:
        return Kind.LEFT_OUT, "it was left out when the record was written"
    kind = Kind.OPT_OUT if expected.record.lane is Lane.OPT_OUT else Kind.DIFFERS
    before = row.written.get(name)
    if before is None:
        return kind, "we never wrote it, and nothing is on its way"
    if before != row.fingerprint(held):
        return kind, "somebody changed it since we wrote it"
    if name in expected.of_mirror:
        return Kind.OLDER, "we wrote it when the person, the owner or the account was another"
    return kind, "the ledger or the mapping says otherwise by now, and nothing is on its way"


_EDITED: Mapping[WriteRule, str] = {
    WriteRule.ALWAYS: "somebody changed it",
    WriteRule.ONCE: "it is written once, and somebody changed it",
    WriteRule.IF_EMPTY: "somebody filled or emptied it",
    WriteRule.UNTIL_EDITED: "somebody changed it, and it is theirs since",
}


def _scalar(desired: DesiredField) -> Scalar:
    return desired.value  # type: ignore[return-value]  # resolved: only scalars are left


def _about(
    expected: Expected, kind: Kind, why: str, crm_id: str | None = None, field: str = ""
) -> Finding:
    return Finding(kind, *expected.place, why, field, crm_id)
