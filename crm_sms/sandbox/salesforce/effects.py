"""What happens to other rows when one is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from crm_sms.sandbox.salesforce import persons
from crm_sms.sandbox.salesforce.org import Org
from crm_sms.sandbox.salesforce.schema import SObject
from crm_sms.sandbox.salesforce.table import Row

Effect = Callable[[Org, Row, Row], None]
"""Takes the org, the row as it was stored and the row before it ({} if new)."""


def after(org: Org, obj: SObject, row: Row, before: Row) -> None:
    """Brings other rows in line with one that was just stored."""
    for effect in _EFFECTS.get(obj.name, ()):
        effect(org, row, before)


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


_IN_HISTORY = ("Amount", "StageName", "CloseDate", "Probability")
"""Fields whose change makes a row of OpportunityHistory."""


def _history(org: Org, row: Row, before: Row) -> None:
    """How the opportunity stands from now on; consecutive rows can share a stage."""
    if all(row.get(name) == before.get(name) for name in _IN_HISTORY):
        return
    kept = (*_IN_HISTORY, "ExpectedRevenue")
    fields = {name: row[name] for name in kept if name in row}
    fields |= {
        "OpportunityId": row["Id"],
        "ForecastCategory": row.get("ForecastCategoryName"),
        "PrevAmount": before.get("Amount"),
        "PrevCloseDate": before.get("CloseDate"),
    }
    org.insert(org.schema["OpportunityHistory"], fields)


_EFFECTS: Mapping[str, tuple[Effect, ...]] = {
    "Account": (persons.show_on_contact,),
    "Contact": (persons.show_on_account,),
    "Opportunity": (_primary_role, _history),
    "OpportunityContactRole": (_only_primary,),
}
