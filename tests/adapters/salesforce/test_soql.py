"""Every SOQL statement the adapter can send."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms_salesforce.soql import MAX_STATEMENT, select_by_key, select_changed

EPOCH = datetime(2000, 1, 1, tzinfo=timezone(timedelta(hours=9)))
UNESCAPED = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


def literals(statement: str) -> list[str]:
    """The string literals of a statement, read as Salesforce reads them."""
    found = re.findall(r"'((?:[^'\\]|\\.)*)'", statement, re.DOTALL)
    return [re.sub(r"\\(.)", lambda m: UNESCAPED.get(m[1], m[1]), text) for text in found]


def skeleton(statement: str) -> str:
    """The statement with its literals taken out."""
    return re.sub(r"'(?:[^'\\]|\\.)*'", "?", statement, flags=re.DOTALL)


def test_changes_in_order_of_change(now: datetime) -> None:
    """A pull asks for what changed at or after the watermark, oldest first."""
    assert select_changed("Contact", ["Id", "SystemModstamp"], now) == (
        "SELECT Id, SystemModstamp FROM Contact "
        "WHERE SystemModstamp >= 2026-11-20T15:48:22Z ORDER BY SystemModstamp, Id"
    )


def test_everything_without_a_watermark() -> None:
    """A first pull has no condition."""
    assert select_changed("User", ["Id"], None) == (
        "SELECT Id FROM User ORDER BY SystemModstamp, Id"
    )


def test_only_rows_with_a_key(now: datetime) -> None:
    """Tasks of ours are those that hold our key."""
    assert "WHERE SMS_Key__c != null ORDER" in select_changed("Task", ["Id"], None, "SMS_Key__c")
    both = select_changed("Task", ["Id"], now, "SMS_Key__c")
    assert "WHERE SMS_Key__c != null AND SystemModstamp >= 2026" in both


@given(st.timedeltas(timedelta(0), timedelta(days=20_000)).map(lambda age: EPOCH + age))
def test_watermark_is_never_later_than_asked(since: datetime) -> None:
    """The watermark is inclusive: it may be rounded down by less than a second, never up."""
    found = re.search(r">= (\S+)Z", select_changed("Contact", ["Id"], since))
    assert found is not None
    written = datetime.fromisoformat(found[1] + "+00:00")
    assert timedelta(0) <= since - written < timedelta(seconds=1)


@given(st.lists(st.text(max_size=40), min_size=1, max_size=8))
def test_literals_read_back_as_they_were(keys: list[str]) -> None:
    """No key, whatever it holds, breaks out of its literal or changes."""
    (statement,) = select_by_key("Task", "SMS_Key__c", keys, ["Id"])
    assert literals(statement) == keys
    marks = ",".join("?" * len(keys))
    assert skeleton(statement) == f"SELECT Id FROM Task WHERE SMS_Key__c IN ({marks})"


@given(st.integers(0, 1200), st.integers(1, 255), st.sampled_from(["a", "'", "\\", "é"]))
def test_statements_stay_within_the_limit_and_lose_no_key(n: int, size: int, mark: str) -> None:
    """Keys are spread over as many statements as the limit needs, each key once, in order."""
    keys = [f"{index}{mark * size}"[:255] for index in range(n)]
    statements = list(select_by_key("SMS_Message__c", "Message_Key__c", keys, ["Id"]))
    assert all(len(statement) <= MAX_STATEMENT for statement in statements)
    assert [key for statement in statements for key in literals(statement)] == keys


def test_a_thousand_numbers_fit_one_statement() -> None:
    """Short keys do not cost more than one query."""
    keys = [f"+1202555{index:04}" for index in range(1000)]
    assert len(list(select_by_key("Contact", "SMS_Phone_E164__c", keys, ["Id"]))) == 1


@pytest.mark.parametrize("name", ["Id FROM User--", "a b", "1x", "", "x'", "A..B", "é"])
def test_names_cannot_carry_code(name: str) -> None:
    """A name from a mapping file that is not a name is refused, wherever it stands."""
    with pytest.raises(ValueError, match="not a name"):
        select_changed(name, ["Id"], None)
    with pytest.raises(ValueError, match="not a name"):
        select_changed("Contact", [name], None)
    with pytest.raises(ValueError, match="not a name"):
        list(select_by_key("Contact", name, ["x"], ["Id"]))


def test_paths_to_parents_are_names() -> None:
    """A column may be reached over a lookup."""
    assert select_changed("Contact", ["Account.Name"], None).startswith("SELECT Account.Name ")
