"""Rules that spoil callbacks and answers of the API, each with a chance of its own."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

from crm_sms.sandbox.twilio.callbacks import Callback
from crm_sms.sandbox.twilio.orders import Fault

#: Faults of the API rather than of a callback; `server_error` and `dropped` strike after the
#: request was carried out, the others before.
OF_THE_API = {"rate_limited": 20429, "unavailable": 20503, "server_error": 20500, "dropped": 20500}

#: Pages of a list are found by their number: what comes in between two moves the rest back.
SHIFTED = "shifted"
_OF_ANSWERS = {*OF_THE_API, SHIFTED}


class Rule:
    """A fault with its own randomness, so that the same seed spoils the same callbacks."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.hits = 0
        self._random = random.Random(fault.seed)

    def strikes(self, *labels: str) -> bool:
        """Whether it hits what has these labels; counts the hit."""
        fault = self.fault
        if fault.match is not None and fault.match not in labels:
            return False
        if fault.times is not None and self.hits >= fault.times:
            return False
        hit = self._random.random() < fault.share
        self.hits += hit
        return hit

    def spoil(self, callback: Callback) -> list[Callback]:
        """What becomes of a callback that was hit: itself otherwise, or two of it."""
        wait = timedelta(seconds=self.fault.seconds)
        match self.fault.fault:
            case "doubled":
                return [callback, callback]
            case "late":
                return [replace(callback, due=callback.due + wait)]
            case "reordered":
                return [replace(callback, due=callback.due + wait * self._random.random())]
            case spoilt:
                return [replace(callback, spoilt=callback.spoilt | {spoilt})]


class Rules:
    """All rules that are switched on, in the order in which they were."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def spoil(self, callback: Callback) -> list[Callback]:
        """The callback after every rule that strikes it, in two or more copies if doubled.

        A lost one is kept and marked: its turn comes, and it is not posted.
        """
        callbacks = [callback]
        for rule in self.rules:
            if rule.fault.fault not in _OF_ANSWERS:
                callbacks = [c for each in callbacks for c in _after(rule, each)]
        return callbacks

    def api_fault(self, method: str) -> str | None:
        """The first fault of the API that strikes a request of this method (its match)."""
        for rule in self.rules:
            if rule.fault.fault in OF_THE_API and rule.strikes(method):
                return rule.fault.fault
        return None

    def shifts(self) -> bool:
        """Whether a page of a list is found by its number."""
        return any([rule.strikes("GET") for rule in self.rules if rule.fault.fault == SHIFTED])


def _after(rule: Rule, callback: Callback) -> list[Callback]:
    struck = rule.strikes(callback.kind, callback.status)
    return rule.spoil(callback) if struck else [callback]
