"""Fields that records went without, since the CRM did not take them, as it described them then."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pydantic import TypeAdapter
from sqlalchemy import Connection, select

from crm_sms.ledger.notes import note, put_note
from crm_sms.ledger.store import Ledger
from crm_sms.ledger.tables import crm_records
from crm_sms.records import FieldDescription

LeftOut = Mapping[str, Mapping[str, FieldDescription | None]]
"""By object and field; None for a field that the CRM did not show."""

_Fields = dict[str, dict[str, FieldDescription | None]]
_AS_JSON = TypeAdapter(_Fields)


def left_out(connection: Connection, crm: str) -> _Fields:
    """Every field that some record went without, and that did not look different since."""
    return _AS_JSON.validate_python(note(connection, _name(crm)) or {})


def note_left_out(ledger: Ledger, connection: Connection, crm: str, found: LeftOut) -> None:
    """Keep what these fields look like; the records are marked in `crm_records`. What they looked
    like to earlier records stays: it differs from what is shown now, so all are looked at again."""
    new = {name: fields for name, fields in found.items() if fields}
    if new:
        # Two workers that change the note at once must not undo each other's change.
        ledger.lock(connection, [_name(crm)])
        known = left_out(connection, crm)
        merged = {name: {**new.get(name, {}), **known.get(name, {})} for name in {*known, *new}}
        if merged != known:
            _put(ledger, connection, crm, merged)


def forget_left_out(
    ledger: Ledger, connection: Connection, crm: str, shown: Mapping[str, Collection[str]]
) -> None:
    """These fields look different now; a record that still goes without one notes it anew."""
    ledger.lock(connection, [_name(crm)])
    left = {
        name: {one: then for one, then in fields.items() if one not in shown.get(name, ())}
        for name, fields in left_out(connection, crm).items()
    }
    _put(ledger, connection, crm, {name: fields for name, fields in left.items() if fields})


def _put(ledger: Ledger, connection: Connection, crm: str, value: _Fields) -> None:
    put_note(ledger, connection, _name(crm), _AS_JSON.dump_python(value, mode="json"))


def _name(crm: str) -> str:
    return f"left_out:{crm}"


def records_without(
    connection: Connection, crm: str, object_name: str, after: str, most: int
) -> dict[str, set[str]]:
    """Keys of records of this object that went without a field, with those fields: in the order of
    the keys, from the one after `after`."""
    here = crm_records.c
    query = (
        select(here.key, here.left_out)
        .where(here.crm == crm, here.object == object_name, here.key > after)
        .where(here.left_out.is_not(None))
        .order_by(here.key)
        .limit(most)
    )
    return {key: set(names) for key, names in connection.execute(query)}
