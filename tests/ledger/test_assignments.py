"""Whose number somebody said it is, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime

from crm_sms.ledger import Ledger, schema
from crm_sms.ledger.assignments import assign, assigned
from crm_sms.ledger.tables import assignments

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ADA, BOB = "+12025550123", "+12025550124"


def say(ledger: Ledger, crm: str, number: str, person_id: str) -> int:
    """Somebody says whose number it is."""
    with ledger.write("unmatched") as connection:
        return assign(ledger, connection, crm, number, person_id, NOW, "kim")


def known(ledger: Ledger, crm: str, *numbers: str) -> dict[str, str]:
    """What is known of these numbers."""
    with ledger.read() as connection:
        return assigned(ledger, connection, crm, numbers)


def test_each_crm_has_assignments_of_its_own(ledger: Ledger) -> None:
    """Only the numbers that are asked for come back."""
    say(ledger, "sales", ADA, "1")
    say(ledger, "sales", BOB, "2")
    assert known(ledger, "sales", ADA) == {ADA: "1"}
    assert known(ledger, "sales", ADA, BOB) == {ADA: "1", BOB: "2"}
    assert known(ledger, "service", ADA) == {}
    assert known(ledger, "sales") == {}


def test_the_last_word_counts(ledger: Ledger) -> None:
    """One row per number, without the number."""
    assert say(ledger, "sales", ADA, "1") == say(ledger, "sales", ADA, "2") == 0
    assert known(ledger, "sales", ADA) == {ADA: "2"}
    with ledger.read() as connection:
        [row] = connection.execute(assignments.select())
    assert (row.person_id, row.at, row.by) == ("2", NOW, "kim")
    assert ADA[1:] not in row.number_digest


def test_the_table_is_the_one_that_the_migrations_make(ledger: Ledger) -> None:
    """An installation that was upgraded has what the program needs."""
    assert not [found for found in schema.differences(ledger) if "assignments" in str(found)]
