"""What the same client needs if each record is written alone: one look-up, one write."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crm_sms.ports import Crm
from crm_sms.records import Chunk, Op, Write
from crm_sms.sandbox.server import Sandbox, running
from crm_sms.testing.world import CRM, build

_SAMPLE = 10
"""Records of each kind."""

HOW = (
    "the same client against a second org, record by record: one look-up and one upsert, insert "
    "or update each, counted by that org, scaled from the sample to all records written"
)


@dataclass(frozen=True, slots=True)
class Naive:
    """Calls for the sample, and how many records it had."""

    calls: int
    records: int

    def for_all(self, records: int) -> int:
        """The same for so many records."""
        return round(self.calls * records / self.records)


def measure(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> Naive:
    """Write a sample of these rows, by object, into an org of its own."""
    with tempfile.TemporaryDirectory(prefix="crm-sms-naive-") as folder, running() as box:
        world = build(Path(folder), box)
        try:
            crm = world.app.crms[CRM]
            before = box.salesforce.stats()["calls"]
            sample = list(_sample(box, rows))
            for chunk in sample:
                _alone(crm, chunk)
            return Naive(box.salesforce.stats()["calls"] - before, len(sample))
        finally:
            world.app.close()


def _sample(box: Sandbox, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[Chunk]:
    """Single rows; only fields that refer to nothing, as the second org has other people."""
    for row in rows["SMS_Message__c"][:_SAMPLE]:
        fields = {name: row[name] for name in ("Direction__c", "Status__c", "From__c", "To__c")}
        yield _one("SMS_Message__c", Op.UPSERT, "Message_Key__c", row["Message_Key__c"], fields)
    for row in rows["Task"][:_SAMPLE]:
        fields = {name: row[name] for name in ("Subject", "Status", "ActivityDate")}
        yield _one("Task", Op.CREATE, "SMS_Key__c", row["SMS_Key__c"], fields)
    people = [{"LastName": row["LastName"]} for row in rows["Contact"][:_SAMPLE]]
    made = box.salesforce.seed({"op": "create", "object": "Contact", "records": people})
    for id in made["results"][0]:
        yield _one("Contact", Op.UPDATE, None, id, {"SMS_Sent_Count__c": 1})


def _one(object: str, op: Op, key_field: str | None, key: str, fields: Mapping[str, Any]) -> Chunk:
    return Chunk(object, op, key_field, (Write(key, fields),))


def _alone(crm: Crm, chunk: Chunk) -> None:
    crm.read(chunk.object, chunk.key_field, [chunk.rows[0].key], ["Id"])
    [[outcome]] = crm.write([chunk]).outcomes
    if outcome.crm_id is None:
        raise RuntimeError(f"the sample could not be written: {outcome.detail}")
