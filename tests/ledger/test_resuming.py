"""The place of a pull that was cut off."""

from __future__ import annotations

from crm_sms.ledger import Ledger
from crm_sms.ledger.resuming import put_resume, resume_at


def test_a_place_is_of_one_part_of_one_crm(ledger: Ledger) -> None:
    """The last word counts, and None forgets it."""
    with ledger.write("sync.page") as connection:
        for words in ("first", "second"):
            put_resume(ledger, connection, "sales", "people:Contact", words)
        put_resume(ledger, connection, "sales", "people:Lead", "another")
        put_resume(ledger, connection, "sales", "people:Lead", None)
        put_resume(ledger, connection, "sales", "owners", None)
    with ledger.read() as connection:
        assert resume_at(connection, "sales", "people:Contact") == "second"
        for crm, part in (("sales", "people:Lead"), ("sales", "owners"), ("us", "people:Contact")):
            assert resume_at(connection, crm, part) is None
