"""One record against the ledger: what is a difference, and what is somebody's choice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.delivery.rules import Row, to_write
from crm_sms.ledger.crm_records import CrmRecord
from crm_sms.records import (
    DesiredField,
    DesiredRecord,
    FieldDescription,
    FieldType,
    Found,
    Lane,
    ObjectDescription,
    Scalar,
    WriteRule,
)
from crm_sms.use_cases.verify import DIFFERENCES, Kind
from crm_sms.use_cases.verify.comparing import compare, readable
from crm_sms.use_cases.verify.words import Expected

ALWAYS, ONCE = WriteRule.ALWAYS, WriteRule.ONCE
IF_EMPTY, UNTIL_EDITED = WriteRule.IF_EMPTY, WriteRule.UNTIL_EDITED


def fingerprint(value: Scalar) -> str:
    """Stands for a value; an empty text is none, as in the ledger."""
    return json.dumps(value or None)


def described(*names: str, **changes: Any) -> ObjectDescription:
    """An object with these fields."""
    fields = {name: FieldDescription(name, FieldType.TEXT, **changes) for name in names}
    return ObjectDescription("Text", fields)


def expected(wanted: Scalar = "new", rule: WriteRule = ALWAYS, **changes: Any) -> Expected:
    """A record with one field, which the CRM confirmed as "old" unless `written` says else."""
    written = changes.pop("written", {"f": fingerprint("old")})
    record = DesiredRecord(
        "crm",
        "Text",
        "k",
        changes.pop("lane", Lane.TIMELINE),
        {"f": DesiredField(wanted, rule)} if wanted is not None or rule is ALWAYS else {},
        key_field=changes.pop("key_field", "Key"),
        create_only=changes.pop("create_only", False),
    )
    known = None if written is None else CrmRecord("id1", written, changes.pop("left", frozenset()))
    return Expected(record, known, **changes)


def kinds(one: Expected, held: Scalar, deleted: bool = False) -> list[Kind]:
    """What is said where the CRM holds this in the field."""
    found = Found("id1", {"f": held}, deleted)
    return [finding.kind for finding in compare(one, described("f"), found, fingerprint)]


CASES: list[tuple[str, Expected, Scalar, list[Kind]]] = [
    ("as wanted", expected(), "new", []),
    ("a blank is as good as nothing", expected(None), "", []),
    ("ours alone, and changed", expected(), "theirs", [Kind.DIFFERS]),
    ("ours alone, and emptied", expected(), None, [Kind.DIFFERS]),
    ("ours alone, and not written again", expected(), "old", [Kind.DIFFERS]),
    ("never written", expected(written={}), None, [Kind.DIFFERS]),
    ("never confirmed, and there", expected(written=None), "new", []),
    ("on its way", expected(waits=True), "old", [Kind.ON_ITS_WAY]),
    ("on its way, and changed", expected(waits=True), "theirs", [Kind.ON_ITS_WAY]),
    ("parked", expected(parked="locked: by somebody"), "old", [Kind.PARKED]),
    ("parked, and there nevertheless", expected(parked="unclear"), "new", []),
    ("an owner of then", expected(of_mirror=frozenset("f")), "old", [Kind.OLDER]),
    ("an owner of nobody", expected(of_mirror=frozenset("f")), "theirs", [Kind.DIFFERS]),
    ("left out then", expected(left=frozenset("f"), written={}), None, [Kind.LEFT_OUT]),
    ("an opt-out unchecked", expected(lane=Lane.OPT_OUT), "off", [Kind.OPT_OUT]),
    ("an opt-out under way", expected(lane=Lane.OPT_OUT, waits=True), None, [Kind.ON_ITS_WAY]),
    ("once, and edited", expected(rule=ONCE), "theirs", [Kind.EDITED]),
    ("once, and as it was then", expected(rule=ONCE), "old", []),
    ("filled by somebody", expected(rule=IF_EMPTY, written={}), "theirs", [Kind.EDITED]),
    ("emptied by somebody", expected("old", IF_EMPTY), None, [Kind.EDITED]),
    ("never filled", expected(rule=IF_EMPTY, written={}), None, [Kind.DIFFERS]),
    ("filled by us when it was another", expected(rule=IF_EMPTY), "old", []),
    ("edited", expected(rule=UNTIL_EDITED), "theirs", [Kind.EDITED]),
    ("ours, and not written again", expected(rule=UNTIL_EDITED), "old", [Kind.DIFFERS]),
    (
        "an owner of then that nobody edited",
        expected(rule=UNTIL_EDITED, of_mirror=frozenset("f")),
        "old",
        [Kind.OLDER],
    ),
    ("a task is the rep's", expected(create_only=True), "theirs", []),
]


@pytest.mark.parametrize(("one", "held", "said"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_field_is_judged_by_its_write_rule(one: Expected, held: Scalar, said: list[Kind]) -> None:
    """And by what the CRM confirmed, and by what waits."""
    assert kinds(one, held) == said


ABSENT: list[tuple[str, Expected, bool, list[Kind]]] = [
    ("never written", expected(written=None), False, [Kind.MISSING]),
    ("gone without a trace", expected(), False, [Kind.MISSING]),
    ("deleted", expected(), True, [Kind.DELETED]),
    ("deleted, with news", expected(waits=True), True, [Kind.DELETED]),
    ("deleted, and parked for it", expected(parked="deleted"), True, [Kind.PARKED]),
    ("under way", expected(written=None, waits=True), False, [Kind.ON_ITS_WAY]),
    ("parked", expected(written=None, parked="locked"), False, [Kind.PARKED]),
    ("a task deleted", expected(create_only=True), True, [Kind.DELETED]),
    ("a task deleted for good", expected(create_only=True), False, [Kind.DELETED]),
    ("a task never made", expected(create_only=True, written=None), False, [Kind.MISSING]),
    ("a person deleted", expected(key_field=None), True, [Kind.DELETED]),
    ("a person purged", expected(key_field=None), False, [Kind.DELETED]),
]


@pytest.mark.parametrize(
    ("one", "deleted", "said"), [c[1:] for c in ABSENT], ids=[c[0] for c in ABSENT]
)
def test_a_record_that_is_not_there(one: Expected, deleted: bool, said: list[Kind]) -> None:
    """Was deleted by somebody, is under way, or is missing."""
    found = Found("id1", {}, deleted=True) if deleted else None
    assert [f.kind for f in compare(one, described("f"), found, fingerprint)] == said


def test_a_hidden_field_is_named_and_not_read() -> None:
    """It is no difference: doctor and the log say so as well."""
    one = expected()
    [finding] = compare(one, described("g"), Found("id1", {}), fingerprint)
    assert (finding.kind, finding.field, finding.why) == (Kind.LEFT_OUT, "f", "missing or hidden")
    assert readable(one, described("g")) == set()
    assert readable(one, described("f", "g")) == {"f"}


def test_a_hidden_object_is_a_difference() -> None:
    """Nothing of it can be compared."""
    [finding] = compare(expected(), None, None, fingerprint)
    assert finding.kind is Kind.MISSING
    assert readable(expected(), None) == set()


def test_a_long_text_is_compared_as_it_was_cut() -> None:
    """The field holds no more."""
    one = expected("a long story")
    found = Found("id1", {"f": "a lon…"})
    assert compare(one, described("f", length=6), found, fingerprint) == []


def test_what_is_found_says_where() -> None:
    """The record, its field, and its id in the CRM."""
    [finding] = compare(expected(), described("f"), Found("id7", {"f": "x"}), fingerprint)
    assert (finding.object, finding.key, finding.field) == ("Text", "k", "f")
    assert finding.crm_id == "id7"
    assert "somebody changed it" in finding.why


values = st.sampled_from(["new", "old", "theirs", "", None])
rules = st.sampled_from(WriteRule)
writes = st.none() | st.fixed_dictionaries({}, optional={"f": st.sampled_from(["new", "old"])})


@given(values, rules, writes, values)
def test_a_difference_is_what_delivery_would_write(
    wanted: Scalar, rule: WriteRule, written: Mapping[str, str] | None, held: Scalar
) -> None:
    """Were it to trust nothing that it wrote: no more, and no less."""
    marks = None if written is None else {name: fingerprint(v) for name, v in written.items()}
    one, found = expected(wanted, rule, written=marks), Found("id1", {"f": held})
    row = Row(
        "Text", "k", "Key", False, one.record.fields, fingerprint, "id1", marks or {}, rewrite=True
    )
    left = {n: v for n, v in (to_write(row, found) or {}).items()}
    changes = {n for n, v in left.items() if fingerprint(v) != fingerprint(held)}
    findings = compare(one, described("f"), found, fingerprint)
    assert {f.field for f in findings if f.kind in DIFFERENCES} == changes


@given(values, rules, writes, values)
def test_after_delivery_wrote_there_is_no_difference(
    wanted: Scalar, rule: WriteRule, written: Mapping[str, str] | None, held: Scalar
) -> None:
    """Whatever was there before: comparing and delivering come to the same."""
    marks = None if written is None else {name: fingerprint(v) for name, v in written.items()}
    one, found = expected(wanted, rule, written=marks), Found("id1", {"f": held})
    row = Row(
        "Text", "k", "Key", False, one.record.fields, fingerprint, "id1", marks or {}, rewrite=True
    )
    done = to_write(row, found) or {}
    confirmed = {**(marks or {}), **{name: fingerprint(value) for name, value in done.items()}}
    then = replace(one, known=CrmRecord("id1", confirmed))
    after = Found("id1", {**found.fields, **done})
    findings = compare(then, described("f"), after, fingerprint)
    assert not [f for f in findings if f.kind in DIFFERENCES]
