"""The ledger itself: its schema, and the key that opt-outs are kept under."""

from __future__ import annotations

from collections.abc import Iterator

from crm_sms.ledger import Ledger, schema
from crm_sms.ports import Finding
from crm_sms.use_cases import digest_key
from crm_sms.use_cases.doctor.words import guarded


def schema_of(ledger: Ledger) -> list[Finding]:
    """Whether it is this program's; without that nothing of it can be read."""

    def look() -> Iterator[Finding]:
        schema.require(ledger)
        yield Finding("ledger", True, f"has the schema of this program, {schema.head()}")

    return guarded("ledger", look)


def digest_key_of(ledger: Ledger) -> Finding:
    """The first key that the ledger is seen with is the right one."""
    digest_key.keep(ledger)
    if digest_key.is_right(ledger):
        return Finding("digest_key", True, "is the one that the ledger is used with")
    return Finding("digest_key", False, digest_key.WRONG, digest_key.REMEDY)
