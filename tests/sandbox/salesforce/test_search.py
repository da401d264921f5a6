"""SOSL: phone numbers by their digits, over contacts and leads at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.sandbox.salesforce import sosl
from crm_sms.sandbox.salesforce.numbers import Numbers
from crm_sms.sandbox.salesforce.refusals import RequestRefused

RETURNING = "IN PHONE FIELDS RETURNING Contact(Id), Lead(Id)"


def search(api: Any, text: str) -> list[dict[str, Any]]:
    answer = api("GET", "search", params={"q": text})
    assert answer.status_code == 200, answer.text
    return answer.json()["searchRecords"]


def ids(api: Any, words: str, rest: str = RETURNING) -> list[str]:
    return [row["Id"] for row in search(api, f"FIND {{{words}}} {rest}")]


def refused(api: Any, text: str) -> str:
    answer = api("GET", "search", params={"q": text})
    assert answer.status_code == 400, answer.text
    return answer.json()[0]["errorCode"]


@pytest.mark.parametrize(
    ("stored", "found"),
    [
        ("5551234567", True),
        ("(555) 123-4567", True),
        ("555.123.4567", True),
        ("+1 555 123 4567", True),
        ("1-555-123-4567", True),
        ("+15551234567", False),
        ("(555) 123-4568", False),
        ("55512345678", False),
    ],
)
def test_a_number_is_found_by_its_digits(api: Any, stored: str, found: bool) -> None:
    """All of them, or those from one of its groups on; never a part of a group."""
    (one,) = api.people("Contact", {"LastName": "A", "MobilePhone": stored})
    assert ids(api, '"5551234567"') == ([one] if found else [])
    assert ids(api, '"555 123\\-4567"') == ([one] if found else [])


def test_every_phone_field_is_searched(api: Any) -> None:
    """Of contacts and leads; other fields are not."""
    names = ("Phone", "MobilePhone", "HomePhone", "OtherPhone", "AssistantPhone", "Fax")
    made = api.people("Contact", *({"LastName": "A", name: "5551234"} for name in names))
    made += api.people("Lead", {"LastName": "A", "Company": "C", "Phone": "5551234"})
    api.people("Contact", {"LastName": "A", "Department": "5551234"})
    assert ids(api, "5551234") == made


def test_what_is_asked_of_each_object(api: Any) -> None:
    """Fields with attributes, a filter, an order, a limit; objects in the order of RETURNING."""
    contacts = api.people("Contact", *({"LastName": n, "Phone": "5551234"} for n in "bac"))
    lead, converted = api.people(
        "Lead", *({"LastName": n, "Company": "C", "Phone": "5551234"} for n in "xy")
    )
    api.seed({"op": "convert", "lead": converted, "contact": contacts[0]})
    rows = search(
        api,
        "FIND {5551234} IN PHONE FIELDS RETURNING Lead(Id, Company WHERE IsConverted = false), "
        "Contact(LastName, Owner.Name WHERE LastName != 'c' ORDER BY LastName LIMIT 1)",
    )
    assert [row["attributes"]["type"] for row in rows] == ["Lead", "Contact"]
    assert (rows[0]["Id"], rows[0]["Company"]) == (lead, "C")
    assert (rows[1]["LastName"], rows[1]["Owner"]["Name"]) == ("a", "Integration")


def test_an_object_without_fields_gives_ids(api: Any) -> None:
    """As Salesforce does."""
    (one,) = api.people("Contact", {"LastName": "A", "Phone": "5551234"})
    (row,) = search(api, "FIND {5551234} IN PHONE FIELDS RETURNING Contact")
    assert set(row) == {"attributes", "Id"}
    assert row["Id"] == one


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("1110000 OR 2220000", "abc"),
        ("1110000 AND 2220000", "c"),
        ("1110000 2220000", "c"),
        ('"1110000" or "2220000"', "abc"),
        ("1110000 AND NOT 2220000", "a"),
        ("(1110000 OR 3330000) AND 2220000", "c"),
        ("3330000 OR 1110000 AND 2220000", "cd"),
        ("111*", "ac"),
        ("111* OR 333*", "acd"),
        ("nothing", ""),
    ],
)
def test_operators(api: Any, words: str, found: str) -> None:
    """AND where none stands; AND NOT before AND before OR; a star ends a word."""
    numbers = {"a": ("1110000",), "b": ("2220000",), "c": ("1110000", "2220000"), "d": ("3330000",)}
    for name, both in numbers.items():
        api.people("Contact", {"LastName": name} | dict(zip(("Phone", "Fax"), both, strict=False)))
    rows = search(api, f"FIND {{{words}}} IN PHONE FIELDS RETURNING Contact(LastName)")
    assert "".join(row["LastName"] for row in rows) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SELECT Id FROM Contact",
        "FIND {5551234}",
        "FIND {5551234} RETURNING Contact(Id)",
        "FIND {5551234} IN ALL FIELDS RETURNING Contact(Id)",
        "FIND '5551234' IN PHONE FIELDS RETURNING Contact(Id)",
        "FIND {5551234} IN PHONE FIELDS",
        "FIND {5551234} IN PHONE FIELDS RETURNING Contact()",
        "FIND {5551234} IN PHONE FIELDS RETURNING Contact(COUNT())",
        "FIND {5551234} IN PHONE FIELDS RETURNING Contact(Id), contact(Id)",
        "FIND {5551234} IN PHONE FIELDS RETURNING Contact(Id) WITH SNIPPET",
        "FIND {5551234} IN PHONE FIELDS RETURNING Contact(Id WHERE Name LIKE 5 OR)",
        "FIND {} IN PHONE FIELDS RETURNING Contact(Id)",
        "FIND {5} IN PHONE FIELDS RETURNING Contact(Id)",
        "FIND {+15551234} IN PHONE FIELDS RETURNING Contact(Id)",
        'FIND {"555-1234"} IN PHONE FIELDS RETURNING Contact(Id)',
        "FIND {(555) 1234} IN PHONE FIELDS RETURNING Contact(Id) LIMIT",
        "FIND {55?1234} IN PHONE FIELDS RETURNING Contact(Id)",
        "FIND {*1234} IN PHONE FIELDS RETURNING Contact(Id)",
        "FIND {1234 OR} IN PHONE FIELDS RETURNING Contact(Id)",
    ],
)
def test_what_the_grammar_does_not_know_is_refused(api: Any, text: str) -> None:
    """MALFORMED_SEARCH; reserved characters must be escaped, in quotes too."""
    assert refused(api, text) == "MALFORMED_SEARCH"


def test_unknown_names_are_refused_as_in_a_query(api: Any) -> None:
    """INVALID_TYPE, INVALID_FIELD; hidden fields are unknown and are not searched."""
    find = "FIND {5551234} IN PHONE FIELDS RETURNING"
    assert refused(api, f"{find} Nope(Id)") == "INVALID_TYPE"
    assert refused(api, f"{find} Contact(Nope)") == "INVALID_FIELD"
    assert refused(api, f"{find} Contact(Id WHERE Nope = '1')") == "INVALID_FIELD"
    api.people("Contact", {"LastName": "A", "Phone": "5551234"})
    api.fault("hidden", fields=["Contact.Phone"])
    assert refused(api, f"{find} Contact(Phone)") == "INVALID_FIELD"
    assert ids(api, "5551234") == []


def test_what_is_gone_or_not_shown_is_not_found(api: Any) -> None:
    """Deleted records, records that sharing hides, changed numbers."""
    kept, moved, deleted, unseen = api.people(
        "Contact", *({"LastName": "A", "Phone": "5551234"} for _ in range(4))
    )
    assert ids(api, "5551234") == [kept, moved, deleted, unseen]
    api.seed({"op": "delete", "ids": [deleted]})
    api("PATCH", f"sobjects/Contact/{moved}", {"Phone": "5559999"})
    api.fault("record_access", ids=[unseen], access="none")
    assert ids(api, "5551234") == [kept]
    assert ids(api, "5559999") == [moved]


def test_a_person_is_found_as_an_account(api: Any) -> None:
    """Its contact is in no search."""
    api.seed({"op": "enable", "feature": "person_accounts"})
    (account,) = api.people("Account", {"LastName": "Doe", "PersonMobilePhone": "5551234"})
    rest = "IN PHONE FIELDS RETURNING Contact(Id), Account(Id, PersonContactId)"
    assert ids(api, "5551234", rest) == [account]


class TestLimits:
    """Long texts and many rows."""

    @pytest.fixture
    def both(self, api: Any) -> list[str]:
        return api.people("Contact", *({"LastName": "A", "Phone": n} for n in ("111", "222")))

    @pytest.mark.parametrize(
        ("length", "found"), [(4_000, 0), (4_001, 2), (10_000, 2), (10_001, 0)]
    )
    def test_long_texts(self, api: Any, both: list[str], length: int, found: int) -> None:
        """Over 4,000 characters any word will do; over 10,000 there are no rows."""
        words = "111 AND 222 AND NOT 111"
        words += " " * (length - len(words))
        assert len(ids(api, words)) == found

    def test_two_thousand_rows(self, api: Any) -> None:
        """Over all objects; LIMIT makes it less."""
        api.people("Contact", *({"LastName": "A", "Phone": "111"} for _ in range(1_500)))
        leads = ({"LastName": "A", "Company": "C", "Phone": "111"} for _ in range(600))
        api.people("Lead", *leads)
        found = ids(api, "111")
        assert (len(found), sum(one.startswith("003") for one in found)) == (2_000, 1_500)
        assert len(ids(api, "111", f"{RETURNING} LIMIT 7")) == 7


def test_a_search_in_a_composite_is_one_call(api: Any) -> None:
    """It is counted by its kind, and does not count as a query of the five."""
    url = "/services/data/v66.0/search?q=FIND%20%7B111%7D%20IN%20PHONE%20FIELDS%20RETURNING%20Lead"
    parts = [{"method": "GET", "url": url, "referenceId": f"r{n}"} for n in range(6)]
    answer = api("POST", "composite", {"compositeRequest": parts}).json()["compositeResponse"]
    assert [part["body"] for part in answer] == [{"searchRecords": []}] * 6
    search(api, "FIND {111} IN PHONE FIELDS RETURNING Lead")
    assert api.sandbox.salesforce.stats()["by_kind"] == {"composite": 1, "search": 1}


@given(st.text(max_size=30))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """Whatever stands in the braces, and whatever stands for the whole."""
    codes = set()
    for whole in (text, f"FIND {{{text}}} IN PHONE FIELDS RETURNING Contact"):
        try:
            sosl.parse(whole)
        except RequestRefused as error:
            codes.add(error.code)
    assert codes <= {"MALFORMED_SEARCH"}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.text("12 -", max_size=6)), max_size=12))
def test_the_index_knows_what_rows_hold_now(puts: list[tuple[str, str]]) -> None:
    """Rows come, are replaced and go: it finds what a look at all of them finds."""
    numbers, rows = Numbers(["Phone"]), {}
    for record_id, phone in puts:
        if record_id in rows:
            numbers.discard(rows[record_id])
        rows[record_id] = {"Id": record_id, "Phone": phone}
        numbers.add(rows[record_id])
    for wanted in ("1", "12", "2", "21"):
        fresh = Numbers(["Phone"])
        for row in rows.values():
            fresh.add(row)
        assert numbers.find(wanted) == fresh.find(wanted)
        assert numbers.find(wanted, prefix=True) == fresh.find(wanted, prefix=True)
