"""Chunks as one Composite request of Collections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.records import Chunk, Op, Write
from crm_sms_salesforce.writes import composite_body

PATH = "/services/data/v66.0"
Make = Callable[..., Chunk]


def body(*chunks: Chunk, allow_save: bool = True) -> dict[str, Any]:
    """The request for these chunks."""
    return composite_body(chunks, PATH, allow_save=allow_save)


def test_upsert_goes_by_its_key_field(upserts: Make) -> None:
    """An upsert is a PATCH of a Collection on the key field, its key in the record, no id."""
    (request,) = body(upserts("k1", "k2"))["compositeRequest"]
    assert request["method"] == "PATCH"
    assert request["url"] == f"{PATH}/composite/sobjects/SMS_Message__c/Message_Key__c"
    assert request["body"] == {
        "allOrNone": False,
        "records": [
            {
                "attributes": {"type": "SMS_Message__c"},
                "Message_Key__c": key,
                "Status__c": "Sent",
            }
            for key in ("k1", "k2")
        ],
    }


def test_update_goes_by_id(updates: Make) -> None:
    """An update is a PATCH of a Collection with the id in each record."""
    (request,) = body(updates("003A"))["compositeRequest"]
    assert (request["method"], request["url"]) == ("PATCH", f"{PATH}/composite/sobjects")
    assert request["body"]["records"] == [
        {"attributes": {"type": "Contact"}, "id": "003A", "SMS_Sent_Count__c": 1}
    ]


def test_create_carries_its_unique_key(creates: Make) -> None:
    """A create is a POST of a Collection; the unique key makes a second one fail."""
    (request,) = body(creates("conv-1"))["compositeRequest"]
    assert (request["method"], request["url"]) == ("POST", f"{PATH}/composite/sobjects")
    assert request["body"]["records"] == [
        {"attributes": {"type": "Task"}, "SMS_Key__c": "conv-1", "Subject": "Reply"}
    ]


def test_create_without_a_key_field_sends_no_key() -> None:
    """Where the object has no unique field the key stays with us."""
    chunk = Chunk("Note", Op.CREATE, None, (Write("ours", {"Title": "t"}),))
    (request,) = body(chunk)["compositeRequest"]
    assert request["body"]["records"] == [{"attributes": {"type": "Note"}, "Title": "t"}]


def test_composite_keeps_order_and_never_rolls_back_all(upserts: Make, updates: Make) -> None:
    """Chunks go in their order, each a transaction of its own."""
    request = body(updates("003A"), upserts("k"), updates("003A"))
    assert request["allOrNone"] is False
    assert request["collateSubrequests"] is False
    names = [part["referenceId"] for part in request["compositeRequest"]]
    assert names == ["chunk0", "chunk1", "chunk2"]


def test_empty_chunks_are_left_out(upserts: Make) -> None:
    """A chunk without rows makes no subrequest; the others keep their names."""
    names = [part["referenceId"] for part in body(upserts(), upserts("k"))["compositeRequest"]]
    assert names == ["chunk1"]


@pytest.mark.parametrize(("allow", "word"), [(True, "true"), (False, "false")])
def test_duplicate_rules_are_told_in_the_subrequest(upserts: Make, allow: bool, word: str) -> None:
    """The header stands in each subrequest, since that of the Composite would not reach it."""
    (request,) = body(upserts("k"), allow_save=allow)["compositeRequest"]
    assert request["httpHeaders"] == {"Sforce-Duplicate-Rule-Header": f"allowSave={word}"}


def test_too_many_chunks_are_refused(upserts: Make) -> None:
    """Six Collections do not fit one Composite."""
    with pytest.raises(ValueError, match="6 chunks, at most 5"):
        body(*[upserts("k")] * 6)


def test_too_many_rows_are_refused(upserts: Make) -> None:
    """A Collection takes 200 records."""
    with pytest.raises(ValueError, match="201 rows in a chunk, at most 200"):
        body(upserts(*map(str, range(201))))


def test_a_key_that_comes_twice_is_refused(upserts: Make) -> None:
    """Salesforce would fail both rows."""
    with pytest.raises(ValueError, match="a key comes twice in a chunk of SMS_Message__c"):
        body(upserts("k", "k"))


def test_upsert_without_key_field_is_refused() -> None:
    """There is no path to upsert without one."""
    with pytest.raises(ValueError, match="needs a key field"):
        body(Chunk("Contact", Op.UPSERT, None, (Write("k", {}),)))


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("@{chunk0.id}", "@\u2060{chunk0.id}"),
        ("mail @ {home}", "mail @ {home}"),
        (float("nan"), None),
        (float("inf"), None),
        (0.5, 0.5),
        (None, None),
        (False, False),
    ],
)
def test_values_that_a_composite_cannot_carry(upserts: Make, value: Any, sent: Any) -> None:
    """What Composite would replace is broken up; what JSON cannot write is none."""
    (request,) = body(upserts("k", Body__c=value))["compositeRequest"]
    (record,) = request["body"]["records"]
    assert record["Body__c"] == sent
    assert type(record["Body__c"]) is type(sent)


NAMES = st.sampled_from(
    ["Id", "ID", "id", "Message_Key__c", "MESSAGE_KEY__C", "Body__c", "To__c", "Media_Count__c"]
)
ROWS = st.dictionaries(
    st.text(min_size=1, max_size=8),
    st.dictionaries(NAMES, st.one_of(st.none(), st.text(max_size=5), st.integers(), st.booleans())),
    max_size=12,
)
CHUNKS = st.builds(
    lambda op, rows: Chunk(
        "SMS_Message__c",
        op,
        None if op is Op.UPDATE else "Message_Key__c",
        tuple(Write(key, fields) for key, fields in rows.items()),
    ),
    st.sampled_from(Op),
    ROWS,
)


@given(st.lists(CHUNKS, max_size=5))
def test_every_row_travels_once_with_its_key_once(chunks: list[Chunk]) -> None:
    """No row is lost or doubled, no field name comes twice in any case, the key is the row's."""
    sent = body(*chunks)["compositeRequest"]
    filled = [chunk for chunk in chunks if chunk.rows]
    assert len(sent) == len(filled)
    for chunk, request in zip(filled, sent, strict=True):
        records = request["body"]["records"]
        key_field = chunk.key_field or "id"
        assert [record[key_field] for record in records] == [row.key for row in chunk.rows]
        for record, row in zip(records, chunk.rows, strict=True):
            names = [name.casefold() for name in record]
            plain = {n.casefold() for n in row.fields} - {"id", key_field.casefold()}
            assert set(names) == plain | {"attributes", key_field.casefold()}
            values = {name: value for name, value in row.fields.items() if name in record}
            assert all(record[name] == values[name] for name in values if name != key_field)
