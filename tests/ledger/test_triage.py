"""Texts that concern nobody, by number and by reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from crm_sms.ledger import Ledger
from crm_sms.ledger.matched import store_matches
from crm_sms.ledger.triage import InTriage, numbers_in_triage, texts_in_triage
from crm_sms.matching import Match

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ADA, BOB = "+12025550123", "+12025550188"


def test_texts_in_triage_are_counted_by_number_and_by_reason(
    ledger: Ledger, message: Callable[..., Any], store: Callable[..., int]
) -> None:
    """One CRM's; texts with a person are not among them, texts without a number are together."""
    later = NOW + timedelta(minutes=5)
    texts = {
        "a1": (ADA, NOW, "shared"),
        "a2": (ADA, later, "shared"),
        "b": (BOB, NOW, "unknown"),
        "n": ("ACME", NOW, "no_number"),
        "matched": (BOB, NOW, None),
    }
    found = []
    for key, (number, at, rule) in texts.items():
        id = store(message(key, number, occurred_at=at))
        person = None if rule else "p"
        found.append(Match(id, "sales", rule or "only", "none", person_id=person))
    found.append(Match(found[-1].message_id, "service", "shared", "none"))
    with ledger.write("process") as connection:
        store_matches(ledger, connection, found)
        numbers = {one.number: one for one in numbers_in_triage(connection, "sales")}
        assert numbers == {
            ADA: InTriage(ADA, 2, "shared", later),
            BOB: InTriage(BOB, 1, "unknown", NOW),
            None: InTriage(None, 1, "no_number", NOW),
        }
        assert texts_in_triage(connection, "sales") == {"no_number": 1, "shared": 2, "unknown": 1}
        assert texts_in_triage(connection, "service") == {"shared": 1}
        assert (numbers_in_triage(connection, "b"), texts_in_triage(connection, "b")) == ([], {})
