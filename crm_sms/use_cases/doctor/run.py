"""Everything that is looked at, in its order."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from crm_sms.errors import CrmSmsError
from crm_sms.ports import Finding
from crm_sms.use_cases.doctor import callbacks, crms, ledger, mirror, outbox
from crm_sms.use_cases.doctor.words import REREAD, Diagnosis, Patient, guarded
from crm_sms.use_cases.status import overview


def doctor(patient: Patient) -> Diagnosis:
    """Look at everything; what cannot be looked at is a finding, never an error.

    Asks each CRM and provider, so it takes a few requests. Writes nothing to them.
    """
    findings = [*ledger.schema_of(patient.ledger)]
    parked = 0
    readable = findings[0].ok
    if readable:
        found, parked = _stored(patient)
        findings += found
    findings += _configured(patient)
    for name in patient.providers:
        findings += callbacks.provider(patient, name)
        if readable:
            findings += guarded(f"listing {name}", partial(callbacks.listings, patient, name))
    for name in patient.crms:
        findings += crms.crm(patient, name, readable)
    return Diagnosis(tuple(findings), parked)


def unreadable(error: CrmSmsError) -> Diagnosis:
    """The finding for settings that cannot be read: there is nothing further to look at."""
    lines = filter(None, map(str.strip, str(error).splitlines()))
    return Diagnosis(tuple(Finding("settings", False, line, REREAD) for line in lines))


def _stored(patient: Patient) -> tuple[list[Finding], int]:
    """What the ledger alone can tell."""
    found = overview(patient.ledger, tuple(patient.crms), patient.clock())
    findings = [ledger.digest_key_of(patient.ledger), outbox.inbox_of(patient.ledger, found.at)]
    findings += [callbacks.unverified(found.unverified)]
    for name, crm in found.crms.items():
        findings += [outbox.parked(name, crm), outbox.queue(name, crm, found.at)]
        findings += [mirror.age(patient, name, crm)]
        findings += mirror.fallback_owner(patient, name, crm)
    findings += [outbox.left_behind(name, left) for name, left in found.left_behind.items()]
    return findings, found.parked + sum(left.waiting for left in found.left_behind.values())


def _configured(patient: Patient) -> Iterator[Finding]:
    """Without a CRM or provider nothing fails, and nothing happens either."""
    if not patient.providers:
        remedy = "add a table [providers.NAME] to crm-sms.toml; without one no texts come in"
        yield Finding("providers", None, "none is configured", remedy)
    if not patient.crms:
        remedy = "add a table [crms.NAME] to crm-sms.toml; until then texts wait"
        yield Finding("crms", None, "none is configured", remedy)
