"""Calls as the sandbox reads them: addresses, what they touch, what of them is late."""

from __future__ import annotations

from typing import Any

import pytest

from crm_sms.sandbox.salesforce.backend import split
from crm_sms.sandbox.salesforce.calls import Call, split_url, touches
from crm_sms.sandbox.salesforce.refusals import RequestRefused

BASE = "/services/data/v66.0"


def records(*kinds: str) -> dict[str, Any]:
    return {"records": [{"attributes": {"type": kind}} for kind in kinds]}


@pytest.mark.parametrize(
    ("url", "path", "params"),
    [
        (f"{BASE}/limits", ("limits",), {}),
        (f"{BASE}/query?q=SELECT+Id%20FROM+X&x=", ("query",), {"q": "SELECT Id FROM X", "x": ""}),
        (f"{BASE}/sobjects/A/K__c/a%2Fb%20c", ("sobjects", "A", "K__c", "a/b c"), {}),
        (f"{BASE}/sobjects/A/K__c/a+b", ("sobjects", "A", "K__c", "a+b"), {}),
        (f"{BASE}/", (), {}),
        (f"{BASE}", (), {}),
    ],
)
def test_addresses(url: str, path: tuple[str, ...], params: dict[str, str]) -> None:
    """Path and parameters are decoded, each in its own way: a plus is a space only in a query."""
    assert split_url(url) == ("v66.0", path, params)


@pytest.mark.parametrize("url", ["", "/", "/services", "/services/data/", "limits", "v66.0/limits"])
def test_addresses_that_lead_nowhere(url: str) -> None:
    """404."""
    with pytest.raises(RequestRefused) as caught:
        split_url(url)
    assert caught.value.status == 404


@pytest.mark.parametrize(
    ("call", "objects", "rows", "writes"),
    [
        (Call("GET", "v66.0", ("limits",)), set(), 1, False),
        (Call("GET", "v66.0", ("query",), {"q": "x"}), set(), 1, False),
        (Call("GET", "v66.0", ("sobjects", "Task", "describe")), {"Task"}, 1, False),
        (Call("POST", "v66.0", ("sobjects", "Task"), body={}), {"Task"}, 1, True),
        (Call("PATCH", "v66.0", ("sobjects", "Task", "K", "v"), body={}), {"Task"}, 1, True),
        (
            Call("POST", "v66.0", ("composite", "sobjects"), body=records("Task", "Lead", "Task")),
            {"Task", "Lead"},
            3,
            True,
        ),
        (
            Call("PATCH", "v66.0", ("composite", "sobjects", "Task", "K"), body=records("Task")),
            {"Task"},
            1,
            True,
        ),
        (
            Call("POST", "v66.0", ("composite", "sobjects", "Task"), body={"ids": ["a"]}),
            {"Task"},
            0,
            False,
        ),
        (Call("DELETE", "v66.0", ("composite", "sobjects"), {"ids": "a,b,c"}), set(), 3, True),
        (Call("POST", "v66.0", ("composite", "sobjects"), body=["nonsense"]), set(), 1, True),
    ],
)
def test_what_a_call_touches(call: Call, objects: set[str], rows: int, writes: bool) -> None:
    """Objects, rows, and whether it writes."""
    (touch,) = touches(call)
    assert (set(touch.objects), touch.rows, touch.writes) == (objects, rows, writes)


def test_a_composite_touches_what_its_parts_touch() -> None:
    """One Touch a part; parts that make no sense are passed over."""
    parts = [
        {"method": "GET", "url": f"{BASE}/limits"},
        {"method": "POST", "url": f"{BASE}/composite/sobjects", "body": records("Task", "Task")},
        {"method": "GET", "url": "nowhere"},
        {"method": "GET"},
        "text",
    ]
    call = Call("POST", "v66.0", ("composite",), body={"compositeRequest": parts})
    assert [(touch.rows, touch.writes) for touch in touches(call)] == [(1, False), (2, True)]


@pytest.mark.parametrize(
    ("chunks", "now", "later"),
    [
        (None, None, ["a", "b", "c"]),
        (frozenset[int](), ["a", "b", "c"], None),
        (frozenset({1}), ["a", "c"], ["b"]),
        (frozenset({0, 1, 2}), None, ["a", "b", "c"]),
        (frozenset({7}), ["a", "b", "c"], None),
    ],
)
def test_what_of_a_composite_is_late(chunks: Any, now: Any, later: Any) -> None:
    """The parts at the named positions; without positions the whole."""
    parts = [{"referenceId": name} for name in "abc"]
    body = {"allOrNone": False, "compositeRequest": parts}
    halves = split(Call("POST", "v66.0", ("composite",), body=body), chunks)
    found = [
        half and [part["referenceId"] for part in half.body["compositeRequest"]] for half in halves
    ]
    assert found == [now, later]
    assert all(half is None or half.body["allOrNone"] is False for half in halves)


def test_a_plain_call_is_late_as_a_whole() -> None:
    """Positions mean nothing there."""
    call = Call("POST", "v66.0", ("sobjects", "Task"), body={})
    assert split(call, frozenset({0})) == (None, call)
