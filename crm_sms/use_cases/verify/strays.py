"""Records in the CRM that carry a key of ours and are not those that the ledger knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlalchemy import Connection

from crm_sms.ledger import texts
from crm_sms.ledger.crm_records import known_records
from crm_sms.use_cases.verify.words import Finding, Kind


def strays(
    connection: Connection, crm: str, object_name: str, keys: Mapping[str, str]
) -> Iterator[Finding]:
    """Those among these records, given as the CRM's id → our key."""
    names = {key: _text_of(key) for key in keys.values()}
    owners = texts.owners_of(connection, set(names.values()))
    stored = texts.stored(connection, set(owners.values()))
    known = known_records(connection, crm, {(object_name, key) for key in names})
    for crm_id, key in keys.items():
        text, record = stored.get(owners.get(names[key], 0)), known.get((object_name, key))
        if text is None:
            why = "no text of the ledger has its key"
            yield Finding(Kind.ORPHAN, object_name, key, why, crm_id=crm_id)
        elif text.key != names[key]:
            why = f"its text has another record, under the key {text.key}"
            yield Finding(Kind.DOUBLE, object_name, key, why, crm_id=crm_id)
        elif record and record.crm_id != crm_id:
            why = f"the record that we wrote is {record.crm_id}"
            yield Finding(Kind.DOUBLE, object_name, key, why, crm_id=crm_id)


def _text_of(key: str) -> str:
    """The key of the text that a record with this key is about."""
    start = next((one for one in texts.STARTS if one and key.startswith(one)), "")
    return key.removeprefix(start)
