"""The threads of a batch: who answered what, whom we last texted, and which texts that changes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from crm_sms.ledger import Ledger, inbox
from crm_sms.ledger.texts import in_threads
from crm_sms.messages import Place, ThreadEntry, places
from crm_sms.use_cases.process.texts import by_ids
from crm_sms.use_cases.process.words import LoadedText, Processing

Places = Mapping[str, Place]
"""By message key: what its thread says of each text."""


def link(processing: Processing, connection: Connection, texts: list[LoadedText]) -> Places:
    """Set who answered what, and add the texts that this news concerns; `texts` grows in place.

    Locks the threads first: a reply and the text it answers, in the hands of two workers, would
    each be written without the other.
    """
    left = {thread for text in texts for thread in text.left}
    threads = sorted(left.union(text.thread for text in texts if text.thread))
    processing.ledger.lock(connection, [f"thread:{thread}" for thread in threads])
    stored = in_threads(connection, threads)
    here = {text.id for text in texts}
    others = [row for row in stored if row.id not in here]
    found = _places(
        [
            *((row.thread, row.entry) for row in others),
            *((text.thread, text.entry) for text in texts),
        ]
    )
    if left or any(text.is_new_to_thread for text in texts):
        before = _places((row.thread, row.entry) for row in stored)
        had = {
            row.key: replace(
                before[row.key], replied_at=row.replied_at, response_seconds=row.response_seconds
            )
            for row in others
        }
        concerned = [
            row.id for row in others if row.thread in left or found[row.key] != had[row.key]
        ]
        texts.extend(by_ids(processing, connection, concerned))
    for text in texts:
        place = found.get(text.message.key, _ALONE)
        text.message = replace(
            text.message, replied_at=place.replied_at, response_seconds=place.response_seconds
        )
    return found


def put_followers_back(
    ledger: Ledger,
    connection: Connection,
    texts: Sequence[LoadedText],
    moved: Collection[int],
    places: Places,
    now: datetime,
) -> None:
    """A text whose person changed may change whom later texts of its thread concern: those that
    come right after one of the batch are processed again."""
    here = {text.message.key for text in texts}
    threads = {text.thread for text in texts if text.thread and text.id in moved}
    later = [
        row.id
        for row in in_threads(connection, threads)
        if row.key not in here and places[row.key].before in here
    ]
    inbox.put_back(ledger, connection, later, now)


_ALONE = Place()
"""The place of a text without a thread."""


def _places(entries: Iterable[tuple[str | None, ThreadEntry]]) -> Places:
    threads: dict[str, list[ThreadEntry]] = {}
    for thread, entry in entries:
        if thread:
            threads.setdefault(thread, []).append(entry)
    return {key: place for every in threads.values() for key, place in places(every).items()}
