"""What the texts of one thread mean for each other: who answered what, whom we last texted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from crm_sms.events import Direction
from crm_sms.ledger.texts import StoredText, in_threads
from crm_sms.messages import Answer, ThreadEntry, answers
from crm_sms.use_cases.process.texts import by_ids
from crm_sms.use_cases.process.words import Processing, Text


@dataclass(frozen=True, slots=True)
class _Place:
    """A text's place in its thread; `id` is 0 for one that is not stored yet."""

    thread: str
    entry: ThreadEntry
    id: int


Last = Mapping[str, str]
"""By message key: the key of the outbound text before it in its thread."""


def link(processing: Processing, connection: Connection, texts: list[Text]) -> Last:
    """Set who answered what, and add the texts that this news concerns; `texts` grows in place.

    Locks the threads first: a reply and the text it answers, in the hands of two workers, would
    each be written without the other.
    """
    threads = sorted({text.thread for text in texts if text.thread})
    processing.ledger.lock(connection, [f"thread:{thread}" for thread in threads])
    stored = in_threads(connection, threads)
    places = _places(stored, texts)
    last = _last_before(places)
    found = _answers(places)
    if any(text.is_new_to_thread for text in texts):
        here = {text.id for text in texts}
        before = _last_before(_places(stored, []))
        concerned = [
            row.id
            for row in stored
            if row.id not in here
            and (last.get(row.key) != before.get(row.key) or _links(row.key, found) != _had(row))
        ]
        texts.extend(by_ids(processing, connection, concerned))
    for text in texts:
        replied_at, seconds = _links(text.message.key, found)
        text.message = replace(text.message, replied_at=replied_at, response_seconds=seconds)
    return last


def _places(stored: Sequence[StoredText], texts: Sequence[Text]) -> dict[str, list[_Place]]:
    here = {text.id for text in texts}
    every = [
        _Place(row.thread or "", ThreadEntry(row.key, row.direction, row.occurred_at), row.id)
        for row in stored
        if row.id not in here
    ]
    for text in texts:
        if text.thread:
            message = text.message
            entry = ThreadEntry(message.key, message.direction, message.occurred_at)
            every.append(_Place(text.thread, entry, text.id))
    threads: dict[str, list[_Place]] = {}
    for place in sorted(every, key=_order):
        threads.setdefault(place.thread, []).append(place)
    return threads


def _order(place: _Place) -> tuple[datetime, bool, str]:
    entry = place.entry
    return entry.occurred_at, entry.direction is Direction.OUTBOUND, entry.key


def _last_before(threads: Mapping[str, Sequence[_Place]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for places in threads.values():
        last: str | None = None
        for place in places:
            if last:
                found[place.entry.key] = last
            if place.entry.direction is Direction.OUTBOUND:
                last = place.entry.key
    return found


def _answers(threads: Mapping[str, Sequence[_Place]]) -> dict[str, Answer]:
    """By the key of either side: for a text its first answer, for a reply its own."""
    found: dict[str, Answer] = {}
    for places in threads.values():
        for answer in answers(place.entry for place in places):
            found.setdefault(answer.outbound, answer)
            found[answer.reply] = answer
    return found


def _links(key: str, found: Mapping[str, Answer]) -> tuple[datetime | None, int | None]:
    answer = found.get(key)
    if answer is None:
        return None, None
    return (answer.replied_at if key == answer.outbound else None), answer.response_seconds


def _had(row: StoredText) -> tuple[datetime | None, int | None]:
    return row.replied_at, row.response_seconds
