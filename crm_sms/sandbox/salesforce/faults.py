"""The faults that are on: what of them strikes a call, and its rows."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from crm_sms.sandbox.salesforce.calls import Call, touches
from crm_sms.sandbox.salesforce.fault_deeds import CALL_DEEDS, ROW_DEEDS, Plan
from crm_sms.sandbox.salesforce.fault_rules import Rule, read
from crm_sms.sandbox.salesforce.refusals import RequestRefused
from crm_sms.sandbox.salesforce.schema import SObject
from crm_sms.sandbox.salesforce.table import Row


class Faults:
    """The rules that are on. `changed` is called after every change."""

    def __init__(self, changed: Callable[[Faults], None]) -> None:
        self.rules: list[Rule] = []
        self._changed = changed
        self._numbers = count(1)

    def add(self, given: Any) -> list[Rule]:
        """Switches rules on; a wrong one is RequestRefused and none is added."""
        rules = [
            read(next(self._numbers), one)
            for one in (given if isinstance(given, list) else [given])
        ]
        before, self.rules = self.rules, self.rules + rules
        try:
            self._changed(self)
        except RequestRefused:
            self.rules = before
            raise
        return rules

    def clear(self) -> None:
        """Switches all of them off."""
        self.rules = []
        self._changed(self)

    def standing(self, kind: str) -> Rule | None:
        """The last rule of a standing kind."""
        return next((rule for rule in reversed(self.rules) if rule.kind == kind), None)

    def names(self, kind: str) -> frozenset[str]:
        """The fields that `hidden` or `read_only` rules name, together."""
        rules = (rule for rule in self.rules if rule.kind == kind)
        return frozenset(name for rule in rules for name in rule.params["fields"])

    def token_refused(self) -> bool:
        """Whether no token is given or taken any more."""
        return any(rule.kind == "expired_token" and rule.params["for_good"] for rule in self.rules)

    def plan(self, call: Call, path: str) -> Plan:
        """What strikes this call; rules are used up by it."""
        parts: dict[str, Any] = {"sleep_s": 0.0}
        for rule in self.rules:
            deed = CALL_DEEDS.get(rule.kind)
            if deed is None or not rule.meets(call, path):
                continue
            found = deed(rule, call)
            if found is None or not rule.strike():
                continue
            name, value = found
            parts[name] = parts["sleep_s"] + value if name == "sleep_s" else value
        return Plan(**parts)

    def guard(self, call: Call, path: str) -> Callable[[SObject, Row], None]:
        """Refuses the rows of a call that a row rule strikes."""
        rules = [
            rule
            for rule in self.rules
            if rule.kind in ROW_DEEDS and rule.meets_path(call, path) and _is_full(rule, call)
        ]

        def check(obj: SObject, row: Row) -> None:
            for rule in rules:
                if rule.match.get("object", obj.name) == obj.name:
                    ROW_DEEDS[rule.kind](rule, obj, row)

        return check


def _is_full(rule: Rule, call: Call) -> bool:
    most = rule.params.get("above_rows")
    return most is None or any(touch.rows > most for touch in touches(call))
