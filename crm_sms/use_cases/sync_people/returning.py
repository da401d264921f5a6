"""Whoever is back from the recycle bin: what the CRM restores with them may be older than what we
know."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection

from crm_sms.ledger import inbox, mirror, outbox, texts
from crm_sms.ledger.crm_records import forget_written, known_records
from crm_sms.ledger.matched import roll_ups
from crm_sms.ledger.mirror_pages import of_people_in, returning_deals
from crm_sms.mapping import RollUp
from crm_sms.mapping.scopes import RecordName
from crm_sms.plan import plan_opportunity, plan_person
from crm_sms.records import DesiredRecord, Opportunity, Person
from crm_sms.use_cases.sync_people.words import Syncing

_PEOPLE = frozenset({RecordName.PERSON, RecordName.CONTACT, RecordName.LEAD})


def write_people_anew(
    syncing: Syncing,
    connection: Connection,
    found: Sequence[Person],
    turned: Collection[str],
    now: datetime,
) -> None:
    """Plan the sums of those among `turned` who are back, and have their numbers' texts name
    again whom they concern.

    Texts may have gone to somebody else meanwhile; the CRM gives the old sums back, and fills a
    look-up that it had emptied, over the nothing that we wrote there.
    """
    crm = syncing.planner.crm
    here = {(one.object, one.id) for one in found if one.id in turned and not one.deleted}
    known = known_records(connection, crm, here)
    if not known:  # as they are new
        return
    back = mirror.people_by_id(connection, crm, {id for _, id in known})
    sums = roll_ups(connection, crm, "person_id", back)
    wanted: list[tuple[DesiredRecord, int | None]] = []
    for id, person in back.items():
        plan = plan_person(syncing.planner.mapping, crm, person, sums.get(id, RollUp()))
        wanted += [(record, None) for record in plan.records]
    outbox.put(syncing.ledger, connection, wanted, now, syncing.planner.windows)
    # After the outbox, as a deliverer that settles does: else each could wait for the other.
    numbers = {phone.raw for person in back.values() for phone in person.phones}
    _name_anew(syncing, connection, inbox.messages_with(connection, numbers), _PEOPLE, now)


def write_deals_anew(
    syncing: Syncing, connection: Connection, deals: Sequence[Opportunity], now: datetime
) -> None:
    """The same for opportunities that are back, once they are stored: their last text may have left
    them while they were gone."""
    crm, mapping = syncing.planner.crm, syncing.planner.mapping
    back = returning_deals(connection, crm, deals) if deals else []
    known = known_records(connection, crm, {(_object(syncing), one.id) for one in back})
    back = [one for one in back if (_object(syncing), one.id) in known]
    if not back:
        return
    sums = roll_ups(connection, crm, "opportunity_id", [one.id for one in back])
    plans = [plan_opportunity(mapping, crm, one, sums.get(one.id, RollUp())) for one in back]
    wanted: list[tuple[DesiredRecord, int | None]] = [
        (record, None) for plan in plans for record in plan.records
    ]
    outbox.put(syncing.ledger, connection, wanted, now, syncing.planner.windows)
    ids = of_people_in(connection, crm, [one.id for one in back])
    _name_anew(syncing, connection, ids, {RecordName.OPPORTUNITY}, now)


def _object(syncing: Syncing) -> str:
    section = syncing.planner.mapping.opportunity
    return section.object if section else ""


def _name_anew(
    syncing: Syncing,
    connection: Connection,
    ids: Collection[int],
    whom: Collection[RecordName],
    now: datetime,
) -> None:
    """Write again whom these texts concern, whatever the CRM holds there."""
    message = syncing.planner.mapping.message
    places = {(message.object, text.key) for text in texts.stored(connection, ids).values()}
    names = {field.name for field in message.fields if field.record in whom}
    forget_written(connection, syncing.planner.crm, places, names)
    inbox.put_back(syncing.ledger, connection, ids, now)
