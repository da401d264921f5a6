"""Records that become one: merges, and leads that are converted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from crm_sms.sandbox.salesforce.org import Org
from crm_sms.sandbox.salesforce.recycle import bin_merged, children
from crm_sms.sandbox.salesforce.refusals import Refused, RequestRefused
from crm_sms.sandbox.salesforce.schema import SObject
from crm_sms.sandbox.salesforce.table import Row
from crm_sms.sandbox.salesforce.writing import Writer

_CONVERTED_STATUS = "Closed - Converted"
_FIRST_STAGE = "Prospecting"


def merge(writer: Writer, obj: SObject, master_id: str, losers: list[str]) -> str:
    """The losers are deleted and name the master; what hung on them hangs on the master."""
    org = writer.org
    if not obj.mergeable:
        raise RequestRefused("INVALID_OPERATION", f"{obj.name} cannot be merged")
    master = writer.existing(obj, master_id)
    for loser in losers:
        row = writer.existing(obj, loser)
        _check_pair(obj, master, row)
        if row.get("PersonContactId"):
            _merge_one(org, row["PersonContactId"], master["PersonContactId"])
        _merge_one(org, row["Id"], master["Id"])
    org.change(obj, master["Id"], {})
    return str(master["Id"])


def _check_pair(obj: SObject, master: Row, loser: Row) -> None:
    if loser["Id"] == master["Id"]:
        raise RequestRefused("INVALID_OPERATION", "a record cannot be merged with itself")
    persons = [bool(row.get("IsPersonAccount")) for row in (master, loser)]
    if persons[0] is not persons[1] or (persons[0] and obj.name == "Contact"):
        raise RequestRefused(
            "INVALID_OPERATION", "person accounts are merged as accounts, with one another"
        )


def _merge_one(org: Org, loser: str, master: str) -> None:
    _reparent(org, loser, master)
    bin_merged(org, loser, master)


def convert(writer: Writer, operation: Mapping[str, Any]) -> str:
    """The lead becomes a contact (a given one, or a new one under a given or new account).

    Its id is returned. With `opportunity`, that one is made as well, with the contact's role.
    """
    org = writer.org
    lead = writer.existing(org.schema["Lead"], operation["lead"])
    if lead["IsConverted"]:
        raise Refused("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
    contact_id = operation.get("contact") or _contact_of(writer, lead, operation.get("account"))
    contact = writer.existing(org.schema["Contact"], contact_id)
    deal = _deal_of(writer, lead, contact, operation.get("opportunity"))
    _reparent(org, lead["Id"], contact["Id"])
    changes = {
        "IsConverted": True,
        "ConvertedDate": org.now().date().isoformat(),
        "ConvertedContactId": contact["Id"],
        "ConvertedAccountId": contact.get("AccountId"),
        "ConvertedOpportunityId": deal,
        "Status": _CONVERTED_STATUS,
    }
    org.change(org.schema["Lead"], lead["Id"], changes)
    return str(contact["Id"])


def _contact_of(writer: Writer, lead: Row, account: str | None) -> str:
    schema = writer.org.schema
    account = account or writer.create(
        schema["Account"], {"Name": lead["Company"], "OwnerId": lead["OwnerId"]}
    )
    kept = ("LastName", "FirstName", "Title", "Email", "Phone", "MobilePhone", "OwnerId")
    fields = {name: lead[name] for name in kept if lead.get(name)}
    return writer.create(schema["Contact"], fields | {"AccountId": account})


def _deal_of(writer: Writer, lead: Row, contact: Row, given: Any) -> str | None:
    """An opportunity with the given fields; else named as the company, to close this quarter."""
    if given is None:
        return None
    fields = {
        "Name": lead["Company"],
        "StageName": _FIRST_STAGE,
        "CloseDate": _end_of_quarter(writer.org.now().date()),
        "AccountId": contact.get("AccountId"),
        "OwnerId": lead["OwnerId"],
        "ContactId": contact["Id"],
    }
    return writer.create(writer.org.schema["Opportunity"], fields | given)


def _end_of_quarter(today: date) -> str:
    months = today.year * 12 + (today.month + 2) // 3 * 3
    return (date(months // 12, months % 12 + 1, 1) - timedelta(days=1)).isoformat()


def _reparent(org: Org, old: str, new: str) -> None:
    """Rows that can refer to the new record do so; others (a message's Lead__c) stay."""
    kind = getattr(org.object_of(new), "name", "")
    for child, field, row in children(org, old):
        if kind in field.to:
            org.change(child, row["Id"], {field.name: new})
