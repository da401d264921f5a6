"""Phones that are no number, kept so that somebody can correct them."""

from __future__ import annotations

from datetime import UTC, datetime

from crm_sms.ledger import Ledger
from crm_sms.ledger.tables import unparsed_phones
from crm_sms.ledger.unparsed import Example, Unparsed, put_unparsed, unparsed
from crm_sms.records import Person, PersonKind, Phone

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def somebody(id: str, object: str = "Contact", deleted: bool = False, **phones: str) -> Person:
    """A person with these phones by field."""
    held = tuple(Phone(field, raw) for field, raw in phones.items())
    kind = PersonKind.CONTACT
    return Person(object, id, kind, NOW, phones=held, deleted=deleted)


def put(ledger: Ledger, *people: Person, crm: str = "sales", region: str | None = "US") -> None:
    """People come with a page."""
    with ledger.write("sync.page") as connection:
        put_unparsed(ledger, connection, crm, people, region)


def found(ledger: Ledger, most: int = 3) -> list[Unparsed]:
    """What an admin is told."""
    with ledger.read() as connection:
        return unparsed(connection, "sales", most)


def test_what_is_no_number_is_counted_by_field_the_worst_first(ledger: Ledger) -> None:
    """With a few examples, whose digits are hidden; another CRM's are not among them."""
    put(
        ledger,
        somebody("a", Mobile="(202) 555-0123", Phone="555-0123"),
        somebody("b", Phone="+1 202 555 0123 ext. 5"),
        somebody("c", Phone="n/a", Mobile="see notes"),
    )
    put(ledger, somebody("l", object="Lead", Phone="0"))
    put(ledger, somebody("z", Phone="x"), crm="other")
    phones = (Example("a", "555-••••"), Example("b", "+1 20• ••• •••• ext. •"))
    assert found(ledger, most=2) == [
        Unparsed("Contact", "Phone", 3, phones),
        Unparsed("Contact", "Mobile", 1, (Example("c", "see notes"),)),
        Unparsed("Lead", "Phone", 1, (Example("l", "0"),)),
    ]


def test_what_was_corrected_is_gone(ledger: Ledger) -> None:
    """As is what somebody emptied, and whoever was deleted; who did not come stays."""
    put(ledger, *(somebody(id, Phone="555-0123") for id in "abcd"))
    put(
        ledger,
        somebody("a", Phone="202-555-0123"),
        somebody("b", Phone="  "),
        somebody("c", Phone="555-0123", deleted=True),
    )
    assert [one.examples for one in found(ledger)] == [(Example("d", "555-••••"),)]


def test_another_region_reads_other_numbers(ledger: Ledger) -> None:
    """A new default_region pulls everybody again."""
    put(ledger, somebody("a", Phone="020 7946 0000"))
    assert found(ledger)[0].phones == 1
    put(ledger, somebody("a", Phone="020 7946 0000"), region="GB")
    assert found(ledger) == []


def test_no_number_is_kept(ledger: Ledger) -> None:
    """Only its form: three digits of it at most."""
    put(ledger, somebody("a", Phone="2025550123 or 2025550124"))
    with ledger.read() as connection:
        [row] = connection.execute(unparsed_phones.select())
    assert sum(character.isdigit() for character in row.shown) == 3


def test_somebody_who_comes_twice_with_a_page_is_kept_once(ledger: Ledger) -> None:
    """As they are if they change during a pull."""
    put(ledger, somebody("a", Phone="n/a"), somebody("a", Phone="none"))
    assert found(ledger)[0].examples == (Example("a", "none"),)
