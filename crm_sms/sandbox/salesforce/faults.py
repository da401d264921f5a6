"""The faults that are on: what of them strikes a call, and its rows."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from crm_sms.sandbox.salesforce.calls import Call
from crm_sms.sandbox.salesforce.fault_deeds import CALL_DEEDS, Plan
from crm_sms.sandbox.salesforce.fault_rules import Rule, read
from crm_sms.sandbox.salesforce.guard import Guard, Write
from crm_sms.sandbox.salesforce.refusals import RequestRefused
from crm_sms.sandbox.salesforce.row_deeds import ROW_DEEDS


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

    def clear(self, number: int | None = None) -> None:
        """Switches one rule off, by its id, or all of them."""
        self.rules = [] if number is None else [rule for rule in self.rules if rule.id != number]
        self._changed(self)

    def standing(self, kind: str) -> Rule | None:
        """The last rule of a standing kind."""
        return next((rule for rule in reversed(self.rules) if rule.kind == kind), None)

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

    def guard(self, call: Call, path: str) -> Guard:
        """Refuses the rows of a call that a row rule strikes."""
        rules = [rule for rule in self.rules if rule.meets_path(call, path)]
        kinds = {rule.kind for rule in rules}
        deeds = [
            (deed, [rule for rule in rules if rule.kind == kind])
            for kind, deed in ROW_DEEDS.items()
            if kind in kinds
        ]

        def check(write: Write) -> None:
            name = write.object.name
            for deed, of_kind in deeds:
                mine = [rule for rule in of_kind if rule.match.get("object", name) == name]
                if mine:
                    deed(mine, write)

        return check
