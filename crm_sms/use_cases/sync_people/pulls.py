"""Which pulls a sync makes, in which order, and from when on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta

from crm_sms.ledger.mirror_pages import forget_watermark, watermark
from crm_sms.ledger.notes import note, put_note
from crm_sms.ledger.resuming import put_resume
from crm_sms.records import Columns, MirrorPart, Pull
from crm_sms.use_cases.sync_people.words import Syncing

OVERLAP = timedelta(minutes=5)
"""Each pull looks back this far: rows of transactions that were open at the last pull carry an
earlier instant than rows that it saw."""


def pulls(syncing: Syncing) -> Iterator[tuple[str, Pull]]:
    """Owners before people, people before what refers to them, and last what nobody waits for."""
    yield "owners", Pull(MirrorPart.OWNERS, _since(syncing, "owners"))
    for columns in syncing.planner.mapping.columns():
        name = f"people:{columns.object}"
        _begin(syncing, name, columns)
        yield name, Pull(MirrorPart.PEOPLE, _since(syncing, name), columns=columns)
    for part in (MirrorPart.OPPORTUNITIES, MirrorPart.ROLES):
        yield part.value, Pull(part, _since(syncing, part.value))
    key_field = syncing.planner.mapping.task.key_field
    yield "tasks", Pull(MirrorPart.TASKS, _since(syncing, "tasks"), key_field=key_field)
    yield "stages", Pull(MirrorPart.STAGES, _since(syncing, "stages"))


def _since(syncing: Syncing, part: str) -> datetime | None:
    with syncing.ledger.read() as connection:
        at = watermark(connection, syncing.planner.crm, part)
    return at - OVERLAP if at else None


def _begin(syncing: Syncing, name: str, columns: Columns) -> None:
    """A new column needs everybody again, and so does another region: numbers are stored parsed.
    So does another condition of who is meant, which is judged when somebody is pulled.

    The watermark goes as soon as that is noticed, so that a pull that is cut off goes on where it
    was, and does not begin anew each time.
    """
    crm = syncing.planner.crm
    where = syncing.planner.mapping.wheres.get(columns.object)
    at = f"columns:{crm}:{columns.object}"
    wanted = _as_json(columns, syncing.region, where.source if where else None)
    with syncing.ledger.read() as connection:
        if note(connection, at) == wanted:
            return
    with syncing.ledger.write("sync.watermark") as connection:
        forget_watermark(connection, crm, name)
        put_resume(syncing.ledger, connection, crm, name, None)
        put_note(syncing.ledger, connection, at, wanted)


def _as_json(columns: Columns, region: str | None, where: str | None) -> dict[str, object]:
    lists = {"phones": list(columns.phones), "further": list(columns.further)}
    return {**asdict(columns), **lists, "region": region, "where": where}
