"""Whatever is sent, the org has an answer; what it refuses leaves no trace."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from crm_sms.sandbox.salesforce import ids
from crm_sms.sandbox.salesforce.calls import Call
from crm_sms.sandbox.salesforce.desk import Desk
from crm_sms.sandbox.salesforce.org import Org
from crm_sms.sandbox.salesforce.resources import RESOURCES, answer
from crm_sms.sandbox.salesforce.writing import Writer

BASE = "/services/data/v66.0"
KNOWN = ["Contact", "Task", "SMS_Message__c", "Message_Key__c", "SMS_Phone_E164__c", "TaskStatus"]
WORDS = st.sampled_from(
    [
        *KNOWN,
        *("Id", "id", "type", "LastName", "WhoId", "OwnerId", "Contact__r", "records", "fields"),
        *("ids", "attributes", "allOrNone", "compositeRequest", "method", "url", "referenceId"),
        *("body", "httpHeaders", "POST", "PATCH", "GET", f"{BASE}/sobjects/Contact", "@{a.id}"),
        *("q", "SELECT Id FROM Contact", "describe", "composite", "sobjects", "", "a", "\x00"),
        ids.make("003", 1),
        ids.make("00T", 1),
    ]
)
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), WORDS)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(WORDS, inner, max_size=5)),
    max_leaves=12,
)
PATHS = st.one_of(
    st.lists(WORDS, max_size=4).map(tuple),
    st.tuples(st.sampled_from(sorted(RESOURCES, key=str)), WORDS, WORDS).map(
        lambda drawn: tuple(part if part is not None else drawn[1] for part in drawn[0])
    ),
)


def a_desk() -> Desk:
    org = Org(lambda: datetime(2026, 3, 2, tzinfo=UTC))
    desk = Desk(org, lambda write: None)
    writer = Writer(org, desk.guard)
    writer.create(org.schema["Contact"], {"LastName": "A", "SMS_Phone_E164__c": "a"})
    org.commit()
    return desk


def rows_of(records: list[Any], kind: str) -> dict[str, Any]:
    return {
        "records": [{"attributes": {"type": kind}, **record} for record in records],
        "allOrNone": False,
    }


@settings(max_examples=400, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PATCH", "DELETE"]),
    path=PATHS,
    params=st.dictionaries(WORDS, WORDS, max_size=2),
    body=JSON,
)
@example("PATCH", ("composite", "sobjects", "Contact", "Id"), {}, {"records": [{"Id": 5}]})
@example("POST", ("composite",), {}, {"compositeRequest": [{"httpHeaders": []}]})
def test_any_call_has_an_answer(
    method: str, path: tuple[str, ...], params: dict[str, str], body: Any
) -> None:
    """Never an exception, always a status and a body that is JSON."""
    given = answer(a_desk(), Call(method, "v66.0", path, params, {}, body))
    assert given.status in (200, 201, 204, 300, 400, 404, 405)
    json.dumps(given.body)


@settings(max_examples=200, deadline=None)
@given(
    verb=st.sampled_from(["POST", "PATCH"]),
    kind=st.sampled_from(["Contact", "Task", "SMS_Message__c", "Opportunity"]),
    records=st.lists(st.dictionaries(WORDS, JSON, max_size=4), min_size=1, max_size=4),
)
def test_any_row_has_an_outcome(verb: str, kind: str, records: list[Any]) -> None:
    """As many outcomes as rows; a refused row leaves no trace, an accepted one is there."""
    desk = a_desk()
    table = desk.org.tables[kind]
    before = dict(table.rows)
    given = answer(
        desk, Call(verb, "v66.0", ("composite", "sobjects"), body=rows_of(records, kind))
    )
    assert given.status in (200, 400)
    if given.status == 200:
        assert len(given.body) == len(records)
        kept = {row["id"] for row in given.body if row["success"]}
        changed = {one for one in table.rows if table.rows[one] is not before.get(one)}
        assert changed == {one for one in kept if one in table.rows}
        assert all(row["errors"] for row in given.body if not row["success"])
