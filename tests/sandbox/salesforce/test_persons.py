"""Person accounts: an account and a contact that are one person."""

from __future__ import annotations

from typing import Any

import pytest
import requests


def send(api: Any, *operations: dict[str, Any]) -> requests.Response:
    url = f"{api.sandbox.url}/_sandbox/salesforce/records"
    return requests.post(url, json=list(operations), timeout=10)


def code(answer: requests.Response) -> str:
    assert answer.status_code >= 400, answer.text
    return answer.json()[0]["errorCode"]


@pytest.fixture
def jane(api: Any) -> tuple[str, str]:
    """A person account and its contact."""
    api.seed({"op": "enable", "feature": "person_accounts"})
    (account,) = api.people(
        "Account", {"LastName": "Doe", "FirstName": "Jane", "PersonMobilePhone": "+1555"}
    )
    return account, api.get("Account", account)["PersonContactId"]


def test_an_org_without_them_knows_nothing_of_them(api: Any) -> None:
    """Neither fields nor relationships."""
    assert api.refused("SELECT IsPersonAccount FROM Contact")[0] == "INVALID_FIELD"
    assert api.refused("SELECT PersonMobilePhone FROM Account")[0] == "INVALID_FIELD"


def test_what_was_there_before_is_no_person(api: Any) -> None:
    """Enabling changes no record's stamp and makes no record a person."""
    (account,) = api.people("Account", {"Name": "Acme"})
    (contact,) = api.people("Contact", {"LastName": "A", "AccountId": account})
    before = api.rows("SELECT Id, SystemModstamp FROM Contact")
    api.sandbox.clock.advance(60)
    api.seed({"op": "enable", "feature": "person_accounts"})
    assert api.rows("SELECT Id, SystemModstamp FROM Contact") == before
    assert api.get("Contact", contact)["IsPersonAccount"] is False
    assert api.get("Account", account)["IsPersonAccount"] is False
    assert api.get("Contact", contact)["AccountId"] == account


def test_enabling_stands_first(api: Any) -> None:
    """It cannot be undone, so it does not follow what may have to be."""
    made = {"op": "create", "object": "Contact", "records": [{"LastName": "A"}]}
    enable = {"op": "enable", "feature": "person_accounts"}
    assert code(send(api, made, enable)) == "BAD_OPERATION"
    assert api.rows("SELECT Id FROM Contact") == []
    assert code(send(api, {"op": "enable", "feature": "other"})) == "BAD_OPERATION"


def test_a_contact_comes_with_the_account(api: Any, jane: tuple[str, str]) -> None:
    """With the account's person fields; both say that they are one person."""
    account, contact = jane
    made = api.get("Contact", contact)
    assert (made["Name"], made["MobilePhone"], made["AccountId"]) == ("Jane Doe", "+1555", account)
    assert made["IsPersonAccount"] is api.get("Account", account)["IsPersonAccount"] is True
    assert api.rows("SELECT Name, PersonContact.MobilePhone FROM Account")[0]["Name"] == "Jane Doe"


def test_what_is_written_to_one_shows_on_the_other(api: Any, jane: tuple[str, str]) -> None:
    """Standard and custom fields, names and owners; the stamps stay the same."""
    account, contact = jane
    api.sandbox.clock.advance(60)
    changes = {"PersonMobilePhone": "+1666", "SMS_Opt_Out__pc": True, "LastName": "Roe"}
    assert api("PATCH", f"sobjects/Account/{account}", changes).status_code == 204
    shown = api.get("Contact", contact)
    assert (shown["MobilePhone"], shown["SMS_Opt_Out__c"]) == ("+1666", True)
    assert shown["Name"] == api.get("Account", account)["Name"] == "Jane Roe"
    assert shown["SystemModstamp"] == api.get("Account", account)["SystemModstamp"]
    api.sandbox.clock.advance(60)
    changes = {"SMS_Opt_Out__c": False, "MobilePhone": None}
    assert api("PATCH", f"sobjects/Contact/{contact}", changes).status_code == 204
    shown = api.get("Account", account)
    assert (shown["PersonMobilePhone"], shown["SMS_Opt_Out__pc"]) == (None, False)
    assert shown["SystemModstamp"] == api.get("Contact", contact)["SystemModstamp"]


def test_fields_of_the_other_kind_are_refused(api: Any, jane: tuple[str, str]) -> None:
    """A person has no account name, a company no person's fields."""
    account, _ = jane
    bad = "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert code(api("PATCH", f"sobjects/Account/{account}", {"Name": "Acme"})) == bad
    assert code(api("POST", "sobjects/Account", {"Name": "Acme", "LastName": "Doe"})) == bad
    company = api.create("Account", Name="Acme", Phone="1")
    assert code(api("PATCH", f"sobjects/Account/{company}", {"PersonEmail": "a@x.example"})) == bad
    assert code(api("POST", "sobjects/Account", {"Phone": "1"})) == "REQUIRED_FIELD_MISSING"


def test_the_contact_stays_where_it_is(api: Any, jane: tuple[str, str]) -> None:
    """It is neither moved, nor deleted alone, nor joined by another."""
    account, contact = jane
    company = api.create("Account", Name="Acme")
    moved = api("PATCH", f"sobjects/Contact/{contact}", {"AccountId": company})
    assert code(moved) == "FIELD_INTEGRITY_EXCEPTION"
    joined = api("POST", "sobjects/Contact", {"LastName": "A", "AccountId": account})
    assert code(joined) == "FIELD_INTEGRITY_EXCEPTION"
    deleted = api("DELETE", f"sobjects/Contact/{contact}")
    assert code(deleted) == "INSUFFICIENT_ACCESS_OR_READONLY"


def test_both_are_deleted_and_come_back(api: Any, jane: tuple[str, str]) -> None:
    """With the account."""
    account, contact = jane
    api.seed({"op": "delete", "ids": [account]})
    assert api.rows("SELECT Id FROM Contact") == []
    api.seed({"op": "undelete", "ids": [account]})
    assert api.rows("SELECT Id, AccountId FROM Contact") == [{"Id": contact, "AccountId": account}]


def test_merged_as_accounts(api: Any, jane: tuple[str, str]) -> None:
    """Contacts follow; a task of the loser's contact hangs on the winner's."""
    account, contact = jane
    (loser,) = api.people("Account", {"LastName": "Doe"})
    lost = api.get("Account", loser)["PersonContactId"]
    task = api.create("Task", WhoId=lost)
    api.seed({"op": "merge", "object": "Account", "master": account, "losers": [loser]})
    rows = api.rows("SELECT Id, MasterRecordId FROM Contact WHERE IsDeleted = true", deleted=True)
    assert rows == [{"Id": lost, "MasterRecordId": contact}]
    assert api.get("Task", task)["WhoId"] == contact
    assert api.get("Account", account)["PersonContactId"] == contact


def test_persons_and_companies_do_not_merge(api: Any, jane: tuple[str, str]) -> None:
    """Nor do the contacts of persons."""
    account, contact = jane
    company = api.create("Account", Name="Acme")
    other = api.create("Contact", LastName="A")
    merge = {"op": "merge", "object": "Account", "master": account, "losers": [company]}
    assert code(send(api, merge)) == "INVALID_OPERATION"
    merge = {"op": "merge", "object": "Contact", "master": contact, "losers": [other]}
    assert code(send(api, merge)) == "INVALID_OPERATION"
