"""People into the mirror, and the texts and opt-outs that what is new of them concerns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from crm_sms.errors import BadMapping
from crm_sms.ledger import inbox
from crm_sms.ledger.mirror_pages import Learnt, resting_on, store_people, waiting_for
from crm_sms.ledger.unparsed import put_unparsed
from crm_sms.records import Person
from crm_sms.use_cases.sync_people.opt_outs import opt_out_again
from crm_sms.use_cases.sync_people.returning import write_people_anew
from crm_sms.use_cases.sync_people.words import Syncing, SyncReport


def store_people_page(
    syncing: Syncing,
    report: SyncReport,
    connection: Connection,
    people: Sequence[Person],
    now: datetime,
) -> int:
    """How many of these people are new or not as they were; whoever brings them, at most a slice
    at a time."""
    ledger, crm = syncing.ledger, syncing.planner.crm
    people = [_judged(syncing, report, person) for person in people]
    # Excludes processors: see the shared lock in process.
    ledger.lock(connection, ["mirror"])
    learnt = store_people(ledger, connection, crm, people, syncing.region)
    put_unparsed(ledger, connection, crm, people, syncing.region)
    _match_again(syncing, report, connection, learnt, now)
    opt_out_again(syncing, report, connection, learnt, now)
    write_people_anew(syncing, connection, people, learnt.turned, now)
    return learnt.changed


def _judged(syncing: Syncing, report: SyncReport, person: Person) -> Person:
    """The person with what the mapping says: left out if it cannot tell, and the report says so.
    Of somebody deleted nothing is known that could be judged."""
    try:
        covered = person.deleted or syncing.planner.mapping.covers(person)
    except BadMapping as error:
        covered = False
        if str(error) not in report.mapping:
            report.mapping.append(str(error))
    return replace(person, covered=covered)


def _match_again(
    syncing: Syncing,
    report: SyncReport,
    connection: Connection,
    learnt: Learnt,
    now: datetime,
) -> None:
    """Texts that waited for a number, or rest on somebody who came, went, or is somebody else now,
    are looked at again; so are those of a number that fewer people share now."""
    crm = syncing.planner.crm
    waiting = resting_on(connection, crm, learnt.turned)
    numbers = {number for held in learnt.numbers.values() for number in held}.union(learnt.lost)
    if numbers:
        waiting |= set(waiting_for(connection, crm, numbers))
    inbox.put_back(syncing.ledger, connection, waiting, now)
    report.rematched += len(waiting)
