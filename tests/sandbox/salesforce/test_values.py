"""What each type of field takes, keeps and refuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.sandbox.salesforce import ids, values
from crm_sms.sandbox.salesforce.refusals import Refused
from crm_sms.sandbox.salesforce.schema import Field

TEXT = Field("Text__c", "string", "Text", length=10)
PHONE = Field("Phone", "phone", "Phone", length=40)
LONG = Field("Body__c", "textarea", "Body", length=32768)
EMAIL = Field("Email", "email", "Email", length=80)
OPEN = Field("Type", "picklist", "Type", length=40, values=("Call", "Email"))
STRICT = Field("Dir__c", "picklist", "Direction", length=40, values=("In", "Out"), restricted=True)
CHECK = Field("Flag__c", "boolean", "Flag", nillable=False)
NUMBER = Field("Score__c", "double", "Score", precision=5, scale=2)
INT = Field("Seconds", "int", "Seconds", precision=8)
DATE = Field("Due", "date", "Due")
MOMENT = Field("At__c", "datetime", "At")
LOOKUP = Field("ContactId", "reference", "Contact ID", length=18, to=("Contact",))
REQUIRED = Field("LastName", "string", "Last Name", length=80, nillable=False)

CONTACT = ids.make("003", 7)


@pytest.mark.parametrize(
    ("field", "given", "kept"),
    [
        (TEXT, "abc", "abc"),
        (TEXT, "  abc \n", "abc"),
        (TEXT, "", None),
        (TEXT, "   ", None),
        (TEXT, None, None),
        (TEXT, "x" * 10, "x" * 10),
        (TEXT, "é" * 10, "é" * 10),
        (TEXT, "😀" * 5, "😀" * 5),
        (PHONE, "(555) 123-4567", "(555) 123-4567"),
        (LONG, "a\nb", "a\nb"),
        (LONG, "x" * 32768, "x" * 32768),
        (EMAIL, "jo@example.com", "jo@example.com"),
        (OPEN, "Carrier pigeon", "Carrier pigeon"),
        (STRICT, "In", "In"),
        (STRICT, None, None),
        (CHECK, True, True),
        (CHECK, False, False),
        (NUMBER, 1, 1.0),
        (NUMBER, 1.234, 1.23),
        (NUMBER, 999.99, 999.99),
        (NUMBER, -0.5, -0.5),
        (NUMBER, None, None),
        (INT, 42, 42),
        (DATE, "2026-11-20", "2026-11-20"),
        (MOMENT, "2026-11-20T15:48:22Z", "2026-11-20T15:48:22.000+0000"),
        (MOMENT, "2026-11-20T15:48:22.999Z", "2026-11-20T15:48:22.000+0000"),
        (MOMENT, "2026-11-20T15:48:22.000+0000", "2026-11-20T15:48:22.000+0000"),
        (MOMENT, "2026-11-20T15:48:22-05:00", "2026-11-20T20:48:22.000+0000"),
        (LOOKUP, CONTACT, CONTACT),
        (LOOKUP, CONTACT[:15], CONTACT),
    ],
)
def test_takes(field: Field, given: Any, kept: Any) -> None:
    """Values come out as Salesforce keeps them."""
    assert values.stored(field, given) == kept


@pytest.mark.parametrize(
    ("field", "given", "code"),
    [
        (TEXT, "x" * 11, "STRING_TOO_LONG"),
        (TEXT, "😀" * 6, "STRING_TOO_LONG"),
        (PHONE, "1" * 41, "STRING_TOO_LONG"),
        (LONG, "x" * 32769, "STRING_TOO_LONG"),
        (OPEN, "x" * 41, "STRING_TOO_LONG"),
        (TEXT, 5, "JSON_PARSER_ERROR"),
        (TEXT, True, "JSON_PARSER_ERROR"),
        (TEXT, ["a"], "JSON_PARSER_ERROR"),
        (TEXT, {"a": 1}, "JSON_PARSER_ERROR"),
        (EMAIL, "nobody", "INVALID_EMAIL_ADDRESS"),
        (EMAIL, "a b@example.com", "INVALID_EMAIL_ADDRESS"),
        (STRICT, "Sideways", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        (STRICT, "in", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        (CHECK, "true", "JSON_PARSER_ERROR"),
        (CHECK, 1, "JSON_PARSER_ERROR"),
        (CHECK, None, "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        (CHECK, "", "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        (NUMBER, "1", "JSON_PARSER_ERROR"),
        (NUMBER, True, "JSON_PARSER_ERROR"),
        (NUMBER, 1000, "NUMBER_OUTSIDE_VALID_RANGE"),
        (NUMBER, -1000.0, "NUMBER_OUTSIDE_VALID_RANGE"),
        (NUMBER, float("inf"), "NUMBER_OUTSIDE_VALID_RANGE"),
        (INT, 1.5, "JSON_PARSER_ERROR"),
        (INT, 10**8, "NUMBER_OUTSIDE_VALID_RANGE"),
        (DATE, "20.11.2026", "JSON_PARSER_ERROR"),
        (DATE, "2026-02-30", "JSON_PARSER_ERROR"),
        (DATE, "2026-11-20T00:00:00Z", "JSON_PARSER_ERROR"),
        (DATE, "1066-10-14", "JSON_PARSER_ERROR"),
        (MOMENT, "2026-11-20", "JSON_PARSER_ERROR"),
        (MOMENT, "2026-11-20T15:48:22", "JSON_PARSER_ERROR"),
        (MOMENT, "2026-11-20 15:48:22Z", "JSON_PARSER_ERROR"),
        (MOMENT, "2026-11-20T25:00:00Z", "JSON_PARSER_ERROR"),
        (MOMENT, "4001-01-01T00:00:00Z", "JSON_PARSER_ERROR"),
        (MOMENT, 1795000000, "JSON_PARSER_ERROR"),
        (LOOKUP, "003", "MALFORMED_ID"),
        (LOOKUP, CONTACT[:17] + "?", "MALFORMED_ID"),
        (LOOKUP, 3, "JSON_PARSER_ERROR"),
        (REQUIRED, None, "REQUIRED_FIELD_MISSING"),
        (REQUIRED, "", "REQUIRED_FIELD_MISSING"),
        (REQUIRED, "  ", "REQUIRED_FIELD_MISSING"),
    ],
)
def test_refuses(field: Field, given: Any, code: str) -> None:
    """Each refusal has Salesforce's code and names the field."""
    with pytest.raises(Refused) as caught:
        values.stored(field, given)
    assert (caught.value.code, caught.value.fields) == (code, [field.name])


def test_a_long_text_is_not_repeated_whole() -> None:
    """The message of STRING_TOO_LONG names label and length, and holds a part of the text."""
    with pytest.raises(Refused) as caught:
        values.stored(LONG, "x" * 40_000)
    assert caught.value.message.startswith("Body: data value too large: xxx")
    assert caught.value.message.endswith("(max length=32768)")
    assert len(caught.value.message) < 400


@given(
    st.datetimes(datetime.fromisoformat("1701-01-01"), datetime.fromisoformat("3999-01-01")),
    st.integers(-14 * 60, 14 * 60),
)
def test_any_offset_is_the_same_instant(moment: datetime, minutes: int) -> None:
    """A moment written with any offset is kept as the same second in UTC."""
    zoned = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    kept = values.as_datetime(zoned.isoformat(timespec="microseconds"))
    assert kept == values.stamp(zoned.replace(microsecond=0))


@given(st.lists(st.datetimes(datetime.fromisoformat("1970-01-01")), min_size=2))
def test_stamps_sort_as_the_instants_do(moments: list[datetime]) -> None:
    """Texts of instants are in the order of the instants."""
    zoned = sorted(moment.replace(tzinfo=UTC) for moment in moments)
    stamps = [values.stamp(moment) for moment in zoned]
    assert stamps == sorted(stamps)


@given(st.text())
def test_length_is_that_of_utf_16(text: str) -> None:
    """A character beyond the basic plane counts two."""
    assert values.text_length(text) == sum(2 if ord(char) > 0xFFFF else 1 for char in text)
