"""From Salesforce's answers to the fate of each row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.errors import AccessRefused
from crm_sms.records import Chunk, Op, Outcome, Reason, Verdict, Write
from crm_sms_salesforce.faults import ApiError, Fault
from crm_sms_salesforce.outcomes import (
    composite_outcomes,
    everywhere,
    not_written,
    request_outcomes,
    unclear,
)
from crm_sms_salesforce.verdicts import RULES

Make = Callable[..., Chunk]
LOCK = "unable to obtain exclusive access to this record"
MAINTENANCE = "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE"


def part(index: int, body: Any, status: int = 200) -> dict[str, Any]:
    """One subrequest's answer."""
    return {"referenceId": f"chunk{index}", "httpStatusCode": status, "body": body}


def answer(*parts: dict[str, Any]) -> dict[str, Any]:
    """A Composite's answer."""
    return {"compositeResponse": list(parts)}


def ok(id: str, created: bool | None = None) -> dict[str, Any]:
    """A row that succeeded."""
    made = {} if created is None else {"created": created}
    return {"id": id, "success": True, "errors": [], **made}


def bad(code: str, message: str = "", *fields: str) -> dict[str, Any]:
    """A row that failed with one error."""
    error = {"statusCode": code, "message": message, "fields": list(fields)}
    return {"success": False, "errors": [error]}


def one(chunk: Chunk, result: dict[str, Any]) -> Outcome:
    """The fate of a chunk's only row."""
    ((outcome,),) = composite_outcomes([chunk], answer(part(0, [result])))
    return outcome


def refused(chunk: Chunk, status: int, code: str, message: str = "") -> tuple[Outcome, ...]:
    """The fates of a chunk whose subrequest failed as a whole."""
    body = [{"errorCode": code, "message": message}]
    (fates,) = composite_outcomes([chunk], answer(part(0, body, status)))
    return fates


def test_rows_keep_their_places(upserts: Make, updates: Make) -> None:
    """Each row has its own outcome, in the shape of the chunks."""
    chunks = [upserts("a", "b"), updates("003A")]
    first = part(0, [ok("a01", True), bad("UNABLE_TO_LOCK_ROW", LOCK)])
    fates = composite_outcomes(chunks, answer(first, part(1, [ok("003A")])))
    assert fates[0][0] == Outcome(Verdict.DONE, crm_id="a01", created=True)
    assert fates[0][1].reason is Reason.LOCKED
    assert fates[1] == (Outcome(Verdict.DONE, crm_id="003A", created=False),)


def test_created_is_known_where_the_answer_leaves_it_out(creates: Make, updates: Make) -> None:
    """Create and update answers need not say which they were."""
    assert one(creates("k"), ok("00T1")).created is True
    assert one(updates("003A"), ok("003A")).created is False


def test_parts_are_matched_by_name_not_by_place(upserts: Make) -> None:
    """The answer's order does not matter, and empty chunks have none."""
    chunks = [upserts("a"), upserts(), upserts("b")]
    fates = composite_outcomes(chunks, answer(part(2, [ok("b1")]), part(0, [ok("a1")])))
    assert [tuple(o.crm_id for o in fate) for fate in fates] == [("a1",), (), ("b1",)]


@pytest.mark.parametrize(
    "body", [None, {}, [], "x", {"compositeResponse": None}, {"compositeResponse": ["x"]}]
)
def test_chunk_without_an_answer_may_have_committed(upserts: Make, body: Any) -> None:
    """What the answer does not mention is unclear, never done and never lost."""
    ((outcome,),) = composite_outcomes([upserts("a")], body)
    assert (outcome.verdict, outcome.reason) == (Verdict.MAYBE, Reason.UNAVAILABLE)


def test_answer_with_too_few_results_is_unclear(upserts: Make) -> None:
    """Results cannot be told apart by guessing."""
    (fates,) = composite_outcomes([upserts("a", "b")], answer(part(0, [ok("a1")])))
    assert [outcome.verdict for outcome in fates] == [Verdict.MAYBE, Verdict.MAYBE]


@pytest.mark.parametrize(
    ("code", "own"),
    [
        ("ENTITY_IS_DELETED", Reason.DELETED),
        ("INVALID_CROSS_REFERENCE_KEY", Reason.DELETED),
        ("CANNOT_UPDATE_CONVERTED_LEAD", Reason.CONVERTED),
    ],
)
def test_what_is_gone_is_the_record_or_one_that_it_names(
    updates: Make, upserts: Make, code: str, own: Reason
) -> None:
    """A record that is made is not gone; nor is one of which a field is complained of."""
    assert one(updates("003A"), bad(code, "words")).reason is own
    assert one(updates("003A"), bad(code, "words", "WhatId")).reason is Reason.REFERENCE
    assert one(upserts("a"), bad(code, "words")).reason is Reason.REFERENCE


@pytest.mark.parametrize(
    ("code", "verdict", "reason", "shrink"),
    [
        ("UNABLE_TO_LOCK_ROW", Verdict.RETRY, Reason.LOCKED, False),
        ("SERVER_UNAVAILABLE", Verdict.RETRY, Reason.UNAVAILABLE, False),
        (MAINTENANCE, Verdict.RETRY, Reason.UNAVAILABLE, False),
        ("REQUEST_LIMIT_EXCEEDED", Verdict.RETRY, Reason.QUOTA, False),
        ("QUERY_TIMEOUT", Verdict.RETRY, Reason.TOO_LARGE, True),
        ("REQUEST_RUNNING_TOO_LONG", Verdict.RETRY, Reason.TOO_LARGE, True),
        ("APEX_ERROR", Verdict.RETRY, Reason.AUTOMATION, False),
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", Verdict.RETRY, Reason.AUTOMATION, False),
        ("CANNOT_EXECUTE_FLOW_TRIGGER", Verdict.RETRY, Reason.AUTOMATION, False),
        ("DUPLICATES_DETECTED", Verdict.PARK, Reason.DUPLICATE, False),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", Verdict.PARK, Reason.VALIDATION, False),
        ("REQUIRED_FIELD_MISSING", Verdict.PARK, Reason.VALIDATION, False),
        ("STRING_TOO_LONG", Verdict.RETRY, Reason.FIELD, False),
        ("INVALID_FIELD_FOR_INSERT_UPDATE", Verdict.PARK, Reason.FIELD, False),
        ("INSUFFICIENT_ACCESS_OR_READONLY", Verdict.PARK, Reason.ACCESS, False),
        ("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", Verdict.PARK, Reason.ACCESS, False),
        ("INACTIVE_OWNER_OR_USER", Verdict.PARK, Reason.OWNER, False),
        ("OP_WITH_INVALID_USER_TYPE_EXCEPTION", Verdict.PARK, Reason.OWNER, False),
        ("MALFORMED_ID", Verdict.PARK, Reason.DATA, False),
        ("API_DISABLED_FOR_ORG", Verdict.PARK, Reason.SETUP, False),
        ("SOMETHING_NEW", Verdict.PARK, Reason.UNKNOWN, False),
    ],
)
def test_row_codes(
    updates: Make, code: str, verdict: Verdict, reason: Reason, shrink: bool
) -> None:
    """A code at a row decides what becomes of that row; an unknown one parks it."""
    outcome = one(updates("003A"), bad(code, "words", "X__c"))
    assert (outcome.verdict, outcome.reason, outcome.shrink) == (verdict, reason, shrink)
    assert outcome.detail == f"{code}: words"
    assert outcome.fields == ("X__c",)


@pytest.mark.parametrize(
    "code", ["APEX_ERROR", "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "CANNOT_EXECUTE_FLOW_TRIGGER"]
)
def test_automation_that_failed_on_many_may_pass_with_fewer(updates: Make, code: str) -> None:
    """Of a row that was alone nothing is learnt for the size of requests."""
    (fates,) = composite_outcomes([updates("003A", "003B")], answer(part(0, [bad(code)] * 2)))
    assert [outcome.shrink for outcome in fates] == [True, True]
    assert one(updates("003A"), bad(code)).shrink is False


@pytest.mark.parametrize("doing", ["inserted", "updated"])
def test_an_object_that_our_user_may_not_write_is_no_automation(updates: Make, doing: str) -> None:
    """The permission set lacks Create or Edit; no trigger has failed."""
    message = f"entity type cannot be {doing}: SMS Message"
    outcome = one(updates("003A"), bad("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message))
    assert (outcome.verdict, outcome.reason) == (Verdict.PARK, Reason.ACCESS)


@pytest.mark.parametrize("code", sorted(RULES))
def test_no_row_code_is_maybe_or_done(updates: Make, code: str) -> None:
    """A row's own error is definite: it was not written."""
    assert one(updates("003A"), bad(code)).verdict in (Verdict.RETRY, Verdict.PARK)


@pytest.mark.parametrize(
    ("code", "message", "reason", "wait_s"),
    [
        ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", Reason.QUOTA, 900),
        ("REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded.", Reason.QUOTA, 10),
        ("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (…) Limit exceeded.", Reason.QUOTA, 10),
        ("CANNOT_EXECUTE_FLOW_TRIGGER", f"flow: UNABLE_TO_LOCK_ROW: {LOCK}", Reason.LOCKED, 1),
        (
            "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
            "T: System.LimitException: Apex CPU time limit exceeded",
            Reason.TOO_LARGE,
            0,
        ),
    ],
)
def test_messages_that_say_more_than_the_code(
    updates: Make, code: str, message: str, reason: Reason, wait_s: float
) -> None:
    """Quota errors wait long or short, and a lock inside a customer's flow is still a lock."""
    outcome = one(updates("003A"), bad(code, message))
    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, reason)
    assert outcome.wait_s == wait_s
    assert outcome.shrink is (reason is Reason.TOO_LARGE)


def test_one_permanent_error_parks_a_row_that_also_met_a_lock(updates: Make) -> None:
    """Of several errors the one that no retry would mend decides."""
    result = {
        "success": False,
        "errors": [
            {"statusCode": "UNABLE_TO_LOCK_ROW", "message": LOCK},
            {"statusCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "No texts on Sunday"},
        ],
    }
    outcome = one(updates("003A"), result)
    assert (outcome.verdict, outcome.reason) == (Verdict.PARK, Reason.VALIDATION)
    assert "No texts on Sunday" in outcome.detail


def test_failed_row_without_a_reason_is_parked(updates: Make) -> None:
    """No error at all is an error we do not know."""
    outcome = one(updates("003A"), {"success": False, "errors": []})
    assert (outcome.verdict, outcome.reason) == (Verdict.PARK, Reason.UNKNOWN)


def duplicate(field: str, id: str = "00T5g00000abcdeEAA") -> dict[str, Any]:
    """A row whose value another record holds."""
    message = f"duplicate value found: {field} duplicates value on record with id: {id}"
    return bad("DUPLICATE_VALUE", message)


@pytest.mark.parametrize("field", ["SMS_Key__c", "sms_key__c"])
def test_create_whose_key_is_there_is_done(creates: Make, field: str) -> None:
    """A second insert of our own key finds the first: done, with the first one's id."""
    assert one(creates("k"), duplicate(field)) == Outcome(
        Verdict.DONE, crm_id="00T5g00000abcdeEAA", created=False
    )


def test_create_whose_key_is_there_without_an_id_is_done(creates: Make) -> None:
    """Salesforce hides the id of a record that we may not see."""
    outcome = one(creates("k"), duplicate("SMS_Key__c", "<unknown>"))
    assert outcome == Outcome(Verdict.DONE, crm_id=None)


def test_create_whose_key_is_named_in_the_fields_is_done(creates: Make) -> None:
    """The field may be named beside the message instead of in it."""
    outcome = one(creates("k"), bad("DUPLICATE_VALUE", "duplicate value", "SMS_Key__c"))
    assert outcome.verdict is Verdict.DONE


def test_upsert_that_lost_a_race_is_retried(upserts: Make) -> None:
    """Another writer made the same key just now: the next upsert will update."""
    outcome = one(upserts("k"), duplicate("Message_Key__c"))
    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, Reason.DUPLICATE)


@pytest.mark.parametrize("make", ["upserts", "creates", "updates"])
def test_another_unique_field_parks(make: str, request: pytest.FixtureRequest) -> None:
    """A value that must be unique elsewhere is the admin's to settle; the field is named."""
    outcome = one(request.getfixturevalue(make)("k"), duplicate("Badge__c"))
    assert (outcome.verdict, outcome.reason) == (Verdict.PARK, Reason.DUPLICATE)
    if make != "updates":
        assert outcome.fields == ("Badge__c",)


@pytest.mark.parametrize("make", ["upserts", "creates"])
def test_unnamed_duplicate_is_a_race(make: str, request: pytest.FixtureRequest) -> None:
    """While the other transaction is open Salesforce does not say which field it was."""
    outcome = one(request.getfixturevalue(make)("k"), duplicate("<unknown>", "<unknown>"))
    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, Reason.DUPLICATE)


def test_keys_that_the_org_holds_for_the_same_are_sent_apart(upserts: Make) -> None:
    """Keys may be equal to the org and not to us; smaller chunks part them."""
    message = "Duplicate external id specified: abc"
    outcome = one(upserts("k"), bad("DUPLICATE_VALUE", message))
    assert (outcome.verdict, outcome.shrink) == (Verdict.RETRY, True)


def test_chunk_that_was_halted_is_retried(upserts: Make) -> None:
    """PROCESSING_HALTED says that nothing of it was done."""
    fates = refused(upserts("a", "b"), 400, "PROCESSING_HALTED", "The transaction was rolled back")
    assert {outcome.verdict for outcome in fates} == {Verdict.RETRY}


@pytest.mark.parametrize(
    ("status", "code"),
    [(500, "UNKNOWN_EXCEPTION"), (503, "SERVER_UNAVAILABLE"), (502, "X"), (504, "X")],
)
def test_chunk_that_broke_may_have_committed(upserts: Make, status: int, code: str) -> None:
    """A 5xx of one subrequest leaves its rows unclear, and only those."""
    chunks = [upserts("a"), upserts("b")]
    broken = part(0, [{"errorCode": code, "message": "ErrorId 1"}], status)
    fates = composite_outcomes(chunks, answer(broken, part(1, [ok("b1")])))
    assert fates[0][0].verdict is Verdict.MAYBE
    assert fates[1][0].verdict is Verdict.DONE


def test_hidden_field_parks_only_rows_that_carry_it(upserts: Make) -> None:
    """A field refused for a whole Collection does not stop the rows without it."""
    rows = (Write("a", {"SMS_SCORE__c": 1}), Write("b", {"Status__c": "Sent"}))
    chunk = Chunk("SMS_Message__c", Op.UPSERT, "Message_Key__c", rows)
    message = "No such column 'SMS_Score__c' on sobject of type SMS_Message__c"
    guilty, other = refused(chunk, 400, "INVALID_FIELD", message)
    assert (guilty.verdict, guilty.reason) == (Verdict.PARK, Reason.FIELD)
    assert guilty.fields == ("SMS_Score__c",)
    assert (other.verdict, other.reason) == (Verdict.RETRY, Reason.UNAVAILABLE)


def test_field_error_that_fits_no_row_parks_all_rows(upserts: Make) -> None:
    """A field that no row carries is refused for all of them, or they would be retried for ever."""
    message = "No such column 'Elsewhere__c' on sobject of type Account"
    fates = refused(upserts("a", "b"), 400, "INVALID_FIELD", message)
    assert {(o.verdict, o.reason) for o in fates} == {(Verdict.PARK, Reason.FIELD)}


def test_hidden_key_field_parks_all_rows(upserts: Make) -> None:
    """Every row carries the key."""
    message = "No such column 'Message_Key__c' on sobject of type SMS_Message__c"
    fates = refused(upserts("a", "b"), 400, "INVALID_FIELD", message)
    assert {outcome.verdict for outcome in fates} == {Verdict.PARK}


def test_field_error_that_names_no_field_parks_all_rows(upserts: Make) -> None:
    """Without a name every row may be guilty."""
    fates = refused(upserts("a", "b"), 400, "INVALID_FIELD", "something else")
    assert {(o.verdict, o.reason) for o in fates} == {(Verdict.PARK, Reason.FIELD)}


def test_unreadable_value_is_isolated_before_it_is_parked(upserts: Make) -> None:
    """One value that cannot be parsed fails its Collection: smaller chunks find it."""
    message = "Cannot deserialize instance of datetime"
    many = refused(upserts("a", "b"), 400, "JSON_PARSER_ERROR", message)
    assert {(o.verdict, o.shrink) for o in many} == {(Verdict.RETRY, True)}
    (alone,) = refused(upserts("a"), 400, "JSON_PARSER_ERROR", message)
    assert (alone.verdict, alone.reason) == (Verdict.PARK, Reason.DATA)


def test_unknown_code_for_many_rows_is_isolated(upserts: Make) -> None:
    """A new code does not park a whole Collection, or all that waits, for one row's sake."""
    many = refused(upserts("a", "b"), 400, "BRAND_NEW")
    assert {(o.verdict, o.shrink) for o in many} == {(Verdict.RETRY, True)}
    error = ApiError(400, (Fault("BRAND_NEW"),))
    whole = request_outcomes([upserts("a"), upserts("b")], error)
    assert {(o.verdict, o.shrink) for fates in whole for o in fates} == {(Verdict.RETRY, True)}
    ((alone,),) = request_outcomes([upserts("a")], error)
    assert (alone.verdict, alone.reason) == (Verdict.PARK, Reason.UNKNOWN)


@pytest.mark.parametrize("code", ["INSUFFICIENT_ACCESS", "INVALID_TYPE", "STORAGE_LIMIT_EXCEEDED"])
def test_set_up_fault_of_a_whole_request_parks_nothing(upserts: Make, code: str) -> None:
    """What stops every request is for the admin; the rows stay as they are."""
    with pytest.raises(AccessRefused, match=f"{code}; run doctor"):
        request_outcomes([upserts("a")], ApiError(403, (Fault(code),)))


def test_missing_object_parks_as_set_up(upserts: Make) -> None:
    """404 on a Collection is a missing object or key field, not a deleted record."""
    (outcome,) = refused(upserts("a"), 404, "NOT_FOUND", "The requested resource does not exist")
    assert (outcome.verdict, outcome.reason) == (Verdict.PARK, Reason.SETUP)


@pytest.mark.parametrize("status", [413, 414, 431])
def test_request_too_large_shrinks(upserts: Make, status: int) -> None:
    """Too many bytes is answered with fewer rows."""
    ((outcome,),) = request_outcomes([upserts("a")], ApiError(status, (Fault("X"),)))
    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, Reason.TOO_LARGE)
    assert outcome.shrink is True


def test_ended_quota_retries_every_row(upserts: Make, updates: Make) -> None:
    """A request that was refused for quota wrote nothing."""
    error = ApiError(403, (Fault("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),))
    fates = request_outcomes([upserts("a", "b"), updates("003A")], error)
    assert [len(fate) for fate in fates] == [2, 1]
    assert {(o.verdict, o.reason, o.wait_s) for fate in fates for o in fate} == {
        (Verdict.RETRY, Reason.QUOTA, 900.0)
    }


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "API_DISABLED_FOR_ORG"),
        (403, "API_CURRENTLY_DISABLED"),
        (403, "INVALID_OPERATION_WITH_EXPIRED_PASSWORD"),
        (410, "UNSUPPORTED_API_VERSION"),
        (404, "NOT_FOUND"),
    ],
)
def test_org_that_refuses_us_parks_nothing(upserts: Make, status: int, code: str) -> None:
    """A fault of the set-up is raised, so that the waiting rows stay as they are."""
    with pytest.raises(AccessRefused) as caught:
        request_outcomes([upserts("a")], ApiError(status, (Fault(code, "words"),)))
    assert ":" in str(caught.value)


@pytest.mark.parametrize(
    ("status", "verdict"), [(302, Verdict.RETRY), (403, Verdict.RETRY), (502, Verdict.MAYBE)]
)
def test_page_of_a_proxy_parks_nothing(upserts: Make, status: int, verdict: Verdict) -> None:
    """An answer that is not in Salesforce's form says nothing about rows."""
    ((outcome,),) = request_outcomes([upserts("a")], ApiError(status, ()))
    assert (outcome.verdict, outcome.reason) == (verdict, Reason.UNAVAILABLE)
    assert str(status) in outcome.detail


def test_request_that_ran_too_long_shrinks_whatever_its_status(upserts: Make) -> None:
    """A stopped request is not unclear: its code says why it was stopped."""
    error = ApiError(500, (Fault("REQUEST_RUNNING_TOO_LONG", "stopped"),))
    ((outcome,),) = request_outcomes([upserts("a")], error)
    assert (outcome.verdict, outcome.shrink) == (Verdict.RETRY, True)


def test_details_hold_no_personal_data(updates: Make) -> None:
    """Salesforce quotes values; outcomes do not."""
    outcome = one(updates("003A"), bad("STRING_TOO_LONG", "Phone: +1 (202) 555-0123 is long"))
    assert "555" not in outcome.detail


def test_same_fate_everywhere(upserts: Make, updates: Make) -> None:
    """A request without an answer leaves every row unclear; one never sent is retried."""
    chunks = [upserts("a", "b"), upserts(), updates("c")]
    maybe = unclear("no answer")
    assert everywhere(chunks, maybe) == ((maybe, maybe), (), (maybe,))
    assert maybe.verdict is Verdict.MAYBE
    again = not_written("no route", 5)
    assert (again.verdict, again.reason, again.wait_s) == (Verdict.RETRY, Reason.UNAVAILABLE, 5)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["success", "errors", "id", "statusCode", "errorCode", "message", "fields"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(
    sizes=st.lists(st.integers(0, 3), max_size=5),
    bodies=st.lists(st.tuples(st.sampled_from([200, 400, 403, 404, 500, 503]), JSON), max_size=6),
)
def test_every_row_has_one_fate_whatever_the_answer(
    sizes: list[int], bodies: list[tuple[int, Any]]
) -> None:
    """Strange answers give outcomes in the shape of the chunks, never an exception."""
    chunks = [
        Chunk("Task", Op.CREATE, "SMS_Key__c", tuple(Write(str(n), {}) for n in range(size)))
        for size in sizes
    ]
    parts = [part(index, body, status) for index, (status, body) in enumerate(bodies)]
    fates = composite_outcomes(chunks, answer(*parts))
    assert [len(fate) for fate in fates] == sizes
