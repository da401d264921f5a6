"""What of a desired record must be looked at and written: every rule and every past."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.delivery.rules import (
    Row,
    address,
    must_look,
    references,
    resolve,
    sent_with,
    to_write,
)
from crm_sms.records import (
    DesiredField,
    Found,
    Op,
    Part,
    Reference,
    Scalar,
    Text,
    WriteRule,
)

ALWAYS, ONCE, IF_EMPTY, UNTIL_EDITED = WriteRule
KEYED, OTHERS = "Key", None


def fingerprint(value: Scalar) -> str:
    """A stand-in that tells values apart as the ledger's does."""
    return f"<{value!r}>"


def row(
    rule: WriteRule = ALWAYS, value: Scalar = "new", key_field: str | None = KEYED, **past: Any
) -> Row:
    """One field `f` that should hold a value."""
    for name in ("written", "sent"):
        if name in past:
            known = past[name]
            past[name] = {
                "f": [fingerprint(one) for one in known] if name == "sent" else fingerprint(known)
            }
    return Row(
        object="Text",
        key="k",
        key_field=key_field,
        create_only=past.pop("create_only", False),
        fields={"f": DesiredField(value, rule)},
        fingerprint=fingerprint,
        **past,
    )


def found(value: Scalar, *, deleted: bool = False) -> Found:
    """What the CRM holds."""
    return Found("a01", {"f": value}, deleted)


# ── When to look ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("given_row", "wanted"),
    [
        (row(), None),
        (row(IF_EMPTY), None),
        (row(UNTIL_EDITED), None),
        (row(maybe=True), []),
        (row(ONCE, maybe=True), []),
        (row(IF_EMPTY, maybe=True), ["f"]),
        (row(UNTIL_EDITED, maybe=True), ["f"]),
        (row(crm_id="a01"), None),
        (row(crm_id="a01", maybe=True), None),
        (row(ONCE, crm_id="a01", rewrite=True), None),
        (row(ONCE, crm_id="a01", left_out={"g"}), None),
        (row(ONCE, crm_id="a01", left_out={"f"}), ["f"]),
        (row(UNTIL_EDITED, crm_id="a01", written="old"), ["f"]),
        (row(UNTIL_EDITED, crm_id="a01", written="new"), None),
        (row(UNTIL_EDITED, crm_id="a01", written="new", maybe=True), ["f"]),
        (row(UNTIL_EDITED, crm_id="a01", written="new", rewrite=True), ["f"]),
        (row(IF_EMPTY, crm_id="a01", written="new"), None),
        (row(IF_EMPTY, crm_id="a01"), ["f"]),
        (row(ALWAYS, key_field=OTHERS, maybe=True), None),
        (row(IF_EMPTY, key_field=OTHERS), ["f"]),
        (row(ONCE, create_only=True), None),
        (row(ONCE, create_only=True, maybe=True), []),
        (row(ONCE, create_only=True, crm_id="a01", maybe=True), None),
    ],
)
def test_only_what_cannot_be_known_is_looked_up(given_row: Row, wanted: list[str] | None) -> None:
    """An empty list asks whether the record exists."""
    assert must_look(given_row) == wanted


# ── What to write ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("given_row", "seen", "written"),
    [
        # A record that cannot exist yet is made with every field.
        (row(ALWAYS), None, {"f": "new"}),
        (row(ONCE), None, {"f": "new"}),
        (row(IF_EMPTY), None, {"f": "new"}),
        (row(UNTIL_EDITED), None, {"f": "new"}),
        (row(ONCE, maybe=True), None, {"f": "new"}),
        # One that exists: ours always, the rest by their rules.
        (row(ALWAYS, crm_id="a01"), None, {"f": "new"}),
        (row(ALWAYS, crm_id="a01", written="new"), None, {}),
        (row(ALWAYS, crm_id="a01", written="new", maybe=True), None, {"f": "new"}),
        (row(ALWAYS, crm_id="a01", written="new", rewrite=True), None, {"f": "new"}),
        (row(ALWAYS, maybe=True), found("theirs"), {"f": "new"}),
        (row(ONCE, crm_id="a01", rewrite=True), None, {}),
        (row(ONCE, maybe=True), found(None), {}),
        (row(ONCE, crm_id="a01", left_out={"f"}), found(None), {"f": "new"}),
        (row(ONCE, crm_id="a01", left_out={"f"}), found("theirs"), {}),
        (row(ONCE, crm_id="a01", left_out={"g"}), found(None), {}),
        (row(IF_EMPTY, maybe=True), found(None), {"f": "new"}),
        (row(IF_EMPTY, maybe=True), found(""), {"f": "new"}),
        (row(IF_EMPTY, maybe=True), found("theirs"), {}),
        (row(IF_EMPTY, crm_id="a01", written="old"), found("old"), {}),
        (row(UNTIL_EDITED, crm_id="a01", written="old"), found("old"), {"f": "new"}),
        (row(UNTIL_EDITED, crm_id="a01", written="old"), found("theirs"), {}),
        (row(UNTIL_EDITED, crm_id="a01", written="old"), found(None), {}),
        (row(UNTIL_EDITED, crm_id="a01", written="old"), found("new"), {}),
        (row(UNTIL_EDITED, crm_id="a01"), found(None), {"f": "new"}),
        (row(UNTIL_EDITED, crm_id="a01"), found("theirs"), {}),
        (row(UNTIL_EDITED, maybe=True, sent=["v1", "v2"]), found("v1"), {"f": "new"}),
        (row(UNTIL_EDITED, maybe=True, sent=["v1", "v2"]), found("v2"), {"f": "new"}),
        (row(UNTIL_EDITED, maybe=True, sent=["v1", "v2"]), found("theirs"), {}),
        # Somebody else's record is only updated.
        (row(ALWAYS, key_field=OTHERS), None, {"f": "new"}),
        (row(ONCE, key_field=OTHERS), None, {}),
        # What is made once is never touched again.
        (row(ONCE, create_only=True), None, {"f": "new"}),
        (row(ONCE, create_only=True, crm_id="a01"), None, None),
        (row(ONCE, create_only=True, crm_id="a01", left_out={"f"}), None, None),
        (row(ONCE, create_only=True, maybe=True), None, {"f": "new"}),
        (row(ONCE, create_only=True, maybe=True), found(None), None),
        (row(ONCE, create_only=True, maybe=True), found(None, deleted=True), None),
        (row(ALWAYS, create_only=True, crm_id="a01", rewrite=True), None, None),
    ],
)
def test_what_is_written(
    given_row: Row, seen: Found | None, written: dict[str, Scalar] | None
) -> None:
    """The rule, what we confirmed, what may have been sent, and what the CRM holds now."""
    assert to_write(given_row, seen) == written


values = st.sampled_from(["new", "old", "v1", "theirs", "", None, 0, 1, True, False])
pasts = st.fixed_dictionaries(
    {},
    optional={
        "crm_id": st.just("a01"),
        "written": values,
        "sent": st.lists(values, max_size=3),
        "maybe": st.booleans(),
        "rewrite": st.booleans(),
        "create_only": st.booleans(),
        "key_field": st.sampled_from([KEYED, OTHERS]),
    },
)


@given(st.sampled_from(WriteRule), values, pasts, values)
def test_a_rule_never_breaks_its_promise(
    rule: WriteRule, value: Scalar, past: dict[str, Any], held: Scalar
) -> None:
    """On a record that is there: once writes nothing, if_empty only over nothing, until_edited only
    over nothing or what may be ours, and none of them what stands there already."""
    given_row = row(rule, value, **past)
    written = to_write(given_row, found(held))
    if given_row.exists is False or not written:
        return
    assert not given_row.create_only
    assert rule is not ONCE
    if rule is IF_EMPTY:
        assert held in (None, "")
    if rule is UNTIL_EDITED:
        ours = [given_row.written.get("f"), *given_row.sent.get("f", ())]
        assert fingerprint(held) in ours or held in (None, "")
    if rule is not ALWAYS:
        assert fingerprint(written["f"]) != fingerprint(held)


few = st.sampled_from(["new", "old", None])
marks = few.map(fingerprint)
rows = st.builds(
    Row,
    object=st.just("Text"),
    key=st.just("k"),
    key_field=st.sampled_from([KEYED, OTHERS]),
    create_only=st.booleans(),
    fields=st.fixed_dictionaries(
        dict.fromkeys("fg", st.builds(DesiredField, few, st.sampled_from(WriteRule)))
    ),
    fingerprint=st.just(fingerprint),
    crm_id=st.sampled_from(["a01", None]),
    written=st.fixed_dictionaries(dict.fromkeys("fg", marks)) | st.just({}),
    sent=st.just({}) | st.fixed_dictionaries({"f": st.lists(marks, max_size=2)}),
    maybe=st.booleans(),
    rewrite=st.booleans(),
)


@given(rows, st.fixed_dictionaries(dict.fromkeys("fg", few)))
def test_the_decision_needs_no_more_than_the_look_asked_for(
    given_row: Row, held: dict[str, Scalar]
) -> None:
    """What the CRM holds in fields that nobody asked about makes no difference."""
    asked = must_look(given_row)
    if asked is not None:
        seen = Found("a01", {name: held[name] for name in asked})
        assert to_write(given_row, seen) == to_write(given_row, Found("a01", held))
    elif given_row.exists:
        assert to_write(given_row, None) == to_write(given_row, Found("a01", held))


def test_a_field_that_nobody_asked_about_is_left_as_it_is() -> None:
    """A look for another field of the record says nothing of what a rep put there since."""
    fields = {"f": DesiredField("new", IF_EMPTY), "g": DesiredField("new", UNTIL_EDITED)}
    written = {"f": fingerprint("new"), "g": fingerprint("old")}
    given_row = replace(row(crm_id="a01"), fields=fields, written=written)
    assert must_look(given_row) == ["g"]
    assert to_write(given_row, Found("a01", {"g": "old"})) == {"g": "new"}


# ── What may be in the CRM then ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("rule", WriteRule)
def test_only_what_people_may_edit_is_kept_as_sent(rule: WriteRule) -> None:
    """Nothing is compared with it under the other rules."""
    marks = [fingerprint("cut…")] if rule is UNTIL_EDITED else None
    assert sent_with(row(rule, "cut…"), {"f": "cut…"}).get("f") == marks


@given(st.lists(values, max_size=6))
def test_every_value_that_went_out_is_kept_once(sent: list[Scalar]) -> None:
    """However often and in whatever order; a field that does not go out adds nothing."""
    given_row = row(UNTIL_EDITED)
    for value in sent:
        given_row = replace(given_row, sent=sent_with(given_row, {"f": value}))
        assert sent_with(given_row, {}) == given_row.sent
    marks = list(dict.fromkeys(map(fingerprint, sent)))
    assert given_row.sent == ({"f": marks} if marks else {})


# ── By which key ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("given_row", "seen", "way"),
    [
        (row(key_field=OTHERS), None, (Op.UPDATE, "k")),
        (row(key_field=OTHERS, crm_id="a01"), None, (Op.UPDATE, "k")),
        (row(create_only=True), None, (Op.CREATE, "k")),
        (row(), None, (Op.UPSERT, "k")),
        (row(maybe=True), None, (Op.UPSERT, "k")),
        (row(maybe=True), found("x"), (Op.UPDATE, "a01")),
        (row(crm_id="a02"), None, (Op.UPDATE, "a02")),
        (row(crm_id="a02"), found("x"), (Op.UPDATE, "a02")),
    ],
)
def test_a_known_record_goes_by_its_id(
    given_row: Row, seen: Found | None, way: tuple[Op, str]
) -> None:
    """An upsert would make it anew after somebody deleted it."""
    assert address(given_row, seen) == way


# ── References ───────────────────────────────────────────────────────────────────────────────────

A, B = Reference("Text", "a"), Reference("Text", "b", Part.URL)


def test_references_are_found_wherever_they_stand() -> None:
    """In a field of their own and within texts, each time."""
    fields = {
        "x": DesiredField(A),
        "y": DesiredField(Text(("see ", B, " and ", A))),
        "z": DesiredField("plain"),
    }
    assert references(fields) == [A, B, A]


@pytest.mark.parametrize(("a", "b"), list(product([None, "a01"], [None, "https://x.example/b"])))
def test_a_reference_that_cannot_be_resolved_leaves_nothing(a: str | None, b: str | None) -> None:
    """Rules stay; a text keeps its words, without blanks at its end."""
    fields = {
        "x": DesiredField(A, ONCE),
        "y": DesiredField(Text(("see\n\n", B)), IF_EMPTY),
        "z": DesiredField(3, UNTIL_EDITED),
    }
    resolved = resolve(fields, {A: a, B: b}.get)
    assert resolved == {
        "x": DesiredField(a, ONCE),
        "y": DesiredField(f"see\n\n{b}" if b else "see", IF_EMPTY),
        "z": DesiredField(3, UNTIL_EDITED),
    }
