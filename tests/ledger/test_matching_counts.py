"""How many texts and numbers each rule decided."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from crm_sms.ledger import Ledger
from crm_sms.ledger.matched import store_matches
from crm_sms.ledger.matching_counts import Count, SharedNumbers, counts_by_rule, shared_numbers
from crm_sms.ledger.mirror_pages import store_people
from crm_sms.matching import Match
from crm_sms.records import Person, PersonKind, Phone

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ADA, BOB, EVE = "+12025550123", "+12025550188", "+12025550199"


def test_texts_and_numbers_are_counted_by_rule(
    ledger: Ledger, message: Callable[..., Any], store: Callable[..., int]
) -> None:
    """Those with a person first, one CRM's alone; numbers that several hold are told apart."""
    texts = [(ADA, "only", "p"), (ADA, "only", "p"), (BOB, "contact", "q"), (EVE, "shared", None)]
    found = []
    for index, (number, rule, person) in enumerate(texts):
        id = store(message(f"m{index}", number, occurred_at=NOW))
        found.append(Match(id, "sales", rule, "none", person_id=person))
        found.append(Match(id, "service", "unknown", "none"))
    people = [
        Person("Contact", id, PersonKind.CONTACT, NOW, phones=(Phone("Phone", number),))
        for id, number in (("p", ADA), ("q", BOB), ("r", BOB), ("s", EVE), ("t", EVE))
    ]
    with ledger.write("process") as connection:
        store_matches(ledger, connection, found)
        store_people(ledger, connection, "sales", people, "US")
        assert counts_by_rule(connection, "sales") == [
            Count("only", True, 2, 1),
            Count("contact", True, 1, 1),
            Count("shared", False, 1, 1),
        ]
        assert counts_by_rule(connection, "service") == [Count("unknown", False, 4, 3)]
        assert shared_numbers(connection, "sales", 3) == SharedNumbers(1, 1, (BOB,))
        assert shared_numbers(connection, "service", 3) == SharedNumbers(0, 0, ())
