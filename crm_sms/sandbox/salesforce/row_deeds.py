"""What each kind of rule does to a row that is about to be stored."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from crm_sms.sandbox.salesforce.calls import PREFIX
from crm_sms.sandbox.salesforce.fault_deeds import MAINTENANCE, MAINTENANCE_MESSAGE
from crm_sms.sandbox.salesforce.fault_rules import Rule
from crm_sms.sandbox.salesforce.guard import Write
from crm_sms.sandbox.salesforce.refusals import ChunkRefused, DuplicatesDetected, Refused
from crm_sms.sandbox.salesforce.table import Row

Deed = Callable[[Sequence[Rule], Write], None]
"""Takes the rules of one kind that meet the row, in the order they were switched on."""


def _maintenance(rules: Sequence[Rule], write: Write) -> None:
    if any(rule.strike() for rule in rules):
        raise Refused(MAINTENANCE, MAINTENANCE_MESSAGE, status=503)


def _trigger(rules: Sequence[Rule], write: Write) -> None:
    """One row that a trigger trips over fails all rows that it got at once."""
    for rule in rules:
        if _is_full(rule, write) and _meets(rule, write.row) and rule.strike():
            raise ChunkRefused(rule.params["code"], rule.params["message"])


def _validation(rules: Sequence[Rule], write: Write) -> None:
    """Every rule that the record as a whole breaks is told, not the first alone."""
    if write.deleting:
        return
    broken = [
        Refused("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.params["message"], rule.params["fields"])
        for rule in rules
        if _meets(rule, write.row) and rule.strike()
    ]
    if broken:
        first, *rest = broken
        raise Refused(first.code, first.message, first.fields, also=rest)


def _duplicates(rules: Sequence[Rule], write: Write) -> None:
    """Only a change of a field that is compared is looked at."""
    for rule in rules:
        names = rule.params["fields"]
        alert = rule.params["action"] == "alert"
        if write.deleting or (alert and write.allow_save):
            continue
        if all(write.row.get(name) == write.before.get(name) for name in names):
            continue
        found = _likes(write, names)
        if found and rule.strike():
            raise DuplicatesDetected("Use one of these records?", _result(write, found, alert))


def _likes(write: Write, names: list[str]) -> list[Row]:
    wanted = [write.row.get(name) for name in names]
    if None in wanted:
        return []
    return [
        row
        for row in write.org.tables[write.object.name].rows.values()
        if not row.get("IsDeleted")
        and row["Id"] != write.row["Id"]
        and [row.get(name) for name in names] == wanted
    ]


def _result(write: Write, found: list[Row], alert: bool) -> dict[str, Any]:
    name = write.object.name
    records = [
        {
            "additionalInformation": [],
            "fieldDiffs": [],
            "matchConfidence": 100.0,
            "record": {
                "attributes": {"type": name, "url": f"{PREFIX}/v66.0/sobjects/{name}/{row['Id']}"},
                "Id": row["Id"],
            },
        }
        for row in found
    ]
    return {
        "allowSave": alert,
        "duplicateRule": f"{name}_Duplicates",
        "duplicateRuleEntityType": name,
        "errorMessage": "Use one of these records?",
        "matchResults": [
            {
                "entityType": name,
                "errors": [],
                "matchEngine": "ExactMatchEngine",
                "matchRecords": records,
                "rule": f"{name}_Matching",
                "size": len(records),
                "success": True,
            }
        ],
    }


def _row_error(rules: Sequence[Rule], write: Write) -> None:
    for rule in rules:
        if _is_full(rule, write) and _is_chosen(rule, write):
            _strike_row(rule, _key(write))


def _is_chosen(rule: Rule, write: Write) -> bool:
    params = rule.params
    if params["keys"] is not None and not _holds(write.row, params["keys"]):
        return False
    if params["share"] is None:
        return True
    chance = random.Random(f"{params['seed']}:{write.object.name}:{_key(write)}").random()
    return bool(chance < params["share"])


def _strike_row(rule: Rule, key: str) -> None:
    most = rule.params["times_per_key"]
    if (most is None or rule.struck[key] < most) and rule.strike(key):
        raise Refused(rule.params["code"], rule.params["message"], rule.params["fields"])


def _lock(rules: Sequence[Rule], write: Write) -> None:
    for rule in rules:
        for parent in rule.params["parents"]:
            if rule.struck[parent] != rule.left and _holds(write.row, [parent]):
                rule.struck[parent] += 1
                raise Refused(
                    "UNABLE_TO_LOCK_ROW",
                    "unable to obtain exclusive access to this record or 1 records: " + parent,
                )


def _is_full(rule: Rule, write: Write) -> bool:
    most = rule.params["above_rows"]
    return most is None or write.chunk > most


def _meets(rule: Rule, row: Row) -> bool:
    """Whether every field that the rule names has that value; null is an empty one."""
    return all(row.get(name) == value for name, value in rule.params["when"].items())


def _key(write: Write) -> str:
    """What names a row over repetitions: its unique key, else its id."""
    unique = (f.name for f in write.object.fields.values() if f.unique and write.row.get(f.name))
    return str(write.row[next(unique, "Id")])


def _holds(row: Row, wanted: Iterable[Any]) -> bool:
    values = set(map(str, row.values()))
    return any(str(one) in values for one in wanted)


ROW_DEEDS: Mapping[str, Deed] = {
    "maintenance": _maintenance,
    "trigger": _trigger,
    "validation": _validation,
    "duplicates": _duplicates,
    "row_error": _row_error,
    "lock": _lock,
}
"""In the order in which an org does these things."""
