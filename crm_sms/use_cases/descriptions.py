"""What the CRM last said of its objects, kept in the ledger so that it need not be asked again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter
from sqlalchemy import Connection

from crm_sms.ledger import Ledger
from crm_sms.ledger.notes import note, put_note
from crm_sms.ports import Crm
from crm_sms.records import ObjectDescription

MAX_AGE = timedelta(hours=1)
"""How long a description is trusted; a refused field makes it stale at once."""


@dataclass(frozen=True, slots=True)
class Described:
    """Objects as our user saw them `at`; `asked` but absent ones are missing or hidden."""

    at: datetime
    asked: frozenset[str] = frozenset()
    objects: Mapping[str, ObjectDescription] = field(default_factory=dict)

    def is_fresh(self, now: datetime) -> bool:
        """Whether this still says what we need to know, as far as it goes."""
        return abs(now - self.at) < MAX_AGE


_AS_JSON = TypeAdapter(Described)


def last_described(ledger: Ledger, name: str) -> Described | None:
    """What this CRM said last, however long ago; None if it never did."""
    with ledger.read() as connection:
        found = note(connection, f"described:{name}")
    return _AS_JSON.validate_python(found) if found else None


def described(
    ledger: Ledger, name: str, crm: Crm, wanted: Collection[str], now: datetime
) -> Described:
    """What this CRM says of these objects; of those that it has not spoken of lately it is asked,
    so each costs one call an hour."""
    last = last_described(ledger, name)
    if last is None or not last.is_fresh(now):
        last = Described(now)
    lacking = frozenset(wanted) - last.asked
    if not lacking:
        return last
    found = {**last.objects, **crm.describe(sorted(lacking))}
    fresh = Described(last.at, last.asked | lacking, found)
    with ledger.write("meta") as connection:
        _put(ledger, connection, name, fresh)
    return fresh


def forget_described(ledger: Ledger, name: str) -> None:
    """The last answer turned out wrong, or may be by now: ask again before the next write.

    It stays as the last one, for while the CRM does not answer.
    """
    with ledger.write("meta") as connection:
        if found := note(connection, f"described:{name}"):
            last = _AS_JSON.validate_python(found)
            _put(ledger, connection, name, replace(last, at=last.at - 2 * MAX_AGE))


def _put(ledger: Ledger, connection: Connection, name: str, said: Described) -> None:
    put_note(ledger, connection, f"described:{name}", _AS_JSON.dump_python(said, mode="json"))
