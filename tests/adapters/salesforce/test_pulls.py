"""What changed in the org, against the sandbox."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from crm_sms.errors import AccessRefused, TryLater
from crm_sms.records import (
    Columns,
    MirrorPart,
    Opportunity,
    Owner,
    OwnTask,
    Page,
    Person,
    PersonKind,
    Phone,
    Pull,
    Role,
)

Org = Any
CONTACTS = Columns(
    "Contact",
    PersonKind.CONTACT,
    ("MobilePhone", "Phone"),
    "SMS_Opt_Out__c",
    ("Title", "LeadSource"),
)
LEADS = Columns("Lead", PersonKind.LEAD, ("MobilePhone",), "SMS_Opt_Out__c")


def rows(org: Org, pull: Pull) -> list[Any]:
    """All rows of a pull."""
    return [row for page in org.crm().pull(pull) for row in page.rows]


def people(org: Org, columns: Columns = CONTACTS, since: datetime | None = None) -> list[Person]:
    """All people of a pull."""
    return rows(org, Pull(MirrorPart.PEOPLE, since, columns))


def test_contact_with_everything(org: Org) -> None:
    """Phones in the order they are tried, the flag, and the columns asked for."""
    (account,) = org.create("Account", {"Name": "Acme"})
    (id,) = org.create(
        "Contact",
        {
            "LastName": "Lovelace",
            "FirstName": "Ada",
            "AccountId": account,
            "Phone": "(202) 555-0100",
            "MobilePhone": "+12025550101",
            "SMS_Opt_Out__c": True,
            "Title": "Countess",
        },
    )
    (owner,) = org.rows("SELECT Id FROM User LIMIT 1")
    assert people(org) == [
        Person(
            object="Contact",
            id=id,
            kind=PersonKind.CONTACT,
            modified_at=org.sandbox.clock.now(),
            name="Ada Lovelace",
            owner_id=owner["Id"],
            account_id=account,
            phones=(Phone("MobilePhone", "+12025550101"), Phone("Phone", "(202) 555-0100")),
            opted_out=True,
            fields={"Title": "Countess", "LeadSource": None},
        )
    ]


def test_empty_phones_are_left_out(org: Org) -> None:
    """A person without a number has no phones, and an unset flag is a no."""
    org.create("Contact", {"LastName": "Ada"})
    (person,) = people(org)
    assert (person.phones, person.opted_out, person.account_id) == ((), False, None)


def test_hidden_columns_are_left_out(org: Org) -> None:
    """A hidden phone or column is absent, a hidden flag is not known rather than no."""
    hidden = ("MobilePhone", "SMS_Opt_Out__c", "Title", "AccountId")
    org.create("Contact", {"LastName": "Ada", "Phone": "1", "Title": "x"})
    org.fault("hidden", fields=[f"Contact.{name}" for name in hidden])
    (person,) = people(org)
    assert person.phones == (Phone("Phone", "1"),)
    assert person.opted_out is None
    assert person.fields == {"LeadSource": None}


def test_columns_asked_for_twice_or_in_another_case(org: Org) -> None:
    """A mapping may name a phone among its columns, spelt as the admin likes."""
    org.create("Contact", {"LastName": "Ada", "Phone": "1", "Title": "x"})
    columns = Columns("Contact", PersonKind.CONTACT, ("phone",), None, ("TITLE", "Phone", "Name"))
    (person,) = people(org, columns)
    assert person.phones == (Phone("phone", "1"),)
    assert person.fields == {"TITLE": "x", "Phone": "1", "Name": "Ada"}


def test_column_hidden_during_the_life_of_a_client(org: Org) -> None:
    """The pull that meets it asks what is still to be seen, and goes on without the column."""
    org.create("Contact", {"LastName": "Ada", "Title": "x"})
    crm = org.crm()
    pull = Pull(MirrorPart.PEOPLE, None, CONTACTS)
    assert next(crm.pull(pull)).rows
    org.fault("hidden", fields=["Contact.Title"])
    before = crm.calls
    (row,) = next(crm.pull(pull)).rows
    assert isinstance(row, Person)
    assert "Title" not in row.fields
    assert crm.calls - before == 3, "the refused query, a description, the query without the column"


def test_a_refusal_that_no_hidden_column_explains_stands(org: Org) -> None:
    """It is not asked for in a circle."""
    crm = org.crm()
    pull = Pull(MirrorPart.PEOPLE, None, CONTACTS)
    list(crm.pull(pull))
    body = {"status": 400, "body": "json", "code": "INVALID_FIELD", "message": "no"}
    org.fault("status", match={"path": "/query"}, **body)
    before = crm.calls
    with pytest.raises(AccessRefused, match="INVALID_FIELD"):
        next(crm.pull(pull))
    assert crm.calls - before == 2, "the query and a description"


def test_an_object_hidden_during_the_life_of_a_client(org: Org) -> None:
    """The refusal names it, as if it had never been seen."""
    crm = org.crm()
    pull = Pull(MirrorPart.PEOPLE, None, CONTACTS)
    list(crm.pull(pull))
    body = {"status": 400, "body": "json", "code": "INVALID_TYPE", "message": "sObject type"}
    org.fault("status", match={"path": "/query"}, **body)
    org.fault(
        "status", match={"path": "/describe"}, **(body | {"status": 404, "code": "NOT_FOUND"})
    )
    with pytest.raises(AccessRefused, match="our user does not see Contact"):
        next(crm.pull(pull))


def test_object_that_we_do_not_see(org: Org) -> None:
    """The admin is told which object the permission set lacks."""
    columns = Columns("Nowhere__c", PersonKind.CONTACT, ())
    with pytest.raises(AccessRefused, match="our user does not see Nowhere__c"):
        people(org, columns)


def test_without_its_key_no_task_is_pulled(org: Org) -> None:
    """The field is named, and what to do; the query is not even asked."""
    org.fault("hidden", fields=["Task.SMS_Key__c"])
    crm = org.crm()
    with pytest.raises(AccessRefused, match=r"does not see Task\.SMS_Key__c: make the field"):
        next(crm.pull(Pull(MirrorPart.TASKS, None, key_field="SMS_Key__c")))
    assert crm.calls == 1, "the description alone"


def test_a_version_that_the_org_does_not_serve_is_what_is_told(org: Org) -> None:
    """It looks as if every object were hidden."""
    with pytest.raises(AccessRefused, match=r"does not serve 99\.0: set api_version to"):
        next(org.crm(api_version="99.0").pull(Pull(MirrorPart.OWNERS)))


def test_only_changes_since_the_watermark_oldest_first(org: Org) -> None:
    """The watermark is inclusive, and order is that of change, then of id."""
    first, second, third = org.create("Contact", *({"LastName": name} for name in "abc"))
    start = org.sandbox.clock.now()
    org.sandbox.clock.advance(60)
    org.seed("update", object="Contact", records=[{"Id": second, "Title": "x"}])
    org.sandbox.clock.advance(60)
    org.seed("update", object="Contact", records=[{"Id": first, "Title": "x"}])
    assert [p.id for p in people(org)] == [third, second, first]
    assert [p.id for p in people(org, since=start + timedelta(seconds=60))] == [second, first]
    assert [p.id for p in people(org, since=start + timedelta(seconds=61))] == [first]
    last = start + timedelta(seconds=120)
    assert [p.id for p in people(org, since=last)] == [first]
    assert people(org, since=last + timedelta(seconds=1)) == []


def test_deleted_and_merged_people_come_as_deleted(org: Org) -> None:
    """Deletions are changes; the loser of a merge is one."""
    master, loser, gone = org.create("Contact", *({"LastName": name} for name in "abc"))
    org.seed("delete", ids=[gone])
    org.seed("merge", object="Contact", master=master, losers=[loser])
    assert {p.id: p.deleted for p in people(org)} == {master: False, loser: True, gone: True}


def test_converted_leads_come_as_deleted(org: Org) -> None:
    """A converted lead can be neither texted nor written any more."""
    lead, kept = org.create("Lead", *({"LastName": n, "Company": "C"} for n in "ab"))
    org.seed("convert", lead=lead, contact=None, account=None)
    found = people(org, LEADS)
    assert {p.id: p.deleted for p in found} == {lead: True, kept: False}
    assert {p.kind for p in found} == {PersonKind.LEAD}
    assert {p.account_id for p in found} == {None}


def test_who_took_the_place_of_somebody_who_is_gone(org: Org) -> None:
    """The master of a merge, a lead's contact; nobody of one who was deleted or is back."""
    master, loser, gone, back = org.create("Contact", *({"LastName": name} for name in "abcd"))
    [lead] = org.create("Lead", {"LastName": "e", "Company": "C"})
    org.seed("delete", ids=[gone])
    org.seed("merge", object="Contact", master=master, losers=[loser, back])
    org.seed("undelete", ids=[back])
    org.seed("convert", lead=lead, contact=master)
    found = {p.id: p.became for p in [*people(org), *people(org, LEADS)]}
    assert found == {master: None, loser: master, gone: None, back: None, lead: master}


def test_more_than_a_page_of_people(org: Org) -> None:
    """Pages hold 2,000 rows and say how many there are in all."""
    ids = org.create("Contact", *({"LastName": f"P{n}"} for n in range(4500)))
    crm = org.crm()
    pages: list[Page] = list(crm.pull(Pull(MirrorPart.PEOPLE, None, CONTACTS)))
    assert [len(page.rows) for page in pages] == [2000, 2000, 500]
    assert {page.total for page in pages} == {4500}
    assert [row.id for page in pages for row in page.rows] == ids
    assert crm.calls == 4  # one describe, three pages


def test_pages_that_expire_are_asked_for_again(org: Org) -> None:
    """A locator that the org has closed ends the pull as something to try later."""
    org.create("Contact", *({"LastName": f"P{n}"} for n in range(2001)))
    crm = org.crm()
    pages = crm.pull(Pull(MirrorPart.PEOPLE, None, CONTACTS))
    assert len(next(pages).rows) == 2000
    gone = {"status": 400, "body": "json", "code": "INVALID_QUERY_LOCATOR"}
    org.fault("status", times=1, match={"path": "/query/"}, **gone)
    with pytest.raises(TryLater, match="INVALID_QUERY_LOCATOR"):
        next(pages)
    assert sum(len(page.rows) for page in crm.pull(Pull(MirrorPart.PEOPLE, None, CONTACTS))) == 2001


def test_owners(org: Org) -> None:
    """Users, also those who have left."""
    user = {"LastName": "Left", "Username": "l@x.example", "Email": "l@x.example"}
    (id,) = org.create("User", user | {"IsActive": False})
    found = {owner.id: owner for owner in rows(org, Pull(MirrorPart.OWNERS))}
    assert found[id] == Owner(id, "Left", org.sandbox.clock.now(), "l@x.example", active=False)
    assert len(found) == 2


def test_opportunities_open_and_closed(org: Org) -> None:
    """A closed or deleted opportunity comes too, since it was open before."""
    deal = {"Name": "Deal", "CloseDate": "2026-12-31", "StageName": "Prospecting"}
    open_, won, gone = org.create(
        "Opportunity",
        deal | {"Amount": 12.5},
        deal | {"StageName": "Closed Won"},
        deal,
    )
    org.seed("delete", ids=[gone])
    found = {o.id: o for o in rows(org, Pull(MirrorPart.OPPORTUNITIES))}
    owner = found[open_].owner_id
    assert owner is not None
    now = org.sandbox.clock.now()
    assert found[open_] == Opportunity(
        open_,
        "Deal",
        now,
        owner_id=owner,
        stage="Prospecting",
        amount=12.5,
        close_date=date(2026, 12, 31),
    )
    assert (found[won].open, found[won].won, found[won].amount) == (False, True, None)
    assert (found[gone].deleted, found[won].deleted) == (True, False)


def test_hidden_amount_is_none(org: Org) -> None:
    """Many orgs hide amounts from integrations."""
    deal = {"Name": "Deal", "CloseDate": "2026-12-31", "StageName": "Prospecting", "Amount": 1}
    org.create("Opportunity", deal)
    org.fault("hidden", fields=["Opportunity.Amount"])
    (found,) = rows(org, Pull(MirrorPart.OPPORTUNITIES))
    assert found.amount is None


def test_roles(org: Org) -> None:
    """Who takes part in which deal, the primary one marked, removals included."""
    ada, bob = org.create("Contact", {"LastName": "Ada"}, {"LastName": "Bob"})
    deal = {"Name": "Deal", "CloseDate": "2026-12-31", "StageName": "Prospecting"}
    (opportunity,) = org.create("Opportunity", deal)
    primary, other = org.create(
        "OpportunityContactRole",
        {
            "OpportunityId": opportunity,
            "ContactId": ada,
            "Role": "Decision Maker",
            "IsPrimary": True,
        },
        {"OpportunityId": opportunity, "ContactId": bob},
    )
    org.seed("delete", ids=[other])
    now = org.sandbox.clock.now()
    assert rows(org, Pull(MirrorPart.ROLES)) == [
        Role(primary, opportunity, ada, now, "Decision Maker", primary=True),
        Role(other, opportunity, bob, now, deleted=True),
    ]


def test_only_our_own_tasks(org: Org) -> None:
    """Tasks without our key are nobody's business; closed and deleted ones are told apart."""
    org.create("Task", {"Subject": "theirs"})
    open_, closed, gone = org.create(
        "Task",
        {"Subject": "a", "SMS_Key__c": "t1"},
        {"Subject": "b", "SMS_Key__c": "t2", "Status": "Completed"},
        {"Subject": "c", "SMS_Key__c": "t3"},
    )
    org.seed("delete", ids=[gone])
    now = org.sandbox.clock.now()
    assert rows(org, Pull(MirrorPart.TASKS, key_field="SMS_Key__c")) == [
        OwnTask(open_, "t1", now),
        OwnTask(closed, "t2", now, closed=True),
        OwnTask(gone, "t3", now, deleted=True),
    ]
    later = now + timedelta(seconds=1)
    assert rows(org, Pull(MirrorPart.TASKS, later, key_field="SMS_Key__c")) == []


def test_describe_of_the_mapping_check_is_used(org: Org) -> None:
    """What was described once is not asked for again by each pull."""
    crm = org.crm()
    crm.describe(["Contact"])
    before = crm.calls
    list(crm.pull(Pull(MirrorPart.PEOPLE, None, CONTACTS)))
    list(crm.pull(Pull(MirrorPart.PEOPLE, None, CONTACTS)))
    assert crm.calls - before == 2
