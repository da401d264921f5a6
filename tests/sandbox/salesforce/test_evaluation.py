"""What a query finds, against a filter that knows nothing of indexes, plans or closures."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_sms.sandbox.salesforce import life, query
from crm_sms.sandbox.salesforce.org import Org

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NAMES = ["Ann", "ann", "Bob", "Zoë", "50% off", "a_b", "O'Brien"]
PHONES = ["+15551110000", "+15551110001", "(555) 111", "555"]
DATES = ["1999-12-31", "2001-01-01", "2026-03-02"]
NUMBERS = [0, 1, 2.5, 10]
MOMENTS = [START + timedelta(minutes=n) for n in range(4)]
FIELDS: dict[str, tuple[str, list[Any]]] = {
    "LastName": ("string", NAMES),
    "MobilePhone": ("string", PHONES),
    "SMS_Phone_E164__c": ("string", PHONES),
    "Birthdate": ("date", DATES),
    "SMS_Score__c": ("number", NUMBERS),
    "SMS_Opt_Out__c": ("boolean", [True, False]),
    "SystemModstamp": ("datetime", MOMENTS),
    "SMS_Last_Reply_At__c": ("datetime", MOMENTS),
}


@dataclass
class Clock:
    instant: datetime = START

    def now(self) -> datetime:
        return self.instant


def an_org() -> tuple[Org, list[dict[str, Any]]]:
    """An org with forty contacts, changed over four minutes, a few deleted; and its rows."""
    clock = Clock()
    org = Org(clock.now)
    for number in range(40):
        clock.instant = MOMENTS[number % 4]
        record: dict[str, Any] = {"LastName": NAMES[number % 7]}
        if number % 3:
            record |= {"MobilePhone": PHONES[number % 4], "SMS_Score__c": NUMBERS[number % 4]}
        if number % 5:
            record |= {"SMS_Phone_E164__c": PHONES[number % 3], "SMS_Opt_Out__c": number % 2 == 0}
        if number % 4:
            record |= {"Birthdate": DATES[number % 3]}
            moment = MOMENTS[number % 4].strftime("%Y-%m-%dT%H:%M:%SZ")
            record |= {"SMS_Last_Reply_At__c": moment}
        life.run(org, {"op": "create", "object": "Contact", "records": [record]})
    ids = sorted(org.tables["Contact"].rows)
    life.run(org, {"op": "delete", "ids": ids[::9]})
    return org, [org.tables["Contact"].rows[one] for one in ids]


ORG, ROWS = an_org()


def written(kind: str, value: Any) -> str:
    """A value as a SOQL literal."""
    if value is None:
        return "null"
    if kind == "string":
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"
    if kind == "datetime":
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(value).lower() if kind == "boolean" else str(value)


def plain(value: Any) -> Any:
    """A value as the naive filter compares it: text without case, moments as text."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    return value.casefold() if isinstance(value, str) and not value[:4].isdigit() else value


def like(pattern: str, value: Any) -> bool:
    """LIKE by way of the shell's wildcards."""
    shell = re.sub(r"([\[\]*?])", r"[\1]", pattern).replace("%", "*").replace("_", "?")
    return fnmatch.fnmatchcase((value or "").casefold(), shell.casefold())


@st.composite
def comparisons(draw: st.DrawFn) -> tuple[str, Any]:
    """A comparison as text and as a function of a row."""
    name = draw(st.sampled_from(sorted(FIELDS)))
    kind, values = FIELDS[name]
    nullable = kind != "boolean"
    value = draw(st.sampled_from([*values, None] if nullable else values))
    signs = ["=", "!="]
    if kind != "boolean" and value is not None:
        signs += ["<", "<=", ">", ">="]
    sign = draw(st.sampled_from(signs))
    wanted = plain(value)

    def test(row: dict[str, Any]) -> bool:
        held = plain(row.get(name))
        if sign in ("=", "!="):
            return (held == wanted) is (sign == "=")
        if held is None:
            return False
        return {
            "<": held < wanted,
            "<=": held <= wanted,
            ">": held > wanted,
            ">=": held >= wanted,
        }[sign]

    return f"{name} {sign} {written(kind, value)}", test


@st.composite
def amongs(draw: st.DrawFn) -> tuple[str, Any]:
    """IN and NOT IN."""
    name = draw(st.sampled_from([n for n in sorted(FIELDS) if FIELDS[n][0] != "boolean"]))
    kind, values = FIELDS[name]
    some = draw(st.lists(st.sampled_from([*values, None]), min_size=1, max_size=4))
    negated = draw(st.booleans())
    wanted = [plain(value) for value in some]

    def test(row: dict[str, Any]) -> bool:
        return (plain(row.get(name)) in wanted) is not negated

    listed = ", ".join(written(kind, value) for value in some)
    return f"{name} {'NOT ' if negated else ''}IN ({listed})", test


@st.composite
def likes(draw: st.DrawFn) -> tuple[str, Any]:
    """LIKE with wildcards."""
    name = draw(st.sampled_from(["LastName", "MobilePhone", "SMS_Phone_E164__c"]))
    pattern = draw(st.sampled_from(["%", "a%", "%n", "_nn", "+1555%", "%(5%", "%zo_%", "b"]))
    return f"{name} LIKE '{pattern}'", lambda row: like(pattern, row.get(name))


def combined(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """AND, OR and NOT over smaller conditions, in the parentheses that SOQL wants."""

    def both(items: list[tuple[str, Any]], word: str) -> tuple[str, Any]:
        text = f" {word} ".join(f"({item[0]})" for item in items)
        every = all if word == "AND" else any
        return text, lambda row: every(item[1](row) for item in items)

    lists = st.lists(inner, min_size=2, max_size=3)
    return st.one_of(
        st.tuples(lists, st.sampled_from(["AND", "OR"])).map(lambda pair: both(*pair)),
        inner.map(lambda item: (f"NOT ({item[0]})", lambda row: not item[1](row))),
    )


CONDITIONS = st.recursive(st.one_of(comparisons(), amongs(), likes()), combined, max_leaves=6)
ORDERS = st.lists(
    st.tuples(
        st.sampled_from([name for name in sorted(FIELDS) if name != "SMS_Opt_Out__c"]),
        st.sampled_from(["", " ASC", " DESC"]),
        st.sampled_from(["", " NULLS FIRST", " NULLS LAST"]),
    ),
    max_size=3,
)


def naive(rows: list[dict[str, Any]], orders: list[tuple[str, str, str]]) -> list[dict[str, Any]]:
    """Sorts by each column in turn, the last first; Id breaks ties."""
    rows = sorted(rows, key=lambda row: row["Id"])
    for name, direction, nulls in reversed(orders):
        filled = [row for row in rows if name in row]
        empty = [row for row in rows if name not in row]
        backwards = direction == " DESC"
        if backwards:
            filled.reverse()
        filled.sort(key=lambda row, name=name: plain(row[name]))
        if backwards:
            filled.reverse()
        rows = filled + empty if nulls == " NULLS LAST" else empty + filled
    return rows


@settings(max_examples=400, deadline=None)
@given(condition=CONDITIONS, deleted=st.booleans())
def test_where_finds_what_a_plain_filter_finds(condition: Any, deleted: bool) -> None:
    """Whatever the plan (ids, an index, the stamps, a scan), the rows are the same."""
    text, test = condition
    found = query.run(ORG, f"SELECT Id FROM Contact WHERE {text}", deleted=deleted).rows
    wanted = {row["Id"] for row in ROWS if test(row) and (deleted or not row.get("IsDeleted"))}
    assert sorted(row["Id"] for row in found) == sorted(wanted)


@settings(max_examples=300, deadline=None)
@given(
    condition=CONDITIONS,
    orders=ORDERS,
    limit=st.none() | st.integers(0, 45),
    offset=st.integers(0, 45),
)
def test_order_limit_and_offset(
    condition: Any, orders: Any, limit: int | None, offset: int
) -> None:
    """With Id as the last column the order is total, and the window is the same slice."""
    text, test = condition
    columns = ", ".join(f"{name}{direction}{nulls}" for name, direction, nulls in orders)
    clauses = f"ORDER BY {columns}, Id" if orders else "ORDER BY Id"
    clauses += f" LIMIT {limit} OFFSET {offset}" if limit is not None else ""
    found = query.run(ORG, f"SELECT Id FROM Contact WHERE {text} {clauses}", deleted=True).rows
    wanted = naive([row for row in ROWS if test(row)], orders)
    wanted = wanted if limit is None else wanted[offset : offset + limit]
    assert [row["Id"] for row in found] == [row["Id"] for row in wanted]


@settings(max_examples=60, deadline=None)
@given(
    since=st.sampled_from(MOMENTS),
    after=st.integers(0, 39),
    size=st.integers(1, 15),
)
def test_paging_by_stamp_and_id_loses_nothing(since: datetime, after: int, size: int) -> None:
    """Keyset pages, each starting after the last row of the one before, cover every row once."""
    moment = written("datetime", since)
    condition, seen = f"SystemModstamp >= {moment}", []
    while True:
        text = f"SELECT Id FROM Contact WHERE {condition} ORDER BY SystemModstamp, Id LIMIT {size}"
        rows = query.run(ORG, text, deleted=False).rows
        seen += [row["Id"] for row in rows]
        if len(rows) < size:
            break
        stamp = rows[-1]["SystemModstamp"].replace("+0000", "Z")
        condition = (
            f"SystemModstamp > {stamp} OR (SystemModstamp = {stamp} AND Id > '{rows[-1]['Id']}')"
        )
    wanted = [r for r in ROWS if r["SystemModstamp"] >= plain(since) and not r.get("IsDeleted")]
    assert seen == [r["Id"] for r in sorted(wanted, key=lambda r: (r["SystemModstamp"], r["Id"]))]


@pytest.mark.parametrize("length", [15, 18])
def test_ids_are_found_in_both_lengths(length: int) -> None:
    """Fifteen and eighteen characters name the same record, in = and in IN."""
    one = next(row for row in ROWS if not row.get("IsDeleted"))["Id"]
    for condition in (f"Id = '{one[:length]}'", f"Id IN ('{one[:length]}')"):
        text = f"SELECT Id FROM Contact WHERE {condition}"
        assert [row["Id"] for row in query.run(ORG, text, deleted=False).rows] == [one]


@pytest.mark.parametrize(
    ("sign", "fraction", "found"),
    [
        ("=", "", True),
        ("=", ".000", True),
        ("=", ".001", False),
        (">=", ".001", False),
        ("<", ".001", True),
        ("<", ".000", False),
        (">", ".000", False),
        ("<=", ".999", True),
    ],
)
def test_milliseconds_of_a_literal_count(sign: str, fraction: str, found: bool) -> None:
    """Rows are stamped with whole seconds; a literal between two seconds lies between them."""
    one = next(row for row in ROWS if row["SystemModstamp"] == plain(MOMENTS[1]))
    literal = MOMENTS[1].strftime(f"%Y-%m-%dT%H:%M:%S{fraction}Z")
    text = f"SELECT Id FROM Contact WHERE Id = '{one['Id']}' AND SystemModstamp {sign} {literal}"
    assert bool(query.run(ORG, text, deleted=True).rows) is found


def test_an_empty_string_is_null() -> None:
    """`= ''` finds what has no value."""
    empty = query.run(ORG, "SELECT Id FROM Contact WHERE MobilePhone = ''", deleted=True).rows
    null = query.run(ORG, "SELECT Id FROM Contact WHERE MobilePhone = null", deleted=True).rows
    assert [r["Id"] for r in empty] == [r["Id"] for r in null] != []


def test_escaped_wildcards_are_plain_in_like() -> None:
    r"""`\%` and `\_` stand for themselves."""
    for pattern, name in (("50\\% off", "50% off"), ("a\\_b", "a_b")):
        text = f"SELECT Id FROM Contact WHERE LastName LIKE '{pattern}'"
        rows = query.run(ORG, text, deleted=True).rows
        assert {row["LastName"] for row in rows} == {name}
