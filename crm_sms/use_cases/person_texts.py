"""The texts of one contact or lead, for whoever asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from crm_sms.ledger import Ledger, texts
from crm_sms.ledger.facts import of_texts
from crm_sms.ledger.matched import matched_to
from crm_sms.ledger.slices import slices
from crm_sms.messages import Message, fold


def person_texts(ledger: Ledger, crm: str, person_id: str) -> list[Message]:
    """The texts that concern this person of a CRM, in and out, the oldest first.

    `crm` is its name in the settings, `person_id` the id of its API. What came in a moment ago is
    among them once `process` has matched it.
    """
    with ledger.read() as connection:
        ids = matched_to(connection, crm, person_id)
        found = [text for part in slices(ids) for text in _texts(connection, part)]
    return sorted(found, key=lambda text: (text.occurred_at, text.key))


def _texts(connection: Connection, ids: Sequence[int]) -> Iterator[Message]:
    names, stored = texts.aliases_of(connection, ids), texts.stored(connection, ids)
    facts = of_texts(connection, {name for one in names.values() for name in one})
    for id, kept in stored.items():
        own = [event for name in names.get(id, ()) for _, event in facts.get(name, ())]
        if own:
            yield replace(
                fold(own),
                key=kept.key,
                replied_at=kept.replied_at,
                response_seconds=kept.response_seconds,
            )
