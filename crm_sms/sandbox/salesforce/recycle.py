"""The recycle bin: what goes into it together, comes back together, and leaves for good."""

from __future__ import annotations

from crm_sms.sandbox.salesforce import rules
from crm_sms.sandbox.salesforce.org import Binned, Org
from crm_sms.sandbox.salesforce.refusals import Refused
from crm_sms.sandbox.salesforce.schema import Field, SObject
from crm_sms.sandbox.salesforce.table import Row

_NO_PARENTS = ("MasterRecordId", "PersonContactId")
"""References on which nothing hangs."""


def bin_record(org: Org, record_id: str) -> None:
    """Deletes a record, and with it those that cannot stay without it."""
    org.binned[record_id] = _bin(org, record_id, Binned())


def bin_merged(org: Org, record_id: str, master: str) -> None:
    """Deletes a record that was merged into another."""
    _change(org, record_id, {"IsDeleted": True, "MasterRecordId": master})
    org.binned[record_id] = Binned([record_id])


def take_back(org: Org, record_id: str) -> None:
    """Undeletes a record as it was, with what went with it and pointed to it; raises Refused."""
    row, binned = org.row(record_id), org.binned.get(record_id)
    if row is None or binned is None or not row.get("IsDeleted"):
        raise Refused("UNDELETE_FAILED", "Entity is not in the recycle bin")
    for one in binned.went:
        gone = org.row(one)
        if gone is not None and gone.get("IsDeleted"):
            _check_unique(org, gone)
            _change(org, one, {"IsDeleted": False, "MasterRecordId": None})
    for holder, name, target in binned.cleared:
        held = org.row(holder)
        if held is not None and held.get(name) is None:
            _change(org, holder, {name: target})


def purge(org: Org, record_id: str) -> None:
    """Forgets a deleted record and what went with it; not even queryAll finds them."""
    for one in org.binned.get(record_id, Binned([record_id])).went:
        obj = org.object_of(one)
        if obj is not None and one in org.tables[obj.name].rows:
            org.remove(obj, one)


def children(org: Org, record_id: str) -> list[tuple[SObject, Field, Row]]:
    """Every row that is not deleted and refers to a record, with the field it does so by."""
    name = getattr(org.object_of(record_id), "name", "")
    return [
        (obj, field, row)
        for obj in org.schema.values()
        for field in obj.fields.values()
        if name in field.to and field.name not in _NO_PARENTS
        for row in org.tables[obj.name].alive(field.name, record_id)
    ]


def _bin(org: Org, record_id: str, binned: Binned) -> Binned:
    _change(org, record_id, {"IsDeleted": True})
    binned.went.append(record_id)
    for child, field, held in children(org, record_id):
        # A child can hang on the record twice, and may have gone with another by now.
        if org.tables[child.name].rows[held["Id"]].get("IsDeleted"):
            continue
        if field.cascade:
            _bin(org, held["Id"], binned)
        else:
            _change(org, held["Id"], {field.name: None})
            binned.cleared.append((held["Id"], field.name, record_id))
    return binned


def _check_unique(org: Org, row: Row) -> None:
    obj = org.object_of(row["Id"])
    unique = [] if obj is None else [(obj, f) for f in obj.fields.values() if f.unique]
    for its_object, field in unique:
        if row.get(field.name) is not None:
            rules.check_unique(org, its_object, field, row[field.name], row["Id"])


def _change(org: Org, record_id: str, changes: Row) -> None:
    obj = org.object_of(record_id)
    if obj is not None:
        org.change(obj, record_id, changes)
