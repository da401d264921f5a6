"""The grammar: what it reads, and what it refuses as MALFORMED_QUERY."""

from __future__ import annotations

import pytest

from crm_sms.sandbox.salesforce import clauses, soql, syntax
from crm_sms.sandbox.salesforce.refusals import RequestRefused

ACCEPTED = [
    "SELECT Id FROM Contact",
    "select id, name from contact",
    "SELECT Id, Owner.Name, Account.Owner.Email FROM Contact",
    "SELECT COUNT() FROM Contact",
    "SELECT count() FROM Contact WHERE Name = 'x' LIMIT 5",
    "SELECT Id FROM Contact WHERE Name = 'O\\'Brien'",
    "SELECT Id FROM Contact WHERE Name = 'caf\\u00e9'",
    "SELECT Id FROM Contact WHERE Name != null AND IsDeleted = FALSE",
    "SELECT Id FROM Contact WHERE Name <> 'x'",
    "SELECT Id FROM Contact WHERE (A__c = 1 AND B__c = 2) OR C__c = 3",
    "SELECT Id FROM Contact WHERE A__c = 1 OR (B__c = 2 AND C__c = 3)",
    "SELECT Id FROM Contact WHERE NOT Name LIKE 'x%'",
    "SELECT Id FROM Contact WHERE (NOT Name LIKE 'x%') AND Phone != null",
    "SELECT Id FROM Contact WHERE Name LIKE '50\\% of\\_it'",
    "SELECT Id FROM Contact WHERE Phone IN ('a', 'b') AND Email NOT IN ('c')",
    "SELECT Id FROM Contact WHERE Amount__c >= -1.5 AND Amount__c < +10",
    "SELECT Id FROM Contact WHERE CreatedDate > 2026-11-20T15:48:22Z",
    "SELECT Id FROM Contact WHERE CreatedDate <= 2026-11-20T15:48:22.123+02:00",
    "SELECT Id FROM Contact WHERE Birthdate = 1999-12-31",
    "SELECT Id FROM Contact ORDER BY Name",
    "SELECT Id FROM Contact ORDER BY Name DESC NULLS LAST, Id ASC NULLS FIRST",
    "SELECT Id\nFROM Contact\n\tWHERE Name = 'x'\nLIMIT 10 OFFSET 20",
    "SELECT Id FROM Contact LIMIT 0 OFFSET 2000",
    "SELECT Id FROM Contact WHERE IsDeleted = true ORDER BY SystemModstamp, Id LIMIT 2000",
]
REFUSED = [
    "",
    "SELECT",
    "SELECT FROM Contact",
    "SELECT Id FROM",
    "SELECT Id Contact",
    "SELECT Id, FROM Contact",
    "SELECT * FROM Contact",
    "SELECT DISTINCT Id FROM Contact",
    "SELECT COUNT(*) FROM Contact",
    "SELECT COUNT(Id) FROM Contact",
    "SELECT COUNT() FROM Contact ORDER BY Name",
    "SELECT Id FROM Contact c",
    "SELECT Id FROM Contact JOIN Account",
    "SELECT Id FROM Contact, Account",
    "SELECT Id FROM Contact;",
    "SELECT Id FROM Contact WHERE",
    "SELECT Id FROM Contact WHERE Name",
    "SELECT Id FROM Contact WHERE Name == 'x'",
    "SELECT Id FROM Contact WHERE Name = 'x",
    'SELECT Id FROM Contact WHERE Name = "x"',
    "SELECT Id FROM Contact WHERE Name = 'a\nb'",
    "SELECT Id FROM Contact WHERE Name = 'a\\qb'",
    "SELECT Id FROM Contact WHERE Name = x",
    "SELECT Id FROM Contact WHERE 'x' = Name",
    "SELECT Id FROM Contact WHERE Name IS NULL",
    "SELECT Id FROM Contact WHERE Name BETWEEN 1 AND 2",
    "SELECT Id FROM Contact WHERE Name IN ()",
    "SELECT Id FROM Contact WHERE Name IN 'x'",
    "SELECT Id FROM Contact WHERE Name NOT LIKE 'x'",
    "SELECT Id FROM Contact WHERE (Name = 'x'",
    "SELECT Id FROM Contact WHERE Name = 'x')",
    "SELECT Id FROM Contact WHERE A = 1 AND B = 2 OR C = 3",
    "SELECT Id FROM Contact WHERE A = 1 OR B = 2 AND C = 3",
    "SELECT Id FROM Contact WHERE NOT A = 1 AND B = 2",
    "SELECT Id FROM Contact WHERE A = 1e3",
    "SELECT Id FROM Contact WHERE CreatedDate > 2026-11-20T15:48:22",
    "SELECT Id FROM Contact WHERE CreatedDate > 2026-11-20T15:48:22+0000",
    "SELECT Id FROM Contact WHERE CreatedDate > 20.11.2026",
    "SELECT Id FROM Contact WHERE CreatedDate = TODAY",
    "SELECT Id FROM Contact WHERE CreatedDate = LAST_N_DAYS:3",
    "SELECT Id FROM Contact WHERE Id IN (SELECT ContactId FROM OpportunityContactRole)",
    "SELECT Id, (SELECT Id FROM Tasks) FROM Contact",
    "SELECT Name, COUNT(Id) FROM Contact GROUP BY Name",
    "SELECT Id FROM Contact ORDER Name",
    "SELECT Id FROM Contact ORDER BY",
    "SELECT Id FROM Contact ORDER BY Name UP",
    "SELECT Id FROM Contact LIMIT x",
    "SELECT Id FROM Contact LIMIT -1",
    "SELECT Id FROM Contact LIMIT 1.5",
    "SELECT Id FROM Contact LIMIT +5",
    "SELECT Id FROM Contact OFFSET 3",
    "SELECT Id FROM Contact OFFSET 3 LIMIT 4",
    "SELECT Id FROM Contact LIMIT 4 WHERE Name = 'x'",
    "SELECT Id FROM Contact FOR UPDATE",
    "SELECT FIELDS(ALL) FROM Contact LIMIT 200",
    "SELECTId FROM Contact",
    "SELECT Id FROM Contact WHEREName = 'x'",
    "SELECT Id FROM Contact LIMIT1",
    "SELECT Owner . Name FROM Contact",
    "SELECT Owner.Name. FROM Contact",
    "SELECT Id FROM Ns.Contact",
    "UPDATE Contact SET Name = 'x'",
    "FIND {x} RETURNING Contact",
]


def refusal(text: str) -> RequestRefused:
    with pytest.raises(RequestRefused) as caught:
        soql.parse(text)
    return caught.value


@pytest.mark.parametrize("text", ACCEPTED)
def test_reads(text: str) -> None:
    """Each of these is a query, and keeps its text for error messages."""
    assert soql.parse(text).text == text


@pytest.mark.parametrize("text", REFUSED)
def test_refuses(text: str) -> None:
    """Whatever the grammar does not know is MALFORMED_QUERY, 400."""
    refused = refusal(text)
    assert (refused.code, refused.status) == ("MALFORMED_QUERY", 400)


def test_a_query_is_read_into_its_parts() -> None:
    """Fields, object, condition, order, limit and offset come out as written."""
    query = soql.parse(
        "SELECT Id, Owner.Name FROM Contact WHERE (NOT Name LIKE 'a%') AND Phone IN ('1', null) "
        "ORDER BY Name DESC NULLS LAST, Id LIMIT 7 OFFSET 3"
    )
    assert [str(path) for path in query.fields] == ["Id", "Owner.Name"]
    assert (query.object, query.limit, query.offset) == ("Contact", 7, 3)
    assert [(str(o.path), o.descending, o.nulls_first) for o in query.order] == [
        ("Name", True, False),
        ("Id", False, True),
    ]
    assert isinstance(query.where, syntax.AllOf)
    negated, among = query.where.items
    assert isinstance(negated, syntax.NotOf)
    assert isinstance(among, syntax.Among)
    assert [literal.value for literal in among.literals] == ["1", None]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"'it\'s'", "it's"),
        (r"'\"quoted\"'", '"quoted"'),
        (r"'a\nb\tc\rd'", "a\nb\tc\rd"),
        (r"'caf\u00e9'", "café"),
        (r"'50\%'", r"50\%"),
        (r"'back\\slash'", r"back\\slash"),
        ("''", ""),
        ("42", 42),
        ("-4.5", -4.5),
        ("TRUE", True),
        ("false", False),
        ("NULL", None),
        ("2026-11-20", "2026-11-20"),
    ],
)
def test_literals(written: str, read: object) -> None:
    """Escapes are read; those of wildcards and of the backslash are kept for LIKE."""
    where = soql.parse(f"SELECT Id FROM Contact WHERE A = {written}").where
    assert isinstance(where, syntax.Compare)
    assert where.literal.value == read


def test_an_error_points_at_its_place() -> None:
    """Row and column of the token that does not fit, with an arrow under it."""
    message = refusal("SELECT Id\nFROM Contact WHERE Name == 'x'").message
    assert "ERROR at Row:2:Column:26" in message
    lines = message.splitlines()
    assert lines[1][lines[2].index("^")] == "="


def test_the_longest_statement() -> None:
    """100,000 characters pass, one more does not."""
    start = "SELECT Id FROM Contact WHERE Name = 'x'"
    assert soql.parse(start + " " * (clauses.MAX_STATEMENT - len(start))).object == "Contact"
    refused = refusal(start + " " * (clauses.MAX_STATEMENT - len(start) + 1))
    assert "100000" in refused.message


def test_the_longest_literal() -> None:
    """4,000 characters pass, one more does not."""
    assert soql.parse(f"SELECT Id FROM Contact WHERE Name = '{'x' * 4000}'").where is not None
    assert "4000" in refusal(f"SELECT Id FROM Contact WHERE Name = '{'x' * 4001}'").message


def test_the_greatest_offset() -> None:
    """2,000 rows may be skipped; 2,001 are NUMBER_OUTSIDE_VALID_RANGE."""
    assert soql.parse("SELECT Id FROM Contact LIMIT 1 OFFSET 2000").offset == 2000
    assert (
        refusal("SELECT Id FROM Contact LIMIT 1 OFFSET 2001").code == "NUMBER_OUTSIDE_VALID_RANGE"
    )


def test_names_may_look_like_words_of_the_language() -> None:
    """A field whose name begins with a keyword is a field."""
    query = soql.parse(
        "SELECT Order__c, Limited, Notes FROM Inbox WHERE Nullable = 1 ORDER BY Asc1"
    )
    assert [str(path) for path in query.fields] == ["Order__c", "Limited", "Notes"]
    assert [(str(o.path), o.descending) for o in query.order] == [("Asc1", False)]
