"""Before a process writes for the first time: does the ledger know all that the CRM has of us?"""

from __future__ import annotations

from datetime import datetime

import structlog

from crm_sms.errors import LedgerBehind
from crm_sms.ledger.claims import Turn, is_due
from crm_sms.ledger.restored import Behind, behind, last_delivery, put_behind
from crm_sms.use_cases.deliver.words import Delivery
from crm_sms.use_cases.restored import what_to_do

log = structlog.get_logger(__name__)


def compare(delivery: Delivery, turn: Turn) -> None:
    """Raises LedgerBehind if the ledger is older than what it wrote, until somebody says that it
    was made whole. Asks the CRM once in the life of a process, when there is something to write.

    Raises what `Crm.read` raises.
    """
    with delivery.ledger.read() as connection:
        found = behind(connection, delivery.name)
        asks = delivery.name not in delivery.compared and is_due(connection, turn)
    if asks and not found:
        found = _found(delivery, turn)
    if found:
        raise LedgerBehind(what_to_do(delivery.name, found, turn.now))
    if asks:
        delivery.compared.add(delivery.name)


def _found(delivery: Delivery, turn: Turn) -> Behind | None:
    """What of ours the CRM has that the ledger cannot have written, which is kept for everybody."""
    newest = delivery.crm.newest_write(*delivery.texts(), _explained(delivery, turn))
    # Known again: another worker may have written since the question was put together.
    known = _explained(delivery, turn)
    if newest is None or (known and newest <= known):
        return None
    found = Behind(newest, known and known - turn.late_commit)
    with delivery.ledger.write("meta") as connection:
        put_behind(delivery.ledger, connection, delivery.name, found)
    log.error("the ledger is older than the crm", crm=delivery.name, see="docs/backup.md")
    return found


def _explained(delivery: Delivery, turn: Turn) -> datetime | None:
    """Until when a write can be ours: a request without an answer may commit so much later. That
    also covers what the CRM does by itself right after we wrote, in our user's name."""
    with delivery.ledger.read() as connection:
        known = last_delivery(connection, delivery.name, turn.lease_until - turn.now)
    return known + turn.late_commit if known else None
