"""A record cut to what the CRM shows our user."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.delivery.fit import cut, fit
from crm_sms.records import DesiredField, FieldDescription, FieldType, ObjectDescription

names = st.sampled_from("abcdef")
described = st.sets(names).map(
    lambda seen: ObjectDescription("O", {n: FieldDescription(n, FieldType.TEXT) for n in seen})
)


def text(length: int | None) -> FieldDescription:
    """A text field of this length."""
    return FieldDescription("f", FieldType.TEXT, length)


@given(st.dictionaries(names, st.builds(DesiredField, st.text())), st.sets(names), described)
def test_every_field_is_written_or_named(
    fields: dict[str, DesiredField], starred: set[str], description: ObjectDescription
) -> None:
    """Each wanted field is in exactly one of the three: seen, missing, left out."""
    fitted = fit(fields, starred, description)
    told = [*fitted.fields, *fitted.missing, *fitted.left_out]
    assert sorted(told) == sorted(fields)
    assert all(fitted.fields[name] is fields[name] for name in fitted.fields)
    assert set(fitted.fields) <= set(description.fields)
    assert set(fitted.missing) <= starred
    assert not set(fitted.left_out) & starred


@given(st.dictionaries(names, st.builds(DesiredField, st.text()), min_size=1), st.sets(names))
def test_without_the_object_the_row_cannot_be_written(
    fields: dict[str, DesiredField], starred: set[str]
) -> None:
    """Something is always missing then, so that the row parks and is not taken as done."""
    fitted = fit(fields, starred, None)
    assert fitted.missing
    assert fitted.fields == {}


@given(st.text(), st.integers(1, 40))
def test_a_text_fits_its_field(value: str, length: int) -> None:
    """Cut to the length with an ellipsis; a second cut changes nothing; what fits stays."""
    short = cut(value, text(length))
    assert isinstance(short, str)
    assert len(short) <= length
    assert cut(short, text(length)) == short
    if len(value) <= length:
        assert short == value
    else:
        assert short.endswith("…")
        assert value.startswith(short[:-1])


@pytest.mark.parametrize("value", [None, True, 0, 12345, 1.5])
def test_what_is_no_text_is_never_cut(value: float | None) -> None:
    """A number has no length."""
    assert cut(value, text(1)) is value
    assert cut(value, FieldDescription("f", FieldType.PICKLIST, restricted=True)) is value


@pytest.mark.parametrize("description", [None, text(None), text(0)])
def test_a_field_without_a_length_takes_everything(description: FieldDescription | None) -> None:
    """Nothing is cut on a guess."""
    assert cut("x" * 100_000, description) == "x" * 100_000


@pytest.mark.parametrize(
    ("value", "restricted", "expected"),
    [("Sent", True, "Sent"), ("Read", True, None), ("Read", False, "Read")],
)
def test_a_restricted_picklist_takes_its_choices_only(
    value: str, restricted: bool, expected: str | None
) -> None:
    """Another choice is left empty; an open picklist takes any."""
    picklist = FieldDescription(
        "f", FieldType.PICKLIST, choices=("Sent", "Failed"), restricted=restricted
    )
    assert cut(value, picklist) == expected
