"""What we know of records in a CRM: their ids, and the values that it confirmed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, update

from crm_sms.ledger.store import Ledger
from crm_sms.ledger.tables import crm_records


@dataclass(frozen=True, slots=True)
class CrmRecord:
    """What we know of a record in the CRM: its id, fingerprints of what we wrote, by field, and the
    fields it went without, as the CRM did not take them."""

    crm_id: str
    written: Mapping[str, str]
    left_out: frozenset[str] = frozenset()


def known_records(
    connection: Connection, crm: str, places: Collection[tuple[str, str]], *, hold: bool = False
) -> dict[tuple[str, str], CrmRecord]:
    """By (object, key), for those that we have written before; with `hold`, nobody changes them
    until the transaction ends."""
    query = _KNOWN.with_for_update() if hold else _KNOWN
    return {
        (row.object, row.key): CrmRecord(row.crm_id, row.written, frozenset(row.left_out or ()))
        for object_name, keys in by_object(places).items()
        for row in connection.execute(
            query, {"crm": crm, "object": object_name, "wanted": list(keys)}
        )
    }


_KNOWN = select(crm_records).where(
    crm_records.c.crm == bindparam("crm"),
    crm_records.c.object == bindparam("object"),
    crm_records.c.key.in_(bindparam("wanted", expanding=True)),
)


def by_object(places: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Keys by object: SQLite finds no index for pairs, and would read every row of the CRM."""
    found: dict[str, list[str]] = {}
    for object_name, key in places:
        found.setdefault(object_name, []).append(key)
    return found


def remember(
    ledger: Ledger,
    connection: Connection,
    crm: str,
    records: Mapping[tuple[str, str], CrmRecord],
) -> None:
    """Keep what the CRM confirmed; `written` replaces what was known."""
    rows = [
        {
            "crm": crm,
            "object": object_name,
            "key": key,
            "crm_id": known.crm_id,
            "written": dict(known.written),
            "left_out": sorted(known.left_out) or None,
        }
        for (object_name, key), known in records.items()
    ]
    ledger.upsert(connection, crm_records, rows)


def forget_written(
    connection: Connection, crm: str, places: Collection[tuple[str, str]], fields: Collection[str]
) -> int:
    """Somebody changed these fields of ours: forget that we wrote them, so that the next write
    does. Answers how many records had them."""
    count = 0
    for place, known in known_records(connection, crm, places).items():
        left = {name: value for name, value in known.written.items() if name not in fields}
        if len(left) < len(known.written):
            count += 1
            connection.execute(
                update(crm_records)
                .where(
                    crm_records.c.crm == crm,
                    crm_records.c.object == place[0],
                    crm_records.c.key == place[1],
                )
                .values(written=left)
            )
    return count
