"""How far a provider's listing of an account was read, and what callbacks told of its texts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import Connection, func, select

from crm_sms.events import EventKind, Status
from crm_sms.ledger.notes import note, notes_of, put_note
from crm_sms.ledger.store import Ledger
from crm_sms.ledger.tables import events


@dataclass(frozen=True, slots=True)
class Reading:
    """A listing that is being read: the texts since then, begun at that time. `after` is the
    provider's word for where it goes on, `missed` how many texts callbacks kept silent about so
    far. `looks_back` if it covers the whole overlap."""

    since: datetime
    begun_at: datetime
    looks_back: bool = False
    after: str | None = None
    missed: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """What is known of the listings of one account.

    Everything until `at` is in the ledger. `looked_back_at` is when a listing last covered the
    whole overlap, `missed` how many texts of that time callbacks kept silent about, `heard_at` when
    the first callback came. `reading` was begun and is not at its end.
    """

    at: datetime | None = None
    looked_back_at: datetime | None = None
    missed: int = 0
    heard_at: datetime | None = None
    reading: Reading | None = None


def history_of(connection: Connection, account: str, *, asked: bool = False) -> History:
    """What is known of this account, a provider's name with an account's; `asked` for the listings
    that somebody asked for beside those of the schedule."""
    found = note(connection, _NAMES[asked] + account)
    return _HISTORY.validate_python(found) if found else History()


def histories(connection: Connection) -> dict[str, History]:
    """What is known of all accounts, from the listings of the schedule."""
    found = notes_of(connection, _NAMES[False])
    return {
        name.removeprefix(_NAMES[False]): _HISTORY.validate_python(value)
        for name, value in sorted(found.items())
    }


def put_history(
    ledger: Ledger, connection: Connection, account: str, history: History, *, asked: bool = False
) -> None:
    """Keep it, in place of what was known."""
    value = _HISTORY.dump_python(history, mode="json")
    put_note(ledger, connection, _NAMES[asked] + account, value)


_HISTORY = TypeAdapter(History)
_NAMES = {False: "history:", True: "history asked:"}


def told_of(connection: Connection, texts: Collection[str]) -> dict[str, set[Status]]:
    """What callbacks told of these texts, by `text_alias`; a text that no event speaks of is
    absent, one that only listings and exports speak of was told nothing of."""
    query = (
        select(events.c.text, events.c.kind, events.c.status)
        .distinct()
        .where(events.c.text.in_(texts))
    )
    found: dict[str, set[Status]] = {}
    for text, kind, status in connection.execute(query):
        statuses = found.setdefault(text, set())
        if status and kind != EventKind.SNAPSHOT:
            statuses.add(Status(status))
    return found


def first_callback(connection: Connection, provider: str, account: str) -> datetime | None:
    """When the first callback of this account came; None if none ever did."""
    query = (
        select(events.c.received_at)
        .where(
            events.c.provider == provider,
            events.c.account == account,
            events.c.kind != EventKind.SNAPSHOT,
        )
        .order_by(events.c.id)
        .limit(1)
    )
    found: datetime | None = connection.execute(query).scalar_one_or_none()
    return found


def unverified_since(connection: Connection, since: datetime) -> tuple[int, datetime | None]:
    """How many events that nobody signed were kept since then, and when the last of them came."""
    query = select(func.count(), func.max(events.c.received_at)).where(
        ~events.c.verified, events.c.received_at >= since
    )
    count, last = connection.execute(query).one()
    return count, last
