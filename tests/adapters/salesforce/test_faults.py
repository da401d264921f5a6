"""What Salesforce says when it refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms_salesforce.faults import MAX_WORDS, ApiError, Fault, clean, parse_faults


def test_list_of_errors_gives_one_fault_each() -> None:
    """The usual body of an error is a list with errorCode, message and fields."""
    body = [
        {"message": "No such column", "errorCode": "INVALID_FIELD", "fields": ["X__c"]},
        {"message": "And another", "errorCode": "MALFORMED_ID"},
    ]
    assert parse_faults(body) == (
        Fault("INVALID_FIELD", "No such column", ("X__c",)),
        Fault("MALFORMED_ID", "And another"),
    )


def test_row_errors_name_their_code_otherwise() -> None:
    """Collections call the code statusCode."""
    body = [{"statusCode": "UNABLE_TO_LOCK_ROW", "message": "locked", "fields": []}]
    assert parse_faults(body) == (Fault("UNABLE_TO_LOCK_ROW", "locked"),)


def test_oauth_object_is_one_fault() -> None:
    """The token host answers with an object."""
    body = {"error": "invalid_grant", "error_description": "user hasn't approved"}
    assert parse_faults(body) == (Fault("invalid_grant", "user hasn't approved"),)


@pytest.mark.parametrize("body", ["<html>gateway</html>", b"x", None, [], ["text"], 7])
def test_body_that_is_not_salesforces_gives_no_fault(body: object) -> None:
    """A proxy's page is not mistaken for a code."""
    assert parse_faults(body) == ()


def test_error_without_code_is_kept() -> None:
    """An object without any code we know is still a complaint."""
    assert parse_faults([{"hello": 1}]) == (Fault("UNKNOWN"),)


@pytest.mark.parametrize(
    "number",
    ["+12025550123", "(202) 555-0123", "202-555-0123", "202.555.0123", "+44 20 7946 0018"],
)
def test_whole_numbers_do_not_appear(number: str) -> None:
    """A message that quotes a phone number is shown without it."""
    words = Fault("DUPLICATE_VALUE", f"duplicate value {number} found").words
    assert number not in words
    assert words == "DUPLICATE_VALUE: duplicate value … found"


def test_addresses_do_not_appear() -> None:
    """A message that quotes an e-mail address is shown without it."""
    assert clean("invalid email address: ada@example.com") == "invalid email address: …"


def test_body_of_a_text_does_not_appear() -> None:
    """STRING_TOO_LONG quotes the value: only field and length are shown."""
    message = "Subject: data value too large: I am at 5th\nAve, (call me) (max length=255)"
    assert clean(message) == "Subject: data value too large: … (max length=255)"


def test_words_are_one_line() -> None:
    """Salesforce sets a query and an arrow under what it complains of."""
    message = "\n, Nope FROM Task\n   ^\nERROR at Row:1:Column:9\nNo such column 'Nope'"
    assert clean(message) == ", Nope FROM Task ^ ERROR at Row:1:Column:9 No such column 'Nope'"


def test_an_answer_without_words_is_its_status() -> None:
    """A proxy's page says nothing that we may show."""
    assert str(ApiError(503, ())) == "HTTP 503"


def test_record_ids_stay() -> None:
    """An id is how the admin finds the record, even one with a long run of digits."""
    message = "duplicates value on record with id: 00T000000000123AAA"
    assert clean(message) == message


@given(st.text(max_size=2000))
def test_words_are_never_long(text: str) -> None:
    """Whatever Salesforce says fits a log line."""
    assert len(Fault("CODE", text).words) <= MAX_WORDS


@given(st.from_regex(r"\A\+[1-9][0-9]{9,14}\Z"), st.text(alphabet="ab ,;:\n", max_size=20))
def test_no_e164_number_survives(number: str, around: str) -> None:
    """A number between other words never survives whole."""
    assert number not in clean(f"{around} {number} {around}")


def test_api_error_shows_masked_words_and_codes() -> None:
    """The exception may be logged, so it holds masked words only."""
    error = ApiError(400, (Fault("A", "to +12025550123"), Fault("B")))
    assert str(error) == "HTTP 400: A: to …; B"
    assert error.codes == {"A", "B"}
