"""What happens to other rows when one is stored, or goes into the recycle bin."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from crm_sms.sandbox.salesforce.org import Org
from crm_sms.sandbox.salesforce.schema import Field, SObject
from crm_sms.sandbox.salesforce.table import Row

Effect = Callable[[Org, Row, Row], None]
"""Takes the org, the row as it was stored and the row before it ({} if new)."""


def after(org: Org, obj: SObject, row: Row, before: Row) -> None:
    """Brings other rows in line with one that was just stored."""
    for effect in _EFFECTS.get(obj.name, ()):
        effect(org, row, before)


def bin_row(org: Org, obj: SObject, row: Row) -> None:
    """Puts a row into the recycle bin, and with it the rows that cannot stay without it."""
    org.change(obj, row["Id"], {"IsDeleted": True})
    for child, field, held in children(org, row["Id"]):
        # A child can hang on the record twice, and may have gone with another by now.
        current = org.tables[child.name].rows[held["Id"]]
        if current.get("IsDeleted"):
            continue
        if field.cascade:
            bin_row(org, child, current)
        else:
            org.change(child, current["Id"], {field.name: None})


def children(org: Org, record_id: str) -> list[tuple[SObject, Field, Row]]:
    """Every row that is not deleted and refers to a record, with the field it does so by."""
    name = getattr(org.object_of(record_id), "name", "")
    return [
        (obj, field, row)
        for obj in org.schema.values()
        for field in obj.fields.values()
        if name in field.to and field.name != "MasterRecordId"
        for row in org.tables[obj.name].alive(field.name, record_id)
    ]


def _primary_role(org: Org, row: Row, before: Row) -> None:
    """The contact that an opportunity is created with becomes its primary role."""
    if not before and row.get("ContactId"):
        fields = {"OpportunityId": row["Id"], "ContactId": row["ContactId"], "IsPrimary": True}
        org.insert(org.schema["OpportunityContactRole"], fields)


def _only_primary(org: Org, row: Row, before: Row) -> None:
    """One primary role an opportunity: the last one set."""
    if not row["IsPrimary"]:
        return
    obj = org.schema["OpportunityContactRole"]
    for other in org.tables[obj.name].alive("OpportunityId", row["OpportunityId"]):
        if other["Id"] != row["Id"] and other["IsPrimary"]:
            org.change(obj, other["Id"], {"IsPrimary": False})


_EFFECTS: Mapping[str, tuple[Effect, ...]] = {
    "Opportunity": (_primary_role,),
    "OpportunityContactRole": (_only_primary,),
}
