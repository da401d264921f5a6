"""Plays the month: time goes on in uneven steps, things happen, the jobs do their work."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from crm_sms.admin_files import shipped
from crm_sms.demo.stage import Ports, standing
from crm_sms.records import Reason
from crm_sms.sandbox.salesforce.refusals import Refused
from crm_sms.use_cases import parked
from crm_sms.use_cases.status import overview
from month import people, reps, texts, troubles
from month.invariants import check
from month.stage import SCRIPT, Month

START = datetime(2026, 11, 1, tzinfo=UTC)
EVENTS = (*people.EVENTS, *texts.EVENTS, *reps.EVENTS, *troubles.EVENTS)
"""Everything that happens: how often, and what."""

STEPS_S = (1, 5, 20, 70, 300, 1200, 3600)
"""Between two looks at what is there."""

_ROUNDS = 400
_FOR_GOOD = (Reason.DELETED, Reason.CONVERTED, Reason.REFERENCE)


@contextmanager
def month(folder: Path, seed: int) -> Iterator[Month]:
    """An org with a few people, before anything happens."""
    random.seed(seed)  # the jitter of retries
    with standing(folder, SCRIPT, START, Ports()) as stage:
        dice = random.Random(seed)
        stage.box.twilio._randomness = random.Random(seed)
        it = Month(stage, dice)
        url = f"{stage.web_url}/webhooks/twilio"
        it.orders("config", {"inbound_url": f"{url}/inbound", "click_url": f"{url}/click"})
        for happen in (people.found, *[people.come] * 12, people.deal):
            happen(it)
        it.run("sync people")
        yield it


def play(it: Month, days: int) -> None:
    """So many days; after each, what must hold at any time is looked at."""
    weights = [weight for weight, _ in EVENTS]
    for day in range(days):
        midnight = START + timedelta(days=day + 1)
        if day == days // 2:
            change_mapping(it)
        while it.now < midnight:
            it.pass_time(it.dice.choice(STEPS_S) * it.dice.uniform(0.5, 1.5))
            for _, happen in it.dice.choices(EVENTS, weights, k=it.dice.choice((0, 1, 1, 2))):
                with suppress(Refused):  # the org lets people do no more than it lets us
                    happen(it)
            it.run(*_jobs(it))
        check(it)


def _jobs(it: Month) -> list[str]:
    """Pulls and listings now and then; the rest whenever something woke the worker."""
    due = (("sync people", 0.15), ("sync provider", 0.1), ("process", 0.9), ("deliver", 0.9))
    return [name for name, chance in due if it.dice.random() < chance]


def change_mapping(it: Month) -> None:
    """An admin writes another subject for tasks, and one more field."""
    text = (shipped() / "salesforce.toml").read_text(encoding="utf-8")
    text = text.replace("SMS reply", "A text").replace(
        'Error_Code__c = { value = "message.error_code" }',
        'Error_Code__c = { value = "message.error_code | upper" }',
    )
    (it.stage.folder / "salesforce.toml").write_text(text, encoding="utf-8")
    it.note("the mapping changes")


def drain(it: Month) -> None:
    """All troubles end; everything that waits is written, what is gone for good is given up."""
    it.stage.box.salesforce.faults.clear()
    it.stage.box.twilio.clear_faults()
    it.ending.clear()
    ledger = it.stage.app.ledger
    for late_s in (7200, 3600, 7 * 3600):  # the last: the provider's listing looks back a day
        it.pass_time(late_s)
        it.run("sync people", "sync provider", "process")
        parked.retry(ledger, [row.id for row in parked.parked(ledger)], it.now)
        _until_nothing_waits(it)
    # What was retried for somebody who is gone leaves with the next pull.
    it.run("sync people")
    _until_nothing_waits(it)
    for reason in _FOR_GOOD:
        parked.drop(ledger, [row.id for row in parked.parked(ledger, reason)])


def _until_nothing_waits(it: Month) -> None:
    for _ in range(_ROUNDS):
        it.run("process", "deliver")
        now = overview(it.stage.app.ledger, [it.crm], it.now)
        if not now.inbox and not any(q.waiting + q.settling for q in now.crms[it.crm].queues):
            return
        it.pass_time(60)
    raise AssertionError("something waits for ever")
