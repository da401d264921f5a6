"""People by the phones that somebody typed, against the sandbox."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.errors import QuotaEnded, TryLater
from crm_sms.phone import variants
from crm_sms.records import Columns, Person, PersonKind, Phone
from crm_sms_salesforce.lookups import TERMS_PER_SEARCH
from crm_sms_salesforce.soql import MAX_STATEMENT, find_phones, select_by_phones

Org = Any
JANE, BERT = "+12025550123", "+442079460000"
CONTACTS = Columns(
    "Contact", PersonKind.CONTACT, ("MobilePhone", "Phone"), "SMS_Opt_Out__c", ("Title",)
)
LEADS = Columns("Lead", PersonKind.LEAD, ("MobilePhone",), "SMS_Opt_Out__c")
BOTH = (CONTACTS, LEADS)


def contact(org: Org, number: str, **fields: Any) -> str:
    """A contact with this mobile phone; its id."""
    made: list[str] = org.create("Contact", {"LastName": "Doe", "MobilePhone": number, **fields})
    return made[0]


def found(org: Org, *numbers: str) -> set[str]:
    """Ids of those found by their numbers."""
    return {person.id for person in org.crm().find_people(BOTH, numbers or (JANE,))}


@pytest.mark.parametrize("spelling", [*variants(JANE), *variants(BERT)])
def test_everybody_is_found_by_each_spelling_in_one_call(org: Org, spelling: str) -> None:
    """In any of the phone fields, of contacts and of leads; nobody else is."""
    ids = {contact(org, spelling), contact(org, "", Phone=spelling)}
    ids |= set(org.create("Lead", {"LastName": "Roe", "Company": "Acme", "MobilePhone": spelling}))
    contact(org, "(202) 555-0199")
    crm = org.crm()
    crm.describe(["Contact", "Lead"])
    before = crm.calls
    people = crm.find_people(BOTH, [JANE, BERT])
    assert {person.id for person in people} == ids
    assert len(people) == 3
    assert crm.calls - before == 1


def test_who_is_found_comes_as_a_pull_brings_them(org: Org) -> None:
    """With the phones as they stand and every column that the mirror takes."""
    id = contact(org, "(202) 555-0123", Title="CEO", Phone="n/a")
    (person,) = org.crm().find_people(BOTH, [JANE])
    assert (person.object, person.id, person.kind) == ("Contact", id, PersonKind.CONTACT)
    assert person.phones == (Phone("MobilePhone", "(202) 555-0123"), Phone("Phone", "n/a"))
    assert person.fields == {"Title": "CEO"}
    assert person.opted_out is False
    assert isinstance(person, Person)


def test_who_is_gone_is_not_found(org: Org) -> None:
    """Neither deleted people nor leads that became somebody else."""
    gone = contact(org, JANE)
    org.seed("delete", ids=[gone])
    (lead,) = org.create("Lead", {"LastName": "Roe", "Company": "Acme", "MobilePhone": JANE})
    org.seed("convert", lead=lead, contact=None, account=None)
    left = {row["Id"] for row in org.rows("SELECT Id FROM Contact WHERE IsDeleted = false")}
    assert found(org) == left
    assert len(left) == 1


def test_hidden_fields_and_objects_are_left_out(org: Org) -> None:
    """Somebody whose phone our user does not see cannot be found by it; the others can."""
    seen, _ = contact(org, "", Phone=JANE), contact(org, JANE)
    org.create("Lead", {"LastName": "Roe", "Company": "Acme", "MobilePhone": JANE})
    org.fault("hidden", fields=["Contact.MobilePhone"])
    org.fault("object_access", objects=["Lead"], access="none")
    assert found(org) == {seen}


def test_a_field_that_is_hidden_meanwhile_is_left_out_at_once(org: Org) -> None:
    """A client that knew it looks again."""
    seen = contact(org, "", Phone=JANE)
    crm = org.crm()
    assert len(crm.find_people(BOTH, [JANE])) == 1
    org.fault("hidden", fields=["Contact.MobilePhone", "Contact.Title"])
    assert [person.id for person in crm.find_people(BOTH, [JANE])] == [seen]


def test_an_org_that_hides_every_phone_is_not_asked(org: Org) -> None:
    """There is nothing to look in."""
    contact(org, JANE)
    org.fault("hidden", fields=[f"Contact.{name}" for name in CONTACTS.phones])
    org.fault("hidden", fields=["Lead.MobilePhone"])
    assert found(org) == set()


SPELLINGS = ("+12025550123", "(202) 555-0123", "202/555.0123", "1 202 555 01 23")
SLOW = [
    {"kind": "slow_query", "rows": 5},  # as many as are found, one less than there are
    {"kind": "status", "match": {"path": "/composite"}, "status": 400, "body": "json"}
    | {"code": "QUERY_TOO_COMPLICATED", "message": "the query is too complicated"},
    {"kind": "drop", "when": "before_commit", "match": {"path": "/composite"}},
]


@pytest.mark.parametrize("fault", SLOW, ids=["timeout", "too complicated", "no answer"])
def test_what_is_too_slow_is_searched_for_by_its_digits(org: Org, fault: dict[str, Any]) -> None:
    """Phones are hardly ever indexed: in a large org a query may not come to its end. The search
    minds no marks, so it finds more spellings, and also who has more digits in front."""
    ids = {contact(org, spelling) for spelling in SPELLINGS}
    ids.add(contact(org, "(44) 202 555-0123"))
    ids |= set(org.create("Lead", {"LastName": "Roe", "Company": "Acme", "MobilePhone": JANE}))
    contact(org, "(202) 555-0199")
    org.sandbox.salesforce.faults.add(fault)
    assert found(org) == ids


@pytest.mark.parametrize("rows", [None, 2], ids=["query", "search"])
def test_a_person_account_is_found_as_its_contact(org: Org, rows: int | None) -> None:
    """Also by a search, which knows it as an account only; companies are nobody."""
    org.seed("enable", feature="person_accounts")
    phones = {"PersonMobilePhone": "(202) 555-0123"}
    (account,) = org.create("Account", {"LastName": "Doe", **phones})
    org.create("Account", {"Name": "Acme", "Phone": JANE})
    for line in (98, 99):
        contact(org, f"(202) 555-01{line}")
    [row] = org.rows(f"SELECT PersonContactId FROM Account WHERE Id = '{account}'")
    if rows is not None:
        org.fault("slow_query", rows=rows)
    (person,) = org.crm().find_people(BOTH, [JANE])
    assert (person.id, person.account_id) == (row["PersonContactId"], account)
    assert person.phones == (Phone("MobilePhone", "(202) 555-0123"),)


def test_a_search_that_found_too_many_is_halved(org: Org) -> None:
    """Rows beyond 2,000 are silently missing."""
    numbers = [f"+1202555{line:04}" for line in range(4)]
    for number in numbers:
        org.create("Contact", *({"LastName": "Doe", "MobilePhone": number} for _ in range(700)))
    contact(org, "")
    org.fault("slow_query", rows=2800)
    assert len(found(org, *numbers)) == 2800


def test_an_ended_quota_is_no_reason_to_search(org: Org) -> None:
    """Nor is an org that is down: whoever asks tries later."""
    org.fault("quota", remaining=0)
    with pytest.raises(QuotaEnded):
        found(org)
    org.sandbox.salesforce.faults.clear()
    org.fault("status", status=503)
    with pytest.raises(TryLater):
        found(org)


def test_a_thousand_numbers_cost_a_few_calls(org: Org) -> None:
    """As many as one request of the core may ask for."""
    numbers = [f"+1202555{line:04}" for line in range(1000)]
    ids = {contact(org, numbers[0]), contact(org, "202.555.0999")}
    crm = org.crm()
    crm.describe(["Contact", "Lead"])
    before = crm.calls
    assert {person.id for person in crm.find_people(BOTH, numbers)} == ids
    assert crm.calls - before <= 3


@given(
    st.lists(st.integers(0, 999_999_999), min_size=1, max_size=1500, unique=True),
    st.integers(1, 4),
)
def test_statements_stay_within_the_limit_and_lose_no_spelling(
    lines: list[int], fields: int
) -> None:
    """However many numbers, and in however many fields they are looked for."""
    names = ["MobilePhone", "Phone", "HomePhone", "OtherPhone"][:fields]
    spellings = [f"+1{line:010}" for line in lines]
    statements = list(select_by_phones("Contact", names, spellings, ["Id"]))
    assert all(len(statement) <= MAX_STATEMENT for statement in statements)
    asked = [spelling for one in statements for spelling in re.findall(r"'([^']*)'", one)]
    assert sorted(asked) == sorted(spellings * fields)
    for name in names:
        assert all(f"{name} IN (" in statement for statement in statements)


@given(st.lists(st.from_regex(r"[0-9]{7,16}", fullmatch=True), min_size=1, max_size=400))
def test_a_search_text_keeps_its_operators(terms: list[str]) -> None:
    """Above 4,000 characters Salesforce drops them."""
    text = find_phones("Contact", terms[:TERMS_PER_SEARCH], ["Id"])
    assert len(text[text.index("{") + 1 : text.index("}")]) <= 4000
    assert text.count('"') == 2 * len(terms[:TERMS_PER_SEARCH])


@pytest.mark.parametrize("term", ["", "1}", '1" OR "2', "٣", "+1"])
def test_a_search_is_for_digits_only(term: str) -> None:
    """Nothing that Salesforce could take for more than a number gets into it."""
    with pytest.raises(ValueError, match="digits"):
        find_phones("Contact", [term], ["Id"])
