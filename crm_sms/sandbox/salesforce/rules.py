"""What objects do by themselves when a row is written: derived fields, refusals over fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from crm_sms.sandbox.salesforce import persons
from crm_sms.sandbox.salesforce.org import Org
from crm_sms.sandbox.salesforce.refusals import Refused
from crm_sms.sandbox.salesforce.schema import Field, SObject
from crm_sms.sandbox.salesforce.table import Row

Rule = Callable[[Org, Row, Row], None]
"""Takes the org, the row about to be stored (to be completed) and the row before it ({} if new)."""


def apply(org: Org, object_name: str, row: Row, before: Row) -> None:
    """Completes `row`, or raises Refused."""
    for rule in _RULES.get(object_name, ()):
        rule(org, row, before)


def check_unique(org: Org, obj: SObject, field: Field, value: Any, record_id: str) -> None:
    """Raises Refused if another record that is not deleted has the value."""
    for other in org.tables[obj.name].alive(field.name, value):
        if other["Id"] != record_id:
            raise Refused(
                "DUPLICATE_VALUE",
                f"duplicate value found: {field.name} duplicates value on record with id: "
                f"{other['Id']}",
            )


def _name(org: Org, row: Row, before: Row) -> None:
    row["Name"] = persons.full_name(row)


def _not_converted(org: Org, row: Row, before: Row) -> None:
    if before.get("IsConverted"):
        raise Refused("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")


def _lead_has_no_what(org: Org, row: Row, before: Row) -> None:
    if row.get("WhatId") and str(row.get("WhoId", "")).startswith(org.schema["Lead"].prefix):
        raise Refused(
            "FIELD_INTEGRITY_EXCEPTION",
            "Related To ID: a task whose Name is a lead cannot be related to another record",
            ["WhatId"],
        )


def _task_state(org: Org, row: Row, before: Row) -> None:
    row["IsClosed"] = bool(_label(org, "TaskStatus", row.get("Status")).get("IsClosed"))
    priority = _label(org, "TaskPriority", row.get("Priority"))
    row["IsHighPriority"] = bool(priority.get("IsHighPriority"))
    if not row["IsClosed"]:
        row.pop("CompletedDateTime", None)
    elif not before.get("IsClosed"):
        row["CompletedDateTime"] = org.stamp()


def _task_account(org: Org, row: Row, before: Row) -> None:
    row.pop("AccountId", None)
    account = org.schema["Account"].prefix
    for name in ("WhatId", "WhoId"):
        parent = org.row(row.get(name, ""))
        if parent is not None:
            found = parent["Id"] if parent["Id"].startswith(account) else parent.get("AccountId")
            if found:
                row["AccountId"] = found
                return


def _opportunity_state(org: Org, row: Row, before: Row) -> None:
    stage = _label(org, "OpportunityStage", row.get("StageName"))
    row["IsClosed"] = bool(stage.get("IsClosed"))
    row["IsWon"] = bool(stage.get("IsWon"))
    if row.get("StageName") == before.get("StageName"):
        return
    if row.get("Probability") == before.get("Probability") and stage:
        row["Probability"] = float(stage.get("DefaultProbability", 0))
        row["ForecastCategoryName"] = stage["ForecastCategoryName"]
    if before:
        row["LastStageChangeDate"] = org.stamp()


def _expected_revenue(org: Org, row: Row, before: Row) -> None:
    row.pop("ExpectedRevenue", None)
    if row.get("Amount") is not None:
        row["ExpectedRevenue"] = round(row["Amount"] * row.get("Probability", 0.0) / 100, 2)


def _label(org: Org, table: str, label: Any) -> Row:
    rows = org.tables[table].rows.values()
    return next((row for row in rows if row.get("MasterLabel") == label), {})


_RULES: Mapping[str, tuple[Rule, ...]] = {
    "User": (_name,),
    "Account": (persons.complete_account,),
    "Contact": (persons.check_contact, _name),
    "Lead": (_not_converted, _name),
    "Task": (_lead_has_no_what, _task_state, _task_account),
    "Opportunity": (_opportunity_state, _expected_revenue),
}
