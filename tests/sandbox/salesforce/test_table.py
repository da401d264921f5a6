"""A table's indexes say the same as its rows, whatever happened to them."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from crm_sms.sandbox.salesforce import schema
from crm_sms.sandbox.salesforce.table import Row, Table

OBJECT = schema.load()["SMS_Message__c"]
IDS = st.sampled_from([f"a015g000000000{n}AAA" for n in range(6)])
STAMPS = st.sampled_from([f"2026-03-02T09:00:0{n}.000+0000" for n in range(4)])
KEYS = st.none() | st.sampled_from(["a", "A", "b"])
CONTACTS = st.none() | st.sampled_from(["0035g0000000001AAA", "0035g0000000002AAA"])


class Tables(RuleBasedStateMachine):
    """Puts and removes rows at random, beside a plain dict of them."""

    def __init__(self) -> None:
        super().__init__()
        self.table = Table(OBJECT)
        self.plain: dict[str, Row] = {}

    @rule(record_id=IDS, stamp=STAMPS, key=KEYS, contact=CONTACTS, deleted=st.booleans())
    def put(
        self, record_id: str, stamp: str, key: str | None, contact: str | None, deleted: bool
    ) -> None:
        """Inserts or replaces; the row before comes back."""
        row: Row = {"Id": record_id, "SystemModstamp": stamp, "IsDeleted": deleted}
        row |= {"Message_Key__c": key} if key else {}
        row |= {"Contact__c": contact} if contact else {}
        assert self.table.put(row) == self.plain.get(record_id)
        self.plain[record_id] = row

    @rule(record_id=IDS)
    def remove(self, record_id: str) -> None:
        """Forgets, if it is there."""
        assert self.table.remove(record_id) == self.plain.pop(record_id, None)

    @invariant()
    def look_ups_find_what_a_scan_finds(self) -> None:
        """By key (case counts there) and by lookup, with and without deleted rows."""
        for name in ("Message_Key__c", "Contact__c"):
            for value in ("a", "A", "b", "0035g0000000001AAA"):
                scan = [row for row in self.plain.values() if row.get(name) == value]
                scan.sort(key=lambda row: row["Id"])
                assert self.table.find(name, value) == scan
                assert self.table.alive(name, value) == [r for r in scan if not r["IsDeleted"]]

    @invariant()
    def the_order_is_that_of_stamps_and_ids(self) -> None:
        """From any moment on, every row once, in order."""
        order = sorted(self.plain.values(), key=lambda row: (row["SystemModstamp"], row["Id"]))
        assert list(self.table.since(None)) == order
        start = "2026-03-02T09:00:02.000+0000"
        later = [row for row in order if row["SystemModstamp"] >= start]
        assert list(self.table.since(start)) == later
        assert self.table.count_since(start) == len(later)


TestTables = Tables.TestCase


def test_text_is_found_without_regard_to_case_unless_the_field_says_so() -> None:
    """An E.164 field's value is found in any case; a message key only in its own."""
    table = Table(schema.load()["Contact"])
    row: Row = {"Id": "0035g0000000001AAA", "SystemModstamp": "x", "SMS_Phone_E164__c": "AbC"}
    table.put(row)
    assert table.find("SMS_Phone_E164__c", "aBc") == [row]
