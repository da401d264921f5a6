"""What is known of a CRM's people: how old it is, and who gets tasks that nobody owns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import Connection

from crm_sms.ledger import mirror
from crm_sms.ports import Finding
from crm_sms.use_cases.doctor.words import LATE, Patient, guarded, shown
from crm_sms.use_cases.status import CrmStatus


def age(patient: Patient, name: str, crm: CrmStatus) -> Finding:
    """Whether somebody pulls people, and succeeds."""
    subject, remedy = f"mirror {name}", "crm-sms sync people"
    people = [at for part, at in crm.mirror.items() if part.startswith("people")]
    if not people:
        return Finding(subject, None, "nobody was pulled yet", remedy)
    late = max(LATE, timedelta(seconds=3 * patient.settings.worker.sync_s))
    text = f"last pulled {shown(min(people))}"
    if patient.clock() - min(people) > late:
        return Finding(subject, None, text, f"{remedy}; the worker pulls by itself")
    return Finding(subject, True, text)


def fallback_owner(patient: Patient, name: str, crm: CrmStatus) -> list[Finding]:
    """Whether tasks without an owner get to somebody who works."""
    subject, id = f"fallback owner {name}", patient.settings.tasks.fallback_owner
    if id is None:
        text = "without one, tasks of people without an active owner go to our own user"
        return [Finding(subject, None, text, "set tasks.fallback_owner to the id of a user")]
    if "owners" not in crm.mirror:
        return []  # the mirror's own finding says what to do

    def look() -> Iterator[Finding]:
        full = patient.full_id(name)(id)
        with patient.ledger.read() as connection:
            yield _owner(connection, subject, name, full)

    return guarded(subject, look)


def _owner(connection: Connection, subject: str, crm: str, id: str) -> Finding:
    owner = mirror.owners_by_id(connection, crm, [id]).get(id)
    remedy = "set tasks.fallback_owner to the id of an active user"
    if owner is None:
        return Finding(subject, False, f"{id} is not a user of this CRM", remedy)
    if not owner.active:
        return Finding(subject, False, f"{id} is not active", remedy)
    return Finding(subject, True, f"{id} is active")
