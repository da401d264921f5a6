"""Fields that records went without: noted, found again, forgotten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crm_sms.ledger import Ledger
from crm_sms.ledger.crm_records import CrmRecord, forget_written, known_records, remember
from crm_sms.ledger.left_out import forget_left_out, left_out, note_left_out, records_without
from crm_sms.ledger.matched import due_to, store_matches
from crm_sms.matching import Match
from crm_sms.records import FieldDescription, FieldType

HIDDEN = None
READ_ONLY = FieldDescription("B", FieldType.TEXT, updatable=False)


def test_what_fields_looked_like_is_kept_by_object(ledger: Ledger) -> None:
    """The first look counts: records that went without the field then are among those marked."""
    with ledger.write("deliver.settle") as connection:
        assert left_out(connection, "sales") == {}
        note_left_out(ledger, connection, "sales", {"Text": {}})
        note_left_out(ledger, connection, "sales", {"Text": {"A": HIDDEN, "B": READ_ONLY}})
        note_left_out(ledger, connection, "sales", {"Text": {"B": HIDDEN}, "Task": {"A": HIDDEN}})
        note_left_out(ledger, connection, "service", {"Text": {"C": HIDDEN}})
        assert left_out(connection, "sales") == {
            "Text": {"A": HIDDEN, "B": READ_ONLY},
            "Task": {"A": HIDDEN},
        }
        forget_left_out(ledger, connection, "sales", {"Text": ["A", "C"], "Task": ["A"]})
        assert left_out(connection, "sales") == {"Text": {"B": READ_ONLY}}
        assert left_out(connection, "service") == {"Text": {"C": HIDDEN}}


def test_records_that_went_without_a_field_are_paged(ledger: Ledger) -> None:
    """Of one object of one CRM, in the order of their keys; others are not read."""
    marks = {"a": {"A"}, "b": set(), "c": {"A", "B"}, "d": {"B"}}
    known = {("Text", key): CrmRecord(key, {}, frozenset(names)) for key, names in marks.items()}
    with ledger.write("deliver.settle") as connection:
        remember(ledger, connection, "sales", known)
        other = {("Task", "t"): CrmRecord("t", {}, frozenset({"A"}))}
        remember(ledger, connection, "sales", other)
        remember(
            ledger, connection, "service", {("Text", "x"): CrmRecord("x", {}, frozenset({"A"}))}
        )
        first = records_without(connection, "sales", "Text", "", 2)
        rest = records_without(connection, "sales", "Text", list(first)[-1], 2)
        assert first | rest == {"a": {"A"}, "c": {"A", "B"}, "d": {"B"}}
        assert records_without(connection, "sales", "Text", list(rest)[-1], 2) == {}
        assert known_records(connection, "sales", known) == known


def test_a_mark_stays_when_somebody_s_change_is_written_back(ledger: Ledger) -> None:
    """Forgetting what we wrote leaves what we did not."""
    place, known = ("Contact", "p"), CrmRecord("p", {"A": "x"}, frozenset({"B"}))
    with ledger.write("sync.page") as connection:
        remember(ledger, connection, "sales", {place: known})
        forget_written(connection, "sales", [place], ["A"])
        assert known_records(connection, "sales", [place])[place].left_out == {"B"}


def test_a_record_is_planned_by_one_of_its_messages(
    ledger: Ledger, message: Callable[..., Any], store: Callable[..., int]
) -> None:
    """A text's own by its message; a person's and an opportunity's by one of their texts."""
    first, second, third = (store(message(key)) for key in ("k1", "k2", "k3"))
    plain = {"rule": "r", "opportunity_rule": "o"}
    found = [
        Match(first, "sales", person_id="p", **plain),
        Match(second, "sales", person_id="p", opportunity_id="o", **plain),
        Match(third, "sales", person_id="q", **plain),
        Match(third, "service", person_id="p", **plain),
    ]
    with ledger.write("process") as connection:
        store_matches(ledger, connection, found)
        assert due_to(connection, "sales", []) == set()
        assert due_to(connection, "sales", ["k3", "unknown"]) == {third}
        assert due_to(connection, "sales", ["p"]) == {first}
        assert due_to(connection, "sales", ["o", "q", "p"]) == {first, second, third}
