"""Person accounts: an account and a contact that are one person, and stay alike."""

from __future__ import annotations

from crm_sms.sandbox.salesforce.org import Org
from crm_sms.sandbox.salesforce.refusals import Refused, no_access
from crm_sms.sandbox.salesforce.schema import SObject, person_fields
from crm_sms.sandbox.salesforce.table import Row


def full_name(row: Row) -> str:
    """What a person is called."""
    parts = (row.get("FirstName"), row.get("LastName"))
    return " ".join(part for part in parts if part)


def complete_account(org: Org, row: Row, before: Row) -> None:
    """An account with a last name is a person; it has no name but that person's."""
    if "IsPersonAccount" not in org.schema["Account"].fields:
        return
    row["IsPersonAccount"] = before.get("IsPersonAccount", bool(row.get("LastName")))
    if row["IsPersonAccount"]:
        if row.get("Name") not in (None, before.get("Name")):
            raise _bad_fields(["Name"])
        row["Name"] = full_name(row)
        return
    persons = [name for name in person_fields(org.schema["Contact"]) if row.get(name)]
    wrong = [name for name in persons if name not in ("Phone", "Fax")]
    if wrong:
        raise _bad_fields(wrong)


def check_contact(org: Org, row: Row, before: Row) -> None:
    """A person's contact stays with its account, and no other contact comes to it."""
    if row.get("AccountId") == before.get("AccountId"):
        return
    account = org.row(row.get("AccountId", "")) or {}
    if before.get("IsPersonAccount") or account.get("IsPersonAccount"):
        raise Refused(
            "FIELD_INTEGRITY_EXCEPTION",
            "Account ID: a person account has one contact, which cannot be moved",
            ["AccountId"],
        )


def check_deletion(obj: SObject, row: Row) -> None:
    """A person's contact goes with its account only."""
    if obj.name == "Contact" and row.get("IsPersonAccount"):
        raise no_access()


def show_on_contact(org: Org, row: Row, before: Row) -> None:
    """The contact has what was written to the account; it is made with the account."""
    if not row.get("IsPersonAccount"):
        return
    contact = org.schema["Contact"]
    shown = {held: row.get(name) for name, held in person_fields(contact).items()}
    fields = shown | {"Name": row["Name"], "OwnerId": row["OwnerId"]}
    if row.get("PersonContactId"):
        org.change(contact, row["PersonContactId"], fields)
        return
    made = org.insert(contact, fields | {"AccountId": row["Id"], "IsPersonAccount": True})
    org.change(org.schema["Account"], row["Id"], {"PersonContactId": made["Id"]})


def show_on_account(org: Org, row: Row, before: Row) -> None:
    """The account has what was written to the contact."""
    if row.get("IsPersonAccount"):
        fields = {
            name: row.get(held) for name, held in person_fields(org.schema["Contact"]).items()
        }
        fields |= {"Name": row["Name"], "OwnerId": row["OwnerId"]}
        org.change(org.schema["Account"], row["AccountId"], fields)


def _bad_fields(names: list[str]) -> Refused:
    return Refused(
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        f"Account: bad field names on insert/update call: {', '.join(names)}",
        names,
    )
