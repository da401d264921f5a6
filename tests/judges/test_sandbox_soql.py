"""The sandbox's SOQL against a parser that others wrote: what it refuses, the sandbox refuses."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.lark import from_lark

from crm_sms.sandbox.salesforce import soql
from crm_sms.sandbox.salesforce.clauses import parser
from crm_sms.sandbox.salesforce.refusals import RequestRefused

pytestmark = pytest.mark.judges

TESTS = Path(__file__).resolve().parents[1]
NODE = TESTS / "judges" / "node"

#: What the judge refuses; each was put to it before it was written down, and is again below.
REFUSED_BY_THE_JUDGE = [
    "SELECT FROM Contact",
    "SELECT Id FROM",
    "SELECT Id Contact",
    "SELECT Id, FROM Contact",
    "SELECT * FROM Contact",
    "SELECT COUNT(*) FROM Contact",
    "SELECT Id FROM Contact WHERE",
    "SELECT Id FROM Contact WHERE Name == 'x'",
    "SELECT Id FROM Contact WHERE Name = 'x",
    'SELECT Id FROM Contact WHERE Name = "x"',
    "SELECT Id FROM Contact WHERE 'x' = Name",
    "SELECT Id FROM Contact WHERE Name IS NULL",
    "SELECT Id FROM Contact WHERE Name NOT LIKE 'x'",
    "SELECT Id FROM Contact WHERE Name IN ()",
    "SELECT Id FROM Contact WHERE Score BETWEEN 1 AND 2",
    "SELECT Id FROM Contact WHERE Score = 1e3",
    "SELECT Id FROM Contact WHERE (Name = 'x'",
    "SELECT Id FROM Contact WHERE CreatedDate = 2026-01-01T00:00:00",
    "SELECT Id FROM Contact LIMIT x",
    "SELECT Id FROM Contact LIMIT -1",
    "SELECT Id FROM Contact LIMIT +5",
    "SELECT Id FROM Contact OFFSET 3 LIMIT 4",
    "SELECT Id FROM Contact ORDER Name",
    "SELECT Id FROM Contact WHERE Name = 'x' ORDER BY",
    "SELECT Id FROM Contact JOIN Account",
    "SELECT Id FROM Contact; DELETE",
    "UPDATE Contact SET Name = 'x'",
]

KEYWORDS = (
    *("SELECT", "FROM", "COUNT", "WHERE", "AND", "OR", "NOT", "IN"),
    *("ORDER", "BY", "NULLS", "LIMIT", "OFFSET"),
)

Judge = Callable[[Sequence[str]], set[str]]


@pytest.fixture(scope="session")
def judge(shared: Path) -> Judge:
    """Takes queries and returns those that are not SOQL."""
    if not (NODE / "node_modules").is_dir():
        pytest.fail(f"the judge is missing: run npm install --no-package-lock in {NODE}")

    def run(queries: Sequence[str]) -> set[str]:
        lines = [" ".join(query.split()) for query in queries]
        done = subprocess.run(
            ["node", str(shared / "judges" / "soql.mjs")],
            input="\n".join(lines),
            cwd=NODE,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not done.stderr, done.stderr
        invalid = {line.removeprefix("INVALID ") for line in done.stdout.splitlines()}
        return {query for query, line in zip(queries, lines, strict=True) if line in invalid}

    return run


def accepted(query: str) -> bool:
    try:
        soql.parse(query)
    except RequestRefused:
        return False
    return True


def queries_in_tests() -> list[str]:
    """Every text in the sandbox's tests that begins like a query."""
    found = set()
    for file in (TESTS / "sandbox" / "salesforce").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return sorted(text for text in found if text[:7].upper() == "SELECT ")


def test_the_judge_can_tell(judge: Judge) -> None:
    """It passes a query and stops what is none; otherwise the tests below would say nothing."""
    good = "SELECT Id FROM Contact"
    assert judge([good, *REFUSED_BY_THE_JUDGE]) == set(REFUSED_BY_THE_JUDGE)


@pytest.mark.parametrize("query", REFUSED_BY_THE_JUDGE)
def test_what_the_judge_refuses_is_refused(query: str) -> None:
    """The sandbox takes none of the queries that the judge refuses."""
    assert not accepted(query)


def test_every_query_of_the_tests_that_is_accepted_is_soql(judge: Judge) -> None:
    """What the sandbox's own tests ask and get answered, the judge reads as well."""
    queries = [query for query in queries_in_tests() if accepted(query)]
    assert len(queries) > 30
    assert judge(queries) == set()


def test_whatever_the_grammar_makes_is_soql(judge: Judge) -> None:
    """Sentences made from the sandbox's grammar at random are SOQL to the judge."""
    sentences: list[str] = []

    @settings(
        max_examples=300,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(from_lark(parser("soql", "clauses"), explicit=WORDS))
    def make(sentence: str) -> None:
        sentences.append(sentence)

    make()
    made = sorted({sentence for sentence in sentences if accepted(sentence)})
    assert len(made) > 100
    assert judge(made) == set()


def word(text: str) -> st.SearchStrategy[str]:
    return st.sampled_from([f" {text} ", f" {text.lower()} "])


#: What the terminals are made of: words with room around them, literals of every kind.
WORDS = {
    **{f"_{keyword}": word(keyword) for keyword in KEYWORDS},
    "NAME": st.sampled_from(["Contact", "SMS_Message__c"]),
    "PATH": st.sampled_from(["Id", "Name", "SMS_Key__c", "Owner.Name", "Contact__r.Account.Name"]),
    "STRING": st.sampled_from(["'x'", "''", r"'it\'s'", "'50%'", "'+15551234567'"]),
    "WHOLE": st.sampled_from(["0", "7", "2000"]),
    "NUMBER": st.sampled_from(["0", "1", "200", "-3", "4.5"]),
    "DATE": st.just("2026-11-20"),
    "DATETIME": st.sampled_from(["2026-11-20T10:00:00Z", "2026-11-20T10:00:00.000+02:00"]),
    "BOOLEAN": st.sampled_from(["true", "FALSE"]),
    "NULL": st.just("null"),
    "LIKE": word("LIKE"),
    "DIRECTION": st.sampled_from([" ASC ", " DESC "]),
    "NULLS_PLACE": st.sampled_from([" FIRST ", " LAST "]),
}
