"""Opt-outs of those who are found to hold a number that said no."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import Connection

from crm_sms.ledger import mirror, outbox
from crm_sms.ledger.crm_records import forget_written
from crm_sms.ledger.matched import said_by
from crm_sms.ledger.mirror_pages import Learnt
from crm_sms.ledger.parked import Refused, park
from crm_sms.mapping.facts import OptOut
from crm_sms.plan import plan_person
from crm_sms.records import DesiredRecord, Person
from crm_sms.use_cases.process.opt_outs import opted_out
from crm_sms.use_cases.sync_people.carrying import carry_over
from crm_sms.use_cases.sync_people.words import Syncing, SyncReport

log = structlog.get_logger(__name__)


def opt_out_again(
    syncing: Syncing, report: SyncReport, connection: Connection, learnt: Learnt, now: datetime
) -> None:
    """Whoever holds a number that said no is opted out, also if somebody unchecked it; so is who
    takes over a no that was set by hand."""
    ledger, planner = syncing.ledger, syncing.planner
    concerned = {*learnt.unchecked, *learnt.numbers, *carry_over(syncing, connection, learnt)}
    said = opted_out(ledger, planner, connection, concerned)
    undone = [(person.object, person.id) for person, _ in said if person.id in learnt.unchecked]
    ours = {field.name for no in planner.mapping.opt_outs.values() for field in no.fields}
    report.opt_outs += _opt_out(syncing, connection, said, now)
    # After the outbox, as a deliverer that settles does: else each could wait for the other.
    written_back = forget_written(connection, planner.crm, undone, ours)
    report.written_back += written_back
    if written_back:
        log.warning("opt-outs were unchecked and are written back", count=written_back)
    # What was taken back is ours no more: a no set by hand later must not pass for it.
    taken_back = mirror.people_by_id(connection, planner.crm, learnt.unticked).values()
    forget_written(connection, planner.crm, [(one.object, one.id) for one in taken_back], ours)


def _opt_out(
    syncing: Syncing, connection: Connection, said: Sequence[tuple[Person, OptOut]], now: datetime
) -> int:
    """Plan these opt-outs; one that the mapping cannot make parks with the message that said no."""
    ledger, planner = syncing.ledger, syncing.planner
    records: list[tuple[DesiredRecord, int | None]] = []
    refused: list[Refused] = []
    for person, no in said:
        plan = plan_person(planner.mapping, planner.crm, person, opt_out=no)
        records += [(record, None) for record in plan.records]
        for one in plan.unmapped:
            log.error("mapping failed", crm=planner.crm, record=one.what, error=one.reason)
            message_id = said_by(ledger, connection, no.numbers)
            if message_id is not None:  # else processing it is still to come, and will park it
                refused.append(Refused(one.what, message_id, one.reason))
    outbox.put(ledger, connection, records, now, planner.windows)
    park(ledger, connection, planner.crm, refused, now)
    return len(records)
