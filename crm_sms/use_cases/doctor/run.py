"""Everything that is looked at, in its order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from crm_sms.errors import CrmSmsError
from crm_sms.ports import Finding
from crm_sms.use_cases.doctor import callbacks, crms, ledger, mirror, outbox, worker
from crm_sms.use_cases.doctor.words import REREAD, Diagnosis, Patient, guarded
from crm_sms.use_cases.status import overview


def doctor(patient: Patient, *, test_callbacks: bool = False) -> Diagnosis:
    """Look at everything; what cannot be looked at is a finding, never an error.

    Asks each CRM and provider, so it takes a few requests. Writes nothing to them. With
    `test_callbacks` it also posts to our own service from outside, which keeps nothing of them.
    """
    findings = ledger.schema_of(patient.ledger)
    readable = findings[0].ok
    stored = _stored(patient) if readable else Diagnosis(())
    findings += stored.findings
    findings += _configured(patient)
    for name in patient.providers:
        findings += callbacks.provider(patient, name)
        if readable:
            findings += guarded(f"listing {name}", partial(callbacks.listings, patient, name))
        if test_callbacks:
            findings += callbacks.trial(patient, name)
    for name in patient.crms:
        findings += crms.crm(patient, name, readable)
    return replace(stored, findings=tuple(findings))


def unreadable(error: CrmSmsError) -> Diagnosis:
    """The finding for settings that cannot be read: there is nothing further to look at."""
    lines = filter(None, map(str.strip, str(error).splitlines()))
    return Diagnosis(tuple(Finding("settings", False, line, REREAD) for line in lines))


def _stored(patient: Patient) -> Diagnosis:
    """What the ledger alone can tell."""
    findings = ledger.database(patient)
    if findings[0].ok is False:
        return Diagnosis(tuple(findings))
    found = overview(patient.ledger, tuple(patient.crms), patient.clock())
    findings += [ledger.digest_key_of(patient.ledger), outbox.inbox_of(patient.ledger, found.at)]
    findings += worker.at_work(patient, found)
    findings += [callbacks.unverified(found.unverified)]
    for name, crm in found.crms.items():
        findings += [outbox.parked(name, crm), outbox.queue(name, crm, found.at)]
        findings += [*ledger.behind(name, crm), mirror.age(patient, name, crm)]
        findings += mirror.fallback_owner(patient, name, crm)
    findings += [outbox.left_behind(name, left) for name, left in found.left_behind.items()]
    parked = found.parked + sum(left.waiting for left in found.left_behind.values())
    return Diagnosis(tuple(findings), parked, found.missed)


def _configured(patient: Patient) -> Iterator[Finding]:
    """Without a CRM or provider nothing fails, and nothing happens either."""
    if not patient.providers:
        remedy = "add a table [providers.NAME] to crm-sms.toml; without one no texts come in"
        yield Finding("providers", None, "none is configured", remedy)
    if not patient.crms:
        remedy = "add a table [crms.NAME] to crm-sms.toml; until then texts wait"
        yield Finding("crms", None, "none is configured", remedy)
