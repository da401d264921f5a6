"""What was planned with yesterday's mapping or settings, or before a CRM came: plan it again."""

from __future__ import annotations

from typing import Any

import structlog
from sqlalchemy import Connection

from crm_sms.ledger import inbox
from crm_sms.ledger.arrivals import put_arrival
from crm_sms.ledger.notes import forget_note, note, put_note
from crm_sms.ledger.planned import planned_after, withdraw
from crm_sms.ledger.texts import stored_after
from crm_sms.records import Lane
from crm_sms.use_cases.process.filling import fill
from crm_sms.use_cases.process.opt_outs import opt_out_again
from crm_sms.use_cases.process.words import Planner, Processing

log = structlog.get_logger(__name__)

_ROWS = 500
"""Rows a commit, so that webhooks need not wait."""


def replan(processing: Processing) -> int:
    """Have every waiting and parked row planned anew if the mapping or the rules for tasks changed
    since it was planned, and every text that is older than a CRM's place in the settings planned
    for that CRM; and every record that went without a field which the CRM shows by now. How many
    rows, texts and records that were.

    Rows that no request has carried yet are withdrawn, since the new mapping may not want them at
    all; the others keep what may be in the CRM already, and take the new fields. Safe to repeat
    and to cut off: it goes on where it was.
    """
    for crm in sorted(processing.left_out):
        _leave_out(processing, crm)
    return sum(
        _replan(processing, planner) + fill(processing, planner) for planner in processing.planners
    )


def _replan(processing: Processing, planner: Planner) -> int:
    name = _name(planner.crm)
    with processing.ledger.read() as connection:
        found = note(connection, name)
    if found == _state(planner, None):
        return 0
    texts, found = _older_texts(processing, planner, name, found)
    after = found["after"] if found["digest"] == planner.digest else 0
    count = 0
    while after is not None:
        after, done = _slice(processing, planner, name, after or 0)
        count += done
    if count:
        log.info("mapping or settings changed", crm=planner.crm, planned_again=count)
    return count + texts


def is_current(processing: Processing, connection: Connection) -> bool:
    """Whether no other processor has gone on to another mapping since `replan`, or to the first
    mapping of a CRM that this one leaves out. The lock "mirror" must be held."""
    planned = {planner.crm: planner.digest for planner in processing.planners}
    wanted = planned | dict.fromkeys(processing.left_out, _NO_MAPPING)
    notes = {crm: note(connection, _name(crm)) for crm in wanted}
    return all(found and found["digest"] == wanted[crm] for crm, found in notes.items())


_NO_MAPPING = ""
"""Stands for the digest of a CRM's mapping while there is none."""


def forget_planned(connection: Connection, crm: str) -> None:
    """Should this CRM come back, it is a new one."""
    forget_note(connection, _name(crm))


def _name(crm: str) -> str:
    return f"planned:{crm}"


def _leave_out(processing: Processing, crm: str) -> None:
    """What is planned from here on is not planned for this CRM: when it has a mapping again, every
    text is, as if it were new."""
    ledger, name = processing.ledger, _name(crm)
    state = {"digest": _NO_MAPPING, "after": 0, "text": 0}
    with ledger.read() as connection:
        if note(connection, name) == state:
            return
    with ledger.write("process.replan") as connection:
        # Excludes processors: one that has its mapping plans no further batch with it.
        ledger.lock(connection, ["mirror"])
        _note_arrival(processing, connection, crm)
        put_note(ledger, connection, name, state)


def _note_arrival(processing: Processing, connection: Connection, crm: str) -> None:
    """Note when a CRM that is new came."""
    if note(connection, _name(crm)) is None:
        put_arrival(processing.ledger, connection, crm, processing.clock())


def _older_texts(
    processing: Processing, planner: Planner, name: str, found: dict[str, Any] | None
) -> tuple[int, dict[str, Any]]:
    """A CRM without a note is new: every text that was processed before it came is planned for it.
    How many that were, and the note when all are put back."""
    ledger, count = processing.ledger, 0
    found = found or {**_state(planner, None), "text": 0}
    while "text" in found:
        with ledger.write("process.replan", give_way=True) as connection:
            # Excludes processors: a batch that does not know this CRM commits before the last slice
            # looks.
            ledger.lock(connection, ["mirror"])
            _note_arrival(processing, connection, planner.crm)
            ids = stored_after(connection, found["text"], _ROWS)
            inbox.put_back(ledger, connection, ids, processing.clock())
            found = {**found, "text": ids[-1]} if ids else _without_text(found)
            put_note(ledger, connection, name, found)
        count += len(ids)
    if count:
        log.info("a CRM takes the texts that came without it", crm=planner.crm, texts=count)
    return count, found


def _without_text(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name != "text"}


def _state(planner: Planner, after: int | None) -> dict[str, Any]:
    return {"digest": planner.digest, "after": after}


def _slice(
    processing: Processing, planner: Planner, name: str, after: int
) -> tuple[int | None, int]:
    ledger = processing.ledger
    with ledger.write("process.replan", give_way=True) as connection:
        # Excludes processors: a batch that was planned with the old mapping commits before this
        # slice looks, or finds the new note and plans nothing.
        ledger.lock(connection, ["mirror"])
        # Excludes whoever claims rows: a request could leave with a row that is withdrawn here.
        ledger.lock(connection, [f"claim:{planner.crm}"])
        rows = planned_after(connection, planner.crm, after, _ROWS)
        messages = {row.message_id for row in rows if row.message_id is not None}
        withdraw(connection, [row.id for row in rows if row.message_id is not None])
        inbox.put_back(ledger, connection, messages, processing.clock())
        # Opt-outs that a pull asked for are due to no message.
        alone = [row.key for row in rows if row.message_id is None and row.lane is Lane.OPT_OUT]
        opt_out_again(processing, planner, connection, alone)
        last = rows[-1].id if len(rows) == _ROWS else None
        put_note(ledger, connection, name, _state(planner, last))
    return last, len(rows)
