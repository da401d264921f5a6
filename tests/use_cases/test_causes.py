"""Parked rows by cause: one line for each thing to mend."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from crm_sms.ledger.parked import Parked
from crm_sms.records import Lane, Reason
from crm_sms.use_cases.causes import Cause, cause_of, causes
from crm_sms.use_cases.parked import REMEDIES

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def row(id: int, **changes: Any) -> Parked:
    """A row that a rule refused."""
    given: dict[str, Any] = {
        "crm": "salesforce",
        "object": "Contact",
        "key": f"0035g000000000{id}AAA",
        "lane": Lane.ROLL_UP,
        "reason": Reason.VALIDATION,
        "detail": f"Title is required for 0035g000000000{id}AAA",
        "since": NOW - timedelta(minutes=id),
        "tries": 1,
    }
    return Parked(id, **(given | changes))


def test_rows_that_differ_in_their_record_alone_have_one_cause() -> None:
    """It names the oldest, all lanes in their order, and the remedy."""
    rows = [row(1), row(2, lane=Lane.OPT_OUT), row(3)]
    [cause] = causes(rows)
    assert cause == Cause(
        id=cause_of(rows[0]),
        crm="salesforce",
        object="Contact",
        reason=Reason.VALIDATION,
        detail="Title is required for …",
        rows=3,
        lanes=("opt_out", "roll_up"),
        since=NOW - timedelta(minutes=3),
        row=3,
        example="0035g0000000003AAA",
        remedy=REMEDIES[Reason.VALIDATION],
    )


def test_another_crm_object_reason_or_wording_is_another_cause() -> None:
    """The most rows first."""
    others = [
        row(1, crm="emea"),
        row(2, object="Lead"),
        row(3, reason=Reason.AUTOMATION),
        row(4, detail="Phone first"),
    ]
    found = causes([*others, row(5), row(6)])
    assert [cause.rows for cause in found] == [2, 1, 1, 1, 1]
    assert len({cause.id for cause in found}) == 5


def test_a_cause_keeps_its_name_while_rows_come_and_go() -> None:
    """A retry may name what an earlier list showed."""
    assert causes([row(1), row(2)])[0].id == causes([row(7)])[0].id


def test_a_number_in_a_key_is_masked() -> None:
    """Whoever sent the text chose its key."""
    [cause] = causes([row(1, key="spring:+12025550123:7")])
    assert cause.example == "spring:+1202…23:7"
