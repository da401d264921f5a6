"""Records of texts that were here before a CRM: doubted, as far as the CRM has not told of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import select

from crm_sms.ledger import Ledger, outbox
from crm_sms.ledger.arrivals import Arrival, arrival, doubt, put_arrival
from crm_sms.ledger.crm_records import CrmRecord, remember
from crm_sms.ledger.tables import outbox as rows
from crm_sms.messages import Message
from crm_sms.records import DesiredField, DesiredRecord, Lane

WINDOWS = dict.fromkeys(Lane, timedelta(0))


def record(key: str, key_field: str | None = "Key") -> DesiredRecord:
    """A record of a text, or with no key field a person's."""
    fields = {"Body": DesiredField("x")}
    return DesiredRecord("new", "Text", key, Lane.TIMELINE, fields, key_field=key_field)


def doubted(ledger: Ledger) -> set[str]:
    """The keys of rows whose record may be there already."""
    with ledger.read() as connection:
        return set(connection.execute(select(rows.c.key).where(rows.c.maybe)).scalars())


def test_records_of_older_texts_are_doubted(
    ledger: Ledger, now: datetime, store: Callable[..., int], message: Callable[..., Message]
) -> None:
    """Not those of later ones, nor a person's, nor one that the CRM told us of."""
    old = store(message("old"))
    with ledger.write("process.replan") as connection:
        assert arrival(connection, "new") is None
        put_arrival(ledger, connection, "new", now)
        assert arrival(connection, "new") == Arrival(now, old)
    young = store(message("young"))
    with ledger.write("process") as connection:
        wanted: list[tuple[DesiredRecord, int | None]] = [(record(key), old) for key in ("a", "b")]
        wanted += [(record("c"), young), (record("d", None), old)]
        outbox.put(ledger, connection, wanted, now, WINDOWS)
        remember(ledger, connection, "new", {("Text", "b"): CrmRecord("1", {})})
        doubt(connection, "new", [old, young])
    assert doubted(ledger) == {"a"}


def test_a_crm_that_was_always_there_doubts_nothing(
    ledger: Ledger, now: datetime, store: Callable[..., int], message: Callable[..., Message]
) -> None:
    """Its own records are the only ones."""
    id = store(message("old"))
    with ledger.write("process") as connection:
        outbox.put(ledger, connection, [(record("a"), id)], now, WINDOWS)
        doubt(connection, "new", [id])
    assert doubted(ledger) == set()
