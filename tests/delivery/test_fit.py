"""A record fitted to what the CRM has and grants our user."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.delivery.fit import LONGEST_LINK, cut, cut_parts, fit, length, permit
from crm_sms.records import (
    DesiredField,
    FieldDescription,
    FieldType,
    ObjectDescription,
    Part,
    Reference,
    Scalar,
    Text,
    Value,
    WriteRule,
)

URL = Reference("SMS_Message__c", "k", Part.URL)
ID = Reference("SMS_Message__c", "k")
HIDDEN = "missing or hidden"

names = st.sampled_from("abcdef")
types = st.sampled_from(FieldType)
described = st.dictionaries(names, types).map(
    lambda seen: ObjectDescription(
        "O", {n: FieldDescription(n, type_) for n, type_ in seen.items()}
    )
)
values = st.text() | st.integers() | st.booleans() | st.none() | st.just(URL)
desired = st.dictionaries(names, st.builds(DesiredField, values))


def one(field: FieldDescription) -> ObjectDescription:
    """An object with this field alone."""
    return ObjectDescription("O", {field.name: field})


def text(length: int | None) -> FieldDescription:
    """A text field of this length."""
    return FieldDescription("f", FieldType.TEXT, length)


def fitted(value: Value, field: FieldDescription) -> Value:
    """What is written of a value that the field takes."""
    found = fit({"f": DesiredField(value)}, (), one(field))
    assert not found.missing
    return found.fields["f"].value


@given(desired, st.sets(names), described)
def test_every_field_is_written_or_named(
    fields: dict[str, DesiredField], starred: set[str], description: ObjectDescription
) -> None:
    """Each wanted or starred field is in at most one of the three; none is dropped in silence."""
    found = fit(fields, starred, description)
    told = [*found.fields, *found.missing, *found.left_out]
    assert len(told) == len(set(told))
    assert set(fields) <= set(told) <= set(fields) | starred
    assert all(found.fields[name] is fields[name] for name in found.fields)
    assert set(found.fields) <= set(description.fields)
    assert set(found.missing) <= starred
    assert not set(found.left_out) & starred
    assert starred - set(description.fields) <= set(found.missing)


@given(desired, st.sets(names))
def test_without_the_object_the_row_cannot_be_written(
    fields: dict[str, DesiredField], starred: set[str]
) -> None:
    """Something is always missing then, so that the row parks and is not taken as done."""
    found = fit(fields, starred, None)
    assert found.missing
    assert found.fields == {}


def test_a_hidden_optional_field_is_left_out() -> None:
    """The other fields of the record go on as they are."""
    price, segments = DesiredField(0.01), DesiredField(1, WriteRule.ONCE)
    number = FieldDescription("Segments__c", FieldType.NUMBER)
    found = fit({"Price__c": price, "Segments__c": segments}, {"Segments__c"}, one(number))
    assert found.fields == {"Segments__c": segments}
    assert (found.missing, found.left_out) == ({}, {"Price__c": HIDDEN})


def test_a_hidden_required_field_is_missing() -> None:
    """An opt-out without its checkbox would say nothing."""
    at = FieldDescription("At__c", FieldType.INSTANT)
    fields = {
        "Out__c": DesiredField(True),
        "At__c": DesiredField("2026-11-20T12:00:00.000Z"),
    }
    found = fit(fields, {"Out__c"}, one(at))
    assert (found.missing, found.left_out) == ({"Out__c": HIDDEN}, {})


def test_a_hidden_key_is_missing() -> None:
    """A key stands among the starred names only; one that nobody sees keeps no records apart."""
    found = fit({"f": DesiredField("x")}, {"Key__c"}, one(text(255)))
    assert (found.missing, found.left_out) == ({"Key__c": HIDDEN}, {})


@pytest.mark.parametrize(
    ("value", "restricted", "written"),
    [("Sent", True, True), ("Read", True, False), ("Read", False, True), ("", True, True)],
)
def test_a_restricted_picklist_takes_its_choices_only(
    value: str, restricted: bool, written: bool
) -> None:
    """What it lacks is left out, so that what stands there stays; an open picklist takes any, and
    each can be emptied."""
    picklist = FieldDescription(
        "f", FieldType.PICKLIST, choices=("Sent", "Failed"), restricted=restricted
    )
    fields = {"f": DesiredField(value)}
    found = fit(fields, (), one(picklist))
    assert found.fields == (fields if written else {})
    assert ("f" in found.left_out) is not written
    assert ("f" in fit(fields, {"f"}, one(picklist)).missing) is not written


@pytest.mark.parametrize("type_", FieldType)
def test_every_field_can_be_emptied(type_: FieldType) -> None:
    """Nothing fits everywhere."""
    field = FieldDescription("f", type_, restricted=True)
    assert fitted(None, field) is None


@pytest.mark.parametrize(
    ("type_", "takes", "refuses"),
    [
        (FieldType.TEXT, ["x", Text(("x", URL)), URL], [3, 0.5, True]),
        (FieldType.LONG_TEXT, ["x", Text(("x", URL)), URL], [3, True]),
        (FieldType.PHONE, ["+12025550123"], [12025550123, True]),
        (FieldType.PICKLIST, ["x"], [3, True]),
        (FieldType.REFERENCE, ["003A", ID], [3, True]),
        (FieldType.NUMBER, [3, 0.5, -1], ["3", True, URL]),
        (FieldType.CHECKBOX, [True, False], ["true", 1, URL]),
        (FieldType.DATE, ["2026-11-20", ""], ["2026-11-20T12:00:00.000Z", "soon", 3, URL]),
        (FieldType.INSTANT, ["2026-11-20T12:00:00.000Z", ""], ["2026-11-20", "Sent", 3, URL]),
        (FieldType.OTHER, ["x", 3, True, URL], []),
    ],
)
def test_a_field_gets_only_what_its_type_takes(
    type_: FieldType, takes: list[Value], refuses: list[Value]
) -> None:
    """A value of another type would fail every row, or the request that the rows are in."""
    field = FieldDescription("f", type_)
    for value in takes:
        assert fitted(value, field) is value
    for value in refuses:
        found = fit({"f": DesiredField(value)}, (), one(field))
        assert (list(found.fields), list(found.left_out)) == ([], ["f"])
        assert str(type_) in found.left_out["f"]


@given(st.text(min_size=1))
def test_no_reason_holds_data(value: str) -> None:
    """Reasons are logged and shown; what a person wrote is not."""
    secret = f"secret {value}"
    picklist = FieldDescription("f", FieldType.PICKLIST, choices=("Sent",), restricted=True)
    for field in (picklist, FieldDescription("f", FieldType.NUMBER)):
        found = fit({"f": DesiredField(secret)}, (), one(field))
        assert "secret" not in found.left_out["f"]


KEY = FieldDescription("Key__c", FieldType.TEXT, unique_key=True)


@pytest.mark.parametrize(
    ("new_key", "names"), [("Key__c", ["both", "created"]), (None, ["both", "updated"])]
)
def test_rights_are_those_of_the_operation_at_hand(new_key: str | None, names: list[str]) -> None:
    """Who may create a field need not be allowed to edit it, nor the other way round."""
    fields = {
        "both": FieldDescription("both", FieldType.TEXT),
        "created": FieldDescription("created", FieldType.TEXT, updatable=False),
        "updated": FieldDescription("updated", FieldType.TEXT, creatable=False),
    }
    description = ObjectDescription("O", {**fields, "Key__c": KEY})
    wanted: dict[str, Scalar] = dict.fromkeys(fields, "x")
    found = permit(wanted, {"Key__c"}, description, new_key)
    assert list(found.fields) == names
    assert (found.missing, found.left_out.keys()) == ({}, fields.keys() - names)
    strict = permit(wanted, {"Key__c", *fields}, description, new_key)
    assert (strict.missing.keys(), strict.left_out) == (fields.keys() - names, {})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"creatable": False}, "our user may not set it in a new record"),
        ({"unique_key": False}, "it is not unique, so records could be made twice"),
    ],
)
def test_a_key_must_be_unique_and_writable_when_a_record_is_made(
    changes: dict[str, bool], why: str
) -> None:
    """A record that exists is found by its id, and its key is not written again."""
    key = replace(KEY, **changes)  # type: ignore[arg-type]
    description = ObjectDescription("O", {"Key__c": key, "f": text(255)})
    made = permit({"f": "x"}, {"Key__c"}, description, "Key__c")
    assert (dict(made.fields), made.missing) == ({"f": "x"}, {"Key__c": why})
    edited = permit({"f": "x"}, {"Key__c"}, description, None)
    assert (dict(edited.fields), edited.missing) == ({"f": "x"}, {})


def test_a_starred_field_that_is_not_written_now_needs_no_right() -> None:
    """What the CRM has confirmed already is no reason to park the rest."""
    locked = FieldDescription("Out__c", FieldType.CHECKBOX, updatable=False)
    description = ObjectDescription("O", {"Out__c": locked, "f": text(255)})
    found = permit({"f": "x"}, {"Out__c"}, description, None)
    assert (dict(found.fields), found.missing) == ({"f": "x"}, {})


@given(st.text(), st.integers(0, 40))
def test_a_cut_text_fits_and_is_a_beginning(value: str, limit: int) -> None:
    """Never longer than the field as the CRM counts, never a split character, nothing else
    changed; what fits is not touched, and a second cut changes nothing."""
    found = cut(value, limit)
    assert length(found) <= limit
    assert cut(found, limit) == found
    if length(value) <= limit:
        assert found == value
    elif limit:
        assert found.endswith("…")
        assert value.startswith(found[:-1])
        assert limit - length(found) <= 1


@given(st.text())
def test_length_counts_utf_16_units(value: str) -> None:
    """An emoji beyond the basic plane counts twice."""
    assert length(value) == len(value.encode("utf-16-le", "surrogatepass")) // 2


@given(
    st.lists(st.text(max_size=30) | st.just(URL), max_size=6),
    st.integers(0, 3 * LONGEST_LINK),
)
def test_a_text_with_links_leaves_room_for_them(parts: list[str | Reference], limit: int) -> None:
    """However long the links turn out to be, up to LONGEST_LINK, the whole fits; no link is lost
    and no order changed."""
    found = cut_parts(Text(tuple(parts)), limit)
    links = [part for part in parts if part is URL]
    plain = [part for part in found.parts if isinstance(part, str)]
    assert [part for part in found.parts if part is URL] == links
    room = limit - len(links) * LONGEST_LINK
    assert sum(map(length, plain)) <= max(room, 0)
    if sum(length(part) for part in parts if isinstance(part, str)) <= room:
        assert plain == [part for part in parts if isinstance(part, str) and part]


@pytest.mark.parametrize("type_", [FieldType.TEXT, FieldType.LONG_TEXT, FieldType.OTHER])
def test_texts_are_cut_to_their_fields(type_: FieldType) -> None:
    """Bodies and subjects with an ellipsis; in a text with a link the longest passage gives way."""
    assert fitted("Can we do Tuesday?", FieldDescription("f", type_, 10)) == "Can we do…"
    long = Text(("x" * 1000, " see ", URL))
    found = fitted(long, FieldDescription("f", type_, 300))
    assert found == Text(("x" * (300 - LONGEST_LINK - 6) + "…", " see ", URL))


def test_a_cut_keeps_the_rule() -> None:
    """When the field may be written is not a matter of its length."""
    found = fit({"f": DesiredField("xyz", WriteRule.IF_EMPTY)}, (), one(text(2)))
    assert found.fields["f"] == DesiredField("x…", WriteRule.IF_EMPTY)


@pytest.mark.parametrize("limit", [None, 0])
def test_a_field_without_a_length_takes_everything(limit: int | None) -> None:
    """Nothing is cut on a guess."""
    assert fitted("x" * 100_000, text(limit)) == "x" * 100_000


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        (12345, FieldType.NUMBER),
        (True, FieldType.CHECKBOX),
        ("2026-11-20T12:00:00.000Z", FieldType.INSTANT),
        ("003A00000000001", FieldType.REFERENCE),
        (URL, FieldType.TEXT),
    ],
)
def test_what_is_no_text_is_never_cut(value: Value, type_: FieldType) -> None:
    """Half an id or half a link leads nowhere."""
    assert fitted(value, FieldDescription("f", type_, 4)) is value
