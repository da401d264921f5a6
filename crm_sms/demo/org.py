"""The org before the first text: its users, accounts, people and deals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from crm_sms.demo.words import Deal, Person, Rep, Script
from crm_sms.sandbox.salesforce import Salesforce

Ids = dict[str, str]
"""The CRM's id of everything that the script names."""


def fill(org: Salesforce, script: Script, start: datetime) -> Ids:
    """Make the records; ids by the script's own names."""
    ids: Ids = {}
    manager = Rep(script.manager, "Max Boss")
    _add(org, ids, "User", {rep.ref: _user(rep) for rep in (*script.reps, manager)})
    people = [person for person in script.people if person.appears is None]
    accounts = sorted({person.account for person in script.people if person.account})
    _add(org, ids, "Account", {ref: {"Name": f"Company {ref[1:]}"} for ref in accounts})
    for name in ("Contact", "Lead"):
        mine = [person for person in people if person.object == name]
        _add(org, ids, name, {person.ref: person_fields(person, ids) for person in mine})
    close = (start + timedelta(days=60)).date().isoformat()
    deals = {deal.ref: _deal(deal, ids, close) for deal in script.deals}
    _add(org, ids, "Opportunity", deals)
    _create(org, "OpportunityContactRole", [r for deal in script.deals for r in _roles(deal, ids)])
    left = [{"Id": ids[rep.ref], "IsActive": False} for rep in script.reps if not rep.active]
    org.seed({"op": "update", "object": "User", "records": left})
    return ids


def person_fields(person: Person, ids: Mapping[str, str]) -> dict[str, Any]:
    """What somebody types in to make this contact or lead."""
    fields: dict[str, Any] = {
        "FirstName": person.first_name,
        "LastName": person.last_name,
        person.phone_field: person.phone,
        "OwnerId": ids[person.rep],
    }
    if person.account:
        return {**fields, "AccountId": ids[person.account]}
    return {**fields, "Company": f"{person.last_name} Ltd"}


def _user(rep: Rep) -> dict[str, Any]:
    address = f"{rep.ref}@demo.example.com"
    first, last = rep.name.split()
    return {"FirstName": first, "LastName": last, "Username": address, "Email": address}


def _deal(deal: Deal, ids: Mapping[str, str], close: str) -> dict[str, Any]:
    owner = ids[deal.rep]
    fields = {"Name": deal.name, "StageName": deal.stage, "CloseDate": close}
    return {**fields, "OwnerId": owner, "Amount": 1000}


def _roles(deal: Deal, ids: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "OpportunityId": ids[deal.ref],
            "ContactId": ids[person],
            "IsPrimary": person == deal.primary,
        }
        for person in deal.people
    ]


def _add(org: Salesforce, ids: Ids, name: str, records: Mapping[str, Mapping[str, Any]]) -> None:
    ids.update(zip(records, _create(org, name, list(records.values())), strict=True))


def _create(org: Salesforce, name: str, records: Sequence[Mapping[str, Any]]) -> list[str]:
    made = org.seed({"op": "create", "object": name, "records": [dict(one) for one in records]})
    return list(made["results"][0])
