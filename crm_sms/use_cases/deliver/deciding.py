"""What becomes of each row before anything leaves: sent with these fields, done, or parked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import structlog

from crm_sms.delivery.chunks import Parcel
from crm_sms.delivery.fit import permit
from crm_sms.delivery.rules import address, already_there, to_write
from crm_sms.records import FieldDescription, Found, Op, Outcome, Reason, Scalar, Verdict, Write
from crm_sms.use_cases.deliver.preparing import Prepared, indispensable
from crm_sms.use_cases.deliver.words import Delivery

log = structlog.get_logger(__name__)


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
    fields, starred = to_write(one.row, seen), indispensable(one.claimed)
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
    tripped = one.claimed.reason is Reason.AUTOMATION
    parcel = Parcel(
        ids=(one.claimed.id,),
        lane=one.claimed.lane,
        object=one.row.object,
        op=op,
        key_field=one.row.key_field,
        write=Write(key, permitted.fields),
        gentle=tripped,
        alone=tripped and one.claimed.tries > 1,
    )
    return parcel, left_out


def _parked(missing: Mapping[str, str]) -> Outcome:
    detail = "; ".join(f"{name}: {why}" for name, why in missing.items())
    return Outcome(Verdict.PARK, reason=Reason.FIELD, detail=detail)
