"""What others saw of the play: the provider's own list of callbacks, our service's counters."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from crm_sms.demo.stage import Stage
from crm_sms.sandbox.twilio.postman import Attempt

ARRIVED = frozenset({"delivered", "read"})
LEFT = ARRIVED | {"sent", "undelivered"}
"""Statuses, in the provider's words, that say so much of a text."""


@dataclass(frozen=True, slots=True)
class Posted:
    """One callback that our service answered 2xx, `at` that instant. `clicked_at` is set on a
    click, `word` on a status."""

    kind: str
    sid: str
    at: datetime
    word: str = ""
    clicked_at: datetime | None = None
    link: str = ""


@dataclass(frozen=True, slots=True)
class Witness:
    """Every callback that was accepted, in order of time, and how many were not."""

    posted: Sequence[Posted]
    refused: int = 0

    def receipts(self, sid: str, words: frozenset[str] | None = None) -> list[datetime]:
        """When callbacks of a text came in: those of statuses with these words, or all."""
        mine = [one for one in self.posted if one.sid == sid]
        return [one.at for one in mine if words is None or one.word in words]

    @property
    def distinct(self) -> int:
        """Callbacks that said something new."""
        return len({(one.kind, one.sid, one.word, one.clicked_at, one.link) for one in self.posted})


@dataclass(frozen=True, slots=True)
class Counters:
    """What our web service says of itself."""

    events: int
    duplicates: int
    forged: int


def provider_log(stage: Stage) -> Witness:
    """The provider's list of what it posted."""
    attempts = stage.box.twilio.postman.attempts
    posted = sorted(_posted(one for one in attempts if one.succeeded), key=lambda one: one.at)
    return Witness(posted, sum(not one.succeeded for one in attempts))


def _posted(attempts: Iterable[Attempt]) -> Iterable[Posted]:
    for attempt in attempts:
        callback, said = attempt.callback, dict(attempt.callback.params)
        clicked = said.get("click_time")
        yield Posted(
            kind=callback.kind,
            sid=callback.sid,
            at=attempt.at,
            word=callback.status if callback.kind == "status" else "",
            clicked_at=datetime.fromisoformat(clicked) if clicked else None,
            link=said.get("link", ""),
        )


def counters(stage: Stage) -> Counters:
    """Read from the service's metrics."""
    with urllib.request.urlopen(f"{stage.web_url}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()

    def total(name: str, label: str = "") -> int:
        found = [line for line in lines if line.startswith(f"{name}_total") and label in line]
        return int(sum(float(line.rpartition(" ")[2]) for line in found))

    return Counters(
        events=total("crm_sms_events"),
        duplicates=total("crm_sms_duplicates"),
        forged=total("crm_sms_webhook_requests", 'outcome="forged"'),
    )
