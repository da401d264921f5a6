"""What the CRM holds now, for rows that cannot be decided without it."""

from __future__ import annotations

from collections.abc import Sequence

from crm_sms.delivery.rules import must_look
from crm_sms.records import Found
from crm_sms.use_cases.deliver.preparing import Prepared
from crm_sms.use_cases.deliver.words import Delivery


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
