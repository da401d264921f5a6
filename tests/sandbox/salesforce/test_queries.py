"""Queries over HTTP: shapes of answers, pages, parents, types, refusals."""

from __future__ import annotations

from typing import Any

import pytest
import requests


@pytest.fixture
def filled(api: Any) -> Any:
    """An account, two users, three contacts, a task and a message."""
    (rep,) = api.people(
        "User", {"LastName": "Rep", "Username": "r@x.example", "Email": "r@x.example"}
    )
    (acme,) = api.people("Account", {"Name": "Acme", "OwnerId": rep})
    api.ids = api.people(
        "Contact",
        {
            "LastName": "Ann",
            "AccountId": acme,
            "OwnerId": rep,
            "MobilePhone": "+1555",
            "SMS_Score__c": 1,
        },
        {"LastName": "bob", "AccountId": acme, "SMS_Score__c": 2.5},
        {"LastName": "Cy", "SMS_Opt_Out__c": True},
    )
    api.people("Task", {"Subject": "Call", "WhoId": api.ids[0], "WhatId": acme})
    api.people("SMS_Message__c", {"Message_Key__c": "k", "Contact__c": api.ids[0]})
    api.rep, api.acme = rep, acme
    return api


def test_the_answer_has_the_shape_of_an_orgs(filled: Any) -> None:
    """totalSize, done, records with attributes; empty fields are null."""
    answer = filled.query("SELECT Id, MobilePhone FROM Contact WHERE LastName = 'Cy'")
    assert answer == {
        "totalSize": 1,
        "done": True,
        "records": [
            {
                "attributes": {
                    "type": "Contact",
                    "url": f"/services/data/v66.0/sobjects/Contact/{filled.ids[2]}",
                },
                "Id": filled.ids[2],
                "MobilePhone": None,
            }
        ],
    }


def test_names_in_any_case_come_out_in_their_own(filled: Any) -> None:
    """Fields, relationships and objects are found whatever the case."""
    rows = filled.rows("SELECT ID, lastname, OWNER.name FROM contact WHERE LASTNAME = 'ann'")
    assert list(rows[0]) == ["Id", "LastName", "Owner"]


def test_parents_are_nested_with_their_attributes(filled: Any) -> None:
    """Up to several levels; a missing parent is null."""
    rows = filled.rows(
        "SELECT LastName, Account.Name, Account.Owner.Name FROM Contact ORDER BY LastName"
    )
    account = rows[0]["Account"]
    assert account["attributes"]["type"] == "Account"
    assert (account["Name"], account["Owner"]["Name"]) == ("Acme", "Rep")
    assert account["Owner"]["attributes"]["url"].endswith(filled.rep)
    assert rows[2]["Account"] is None


def test_custom_relationships_end_in_r(filled: Any) -> None:
    """`Contact__r` leads from a message to its contact."""
    rows = filled.rows("SELECT Contact__r.LastName, Contact__r.Account.Name FROM SMS_Message__c")
    assert rows[0]["Contact__r"]["LastName"] == "Ann"


def test_parents_of_several_kinds(filled: Any) -> None:
    """`Who` and `What` know a name and a type."""
    rows = filled.rows("SELECT Who.Name, Who.Type, What.Type, What.Name FROM Task")
    assert (rows[0]["Who"]["Name"], rows[0]["Who"]["Type"]) == ("Ann", "Contact")
    assert (rows[0]["What"]["Name"], rows[0]["What"]["Type"]) == ("Acme", "Account")
    assert filled.rows("SELECT Id FROM Task WHERE Who.Type = 'Lead'") == []
    assert len(filled.rows("SELECT Id FROM Task WHERE Who.Type = 'Contact'")) == 1


def test_filter_and_order_by_parents(filled: Any) -> None:
    """Paths stand in WHERE and ORDER BY as well."""
    rows = filled.rows(
        "SELECT LastName FROM Contact WHERE Account.Name = 'acme' AND Owner.IsActive = true "
        "ORDER BY Owner.Name DESC, LastName"
    )
    assert [row["LastName"] for row in rows] == ["Ann", "bob"]
    assert len(filled.rows("SELECT Id FROM Contact WHERE Account.Name = null")) == 1


def test_count(filled: Any) -> None:
    """COUNT() gives totalSize and no records."""
    answer = filled.query("SELECT COUNT() FROM Contact WHERE SMS_Score__c > 1")
    assert answer == {"totalSize": 1, "done": True, "records": []}


def test_system_tables_can_be_asked(filled: Any) -> None:
    """Statuses, priorities and stages are rows."""
    closed = filled.rows("SELECT MasterLabel FROM TaskStatus WHERE IsClosed = true")
    assert closed == [{"MasterLabel": "Completed"}]
    assert filled.rows("SELECT MasterLabel FROM TaskPriority WHERE IsHighPriority = true") == [
        {"MasterLabel": "High"}
    ]
    won = filled.rows(
        "SELECT MasterLabel, DefaultProbability FROM OpportunityStage WHERE IsWon = true"
    )
    assert won == [{"MasterLabel": "Closed Won", "DefaultProbability": 100}]


@pytest.mark.parametrize(
    ("soql", "code", "words"),
    [
        ("SELECT Nope FROM Contact", "INVALID_FIELD", "No such column 'Nope' on entity 'Contact'"),
        ("SELECT Id FROM Contact WHERE Nope = 1", "INVALID_FIELD", "No such column 'Nope'"),
        ("SELECT Id FROM Contact ORDER BY Nope", "INVALID_FIELD", "No such column 'Nope'"),
        ("SELECT Nope.Name FROM Contact", "INVALID_FIELD", "relationship 'Nope'"),
        ("SELECT Owner.Nope FROM Contact", "INVALID_FIELD", "on entity 'User'"),
        ("SELECT Who.MobilePhone FROM Task", "INVALID_FIELD", "on entity 'Name'"),
        ("SELECT Id FROM Nope", "INVALID_TYPE", "sObject type 'Nope' is not supported"),
        ("SELECT Id, Name, id FROM Contact", "INVALID_FIELD", "duplicate field selected: id"),
        (
            "SELECT Id FROM Contact WHERE CreatedDate > '2026-01-01T00:00:00Z'",
            "INVALID_FIELD",
            "'CreatedDate' must be of type dateTime and should not be enclosed in quotes",
        ),
        (
            "SELECT Id FROM Contact WHERE CreatedDate > 2026-01-01",
            "INVALID_FIELD",
            "must be of type dateTime",
        ),
        (
            "SELECT Id FROM Contact WHERE Birthdate = 2026-01-01T00:00:00Z",
            "INVALID_FIELD",
            "must be of type date and should not",
        ),
        (
            "SELECT Id FROM Contact WHERE SMS_Score__c = '1'",
            "INVALID_FIELD",
            "must be of type double and should not be enclosed in quotes",
        ),
        (
            "SELECT Id FROM Contact WHERE LastName = 5",
            "INVALID_FIELD",
            "must be of type string and should be enclosed in quotes",
        ),
        (
            "SELECT Id FROM Contact WHERE LastName IN ('a', 5)",
            "INVALID_FIELD",
            "enclosed in quotes",
        ),
        ("SELECT Id FROM Contact WHERE LastName LIKE 5", "INVALID_FIELD", "enclosed in quotes"),
        ("SELECT Id FROM Contact WHERE IsDeleted = 'true'", "INVALID_FIELD", "type boolean"),
        ("SELECT Id FROM Contact WHERE IsDeleted = null", "INVALID_FIELD", "type boolean"),
        (
            "SELECT Id FROM Contact WHERE IsDeleted > true",
            "INVALID_QUERY_FILTER_OPERATOR",
            "boolean",
        ),
        ("SELECT Id FROM Contact WHERE IsDeleted IN (true)", "INVALID_QUERY_FILTER_OPERATOR", ""),
        ("SELECT Id FROM Contact WHERE Id = 'abc'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID"),
        (
            "SELECT Id FROM Contact WHERE AccountId = 'x'",
            "INVALID_QUERY_FILTER_OPERATOR",
            "invalid ID",
        ),
        ("SELECT Id FROM Contact WHERE Id LIKE '003%'", "INVALID_QUERY_FILTER_OPERATOR", ""),
        ("SELECT Id FROM Contact WHERE SMS_Score__c LIKE '1'", "INVALID_QUERY_FILTER_OPERATOR", ""),
        ("SELECT Id FROM Contact WHERE LastName > null", "INVALID_QUERY_FILTER_OPERATOR", ""),
        (
            "SELECT Id FROM Contact WHERE Description = 'x'",
            "INVALID_FIELD",
            "'Description' can not be filtered in a query call",
        ),
        ("SELECT Id FROM SMS_Message__c WHERE Body__c LIKE '%x%'", "INVALID_FIELD", "filtered"),
        ("SELECT Id FROM Contact ORDER BY Description", "INVALID_FIELD", "can not be sorted"),
        ("SELECT Id FROM Contact WHERE Birthdate = 2026-02-30", "MALFORMED_QUERY", "invalid date"),
        (
            "SELECT Id FROM Contact WHERE CreatedDate = 2026-01-01T25:00:00Z",
            "MALFORMED_QUERY",
            "invalid datetime",
        ),
        (r"SELECT Id FROM Contact WHERE LastName = 'a\_b'", "MALFORMED_QUERY", "LIKE only"),
        ("SELECT Id FROM Contact WHERE LastName", "MALFORMED_QUERY", "unexpected end"),
        ("SELECT Id FROM Contact LIMIT 1 OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "2000"),
    ],
)
def test_what_is_refused(api: Any, soql: str, code: str, words: str) -> None:
    """400 with Salesforce's code, and words that say where and what."""
    assert api.refused(soql)[0] == code
    assert words in api.refused(soql)[1]


def test_nothing_climbs_more_than_five_parents(api: Any) -> None:
    """A sixth step is not understood."""
    five = ".".join(["Owner", *["Manager"] * 4])
    assert api.query(f"SELECT {five}.Name FROM Contact")["totalSize"] == 0
    assert api.refused(f"SELECT {five}.Manager.Name FROM Contact")[0] == "INVALID_FIELD"


def test_a_plus_in_the_address_is_a_space(filled: Any) -> None:
    """A number written raw into the address loses its plus; encoded it is found."""
    base = f"{filled.sandbox.url}/services/data/v66.0/query?q="
    soql = "SELECT+Id+FROM+Contact+WHERE+MobilePhone+=+'{}1555'"
    headers = filled.session.headers
    raw = requests.get(base + soql.format("+"), headers=headers, timeout=10).json()
    encoded = requests.get(base + soql.format("%2B"), headers=headers, timeout=10).json()
    assert (raw["totalSize"], encoded["totalSize"]) == (0, 1)


class TestPages:
    """2,000 rows a page, or fewer if asked."""

    def test_the_first_page_names_the_next(self, api: Any) -> None:
        """nextRecordsUrl until done; every row once."""
        ids = api.people("Contact", *({"LastName": "A"} for _ in range(4001)))
        page = api.query("SELECT Id FROM Contact ORDER BY Id")
        assert (page["totalSize"], page["done"], len(page["records"])) == (4001, False, 2000)
        seen = [row["Id"] for row in page["records"]]
        while not page["done"]:
            page = api("GET", page["nextRecordsUrl"]).json()
            seen += [row["Id"] for row in page["records"]]
        assert seen == ids
        assert "nextRecordsUrl" not in page

    def test_exactly_a_page_is_done(self, api: Any) -> None:
        """2,000 rows need no second page."""
        api.people("Contact", *({"LastName": "A"} for _ in range(2000)))
        assert api.query("SELECT Id FROM Contact")["done"] is True

    @pytest.mark.parametrize(("asked", "given"), [(200, 200), (1, 200), (9999, 250)])
    def test_smaller_pages(self, api: Any, asked: int, given: int) -> None:
        """Sforce-Query-Options asks for 200 to 2,000 rows."""
        api.people("Contact", *({"LastName": "A"} for _ in range(250)))
        headers = {"Sforce-Query-Options": f"batchSize={asked}"}
        params = {"q": "SELECT Id FROM Contact"}
        page = api("GET", "query", params=params, headers=headers).json()
        assert len(page["records"]) == given

    def test_a_page_is_of_the_time_of_the_query(self, api: Any) -> None:
        """Rows made or changed in between neither shift the pages nor show in them."""
        ids = api.people("Contact", *({"LastName": "A"} for _ in range(250)))
        headers = {"Sforce-Query-Options": "batchSize=200"}
        params = {"q": "SELECT Id, LastName FROM Contact ORDER BY Id"}
        page = api("GET", "query", params=params, headers=headers).json()
        api.seed({"op": "delete", "ids": ids[:10]})
        api.people("Contact", {"LastName": "B"})
        rest = api("GET", page["nextRecordsUrl"]).json()
        assert [row["Id"] for row in rest["records"]] == ids[200:]

    def test_ten_open_results(self, api: Any) -> None:
        """The eleventh closes the oldest."""
        api.people("Contact", *({"LastName": "A"} for _ in range(250)))
        headers = {"Sforce-Query-Options": "batchSize=200"}
        params = {"q": "SELECT Id FROM Contact"}
        urls = [
            api("GET", "query", params=params, headers=headers).json()["nextRecordsUrl"]
            for _ in range(11)
        ]
        assert api("GET", urls[0]).json()[0]["errorCode"] == "INVALID_QUERY_LOCATOR"
        assert api("GET", urls[1]).status_code == 200


def test_a_condition_may_be_long(api: Any) -> None:
    """Two thousand alternatives, and as many that must all hold."""
    api.people("Contact", {"LastName": "n1999"}, {"LastName": "other"})
    where = " OR ".join(f"LastName = 'n{n}'" for n in range(2_000))
    part = {
        "method": "GET",
        "url": f"/services/data/v66.0/query?q=SELECT LastName FROM Contact WHERE {where}",
        "referenceId": "a",
    }
    answer = api("POST", "composite", {"compositeRequest": [part]}).json()["compositeResponse"]
    assert [row["LastName"] for row in answer[0]["body"]["records"]] == ["n1999"]
    part["url"] = part["url"].replace(" OR ", " AND ").replace("=", "!=").replace("?q!=", "?q=")
    answer = api("POST", "composite", {"compositeRequest": [part]}).json()["compositeResponse"]
    assert [row["LastName"] for row in answer[0]["body"]["records"]] == ["other"]
