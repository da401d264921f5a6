"""What the CRM says of the objects that a turn is about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from crm_sms.errors import AccessRefused, QuotaEnded, StoreUnavailable, TryLater
from crm_sms.records import ObjectDescription
from crm_sms.use_cases.deliver.words import Delivery
from crm_sms.use_cases.descriptions import described, last_described


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
