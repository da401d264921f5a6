"""The ledger itself: its schema, its disk, and the key that opt-outs are kept under."""

from __future__ import annotations

from collections.abc import Iterator

from crm_sms.ledger import Ledger, health, schema
from crm_sms.ports import Finding
from crm_sms.use_cases import digest_key
from crm_sms.use_cases.doctor.words import Patient, guarded
from crm_sms.use_cases.status import CrmStatus

_WARNS_MB, _FAILS_MB = 1024, 100


def schema_of(ledger: Ledger) -> list[Finding]:
    """Whether it is this program's; without that nothing of it can be read."""

    def look() -> Iterator[Finding]:
        schema.require(ledger)
        yield Finding("ledger", True, f"has the schema of this program, {schema.head()}")

    return guarded("ledger", look)


def database(patient: Patient) -> list[Finding]:
    """Whether what comes in can be kept, and for how long there is room."""

    def look() -> Iterator[Finding]:
        health.prove_writable(patient.ledger, patient.clock().isoformat())
        yield Finding("database", True, "takes writes")
        yield from _journal(patient.ledger)
        yield from _disk(patient.ledger)

    return guarded("database", look)


def _journal(ledger: Ledger) -> Iterator[Finding]:
    mode = health.journal_mode(ledger)
    if mode and mode not in health.LOCAL:
        text = f"SQLite's journal mode is {mode}, not wal: readers and writers wait for each other"
        remedy = "move the database to a disk of this machine; a network disk cannot have wal"
        yield Finding("database journal", None, text, remedy)


def _disk(ledger: Ledger) -> Iterator[Finding]:
    left = health.free_mb(ledger)
    if left is None:
        return
    text = f"{left:,} MB are free where the database is"
    if left >= _WARNS_MB:
        yield Finding("disk", True, text)
        return
    remedy = "free some, or move the database; on a full disk every callback is refused"
    yield Finding("disk", False if left < _FAILS_MB else None, text, remedy)


def behind(name: str, crm: CrmStatus) -> list[Finding]:
    """Whether delivery found that this ledger was restored from a backup."""
    if not crm.behind:
        return []
    remedy = "run what it names, in that order; docs/backup.md says why"
    return [Finding(f"backup {name}", False, crm.behind, remedy)]


def digest_key_of(ledger: Ledger) -> Finding:
    """The first key that the ledger is seen with is the right one."""
    digest_key.keep(ledger)
    if digest_key.is_right(ledger):
        return Finding("digest_key", True, "is the one that the ledger is used with")
    return Finding("digest_key", False, digest_key.WRONG, digest_key.REMEDY)
