"""Whether the digest key is the one that a ledger's opt-outs are kept under."""

from __future__ import annotations

from crm_sms.errors import BadSettings
from crm_sms.ledger import Ledger
from crm_sms.ledger.notes import note, put_note

_NOTE = "digest"
_SAMPLE = "what a digest key is known by"
WRONG = "is not the one that this ledger is used with: none of its opt-outs would be found"
REMEDY = (
    "restore CRM_SMS_DIGEST_KEY in .env from your backup; if it is lost for good, move the "
    "database away, run crm-sms init, and import the provider's message log, whose opt-outs count"
)


def is_right(ledger: Ledger) -> bool | None:
    """None while no key was noted."""
    with ledger.read() as connection:
        known = note(connection, _NOTE)
    return None if known is None else bool(known == ledger.digest(_SAMPLE))


def keep(ledger: Ledger) -> None:
    """Note the key of a ledger that has none noted; later ones must be the same."""
    if is_right(ledger) is None:
        with ledger.write("meta") as connection:
            put_note(ledger, connection, _NOTE, ledger.digest(_SAMPLE))


def require(ledger: Ledger) -> None:
    """Raise BadSettings for another key than the noted one: no text may pass an opt-out that is
    kept under the right one."""
    if is_right(ledger) is False:
        raise BadSettings(f"digest_key: {WRONG}; {REMEDY}")
