"""What a forecast takes into account besides what happens: the ledger, the CRM, its storage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crm_sms.admin_files import shipped_mapping
from crm_sms.bootstrap import forecasting
from crm_sms.delivery.advice import Fit
from crm_sms.errors import TryLater
from crm_sms.ledger.tables import requests
from crm_sms.ledger.traffic import Traffic
from crm_sms.mapping import Mapping
from crm_sms.records import Lane
from crm_sms.sandbox.server import running
from crm_sms.testing.world import CRM, World, build
from crm_sms.use_cases.example_texts import rows_of
from crm_sms.use_cases.forecast import Asked, Mix, outlook


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An installation and an org without people."""
    with running() as box:
        it = build(tmp_path, box)
        yield it
        it.app.close()


@pytest.fixture
def asked(world: World) -> Asked:
    """Twenty thousand texts a day."""
    return forecasting(world.app, CRM, 20_000)


def test_few_texts_say_little_of_the_next() -> None:
    """From two hundred on they are believed; a no is no reply that makes a task."""
    assert Mix.of(Traffic(199, 100, 100, 100)) == Mix()
    assert Mix.of(Traffic(200, 30, 20, 10)) == Mix(0.1, 0.1, 0.05, counted=200)
    assert Mix.of(Traffic(200, 5, 0, 10)).replies == 0


def test_our_own_calls_are_not_those_of_others(world: World, asked: Asked) -> None:
    """They are in what the org counts, and would count twice."""
    world.fault("quota", limit=100_000, remaining=60_000)
    before = outlook(asked).quota
    with world.app.ledger.write("meta") as connection:
        row = {"crm": CRM, "worker": "w", "started_at": world.now, "rows": 1, "calls": 30_000}
        connection.execute(requests.insert(), [row])
    after = outlook(asked).quota
    assert before is not None
    assert after is not None
    assert after.used == pytest.approx(before.used - 30_000, abs=10)
    assert outlook(asked).kept == 5_000


def test_a_crm_that_does_not_answer_leaves_it_open(world: World, asked: Asked) -> None:
    """The forecast is there all the same, and the reason."""
    world.fault("status", status=503, body="html")
    found = outlook(asked)
    assert (found.quota, found.judgement, found.kept) == (None, None, None)
    assert found.unknown
    assert found.forecast.calls > 10_000
    assert found.storage.full_after is None


def test_a_crm_that_cannot_be_built_leaves_it_open(asked: Asked) -> None:
    """Credentials may come later."""

    def refuse() -> Any:
        raise TryLater("not now")

    found = outlook(replace(asked, crm=refuse))
    assert (found.judgement, found.unknown) == (None, "not now")


def test_a_quota_that_is_told_is_judged(world: World, asked: Asked) -> None:
    """As the org says it."""
    world.fault("quota", limit=100_000, remaining=100_000)
    judged = outlook(asked).judgement
    assert judged is not None
    assert judged.fit is Fit.FITS


def test_storage_is_two_kilobytes_a_record(asked: Asked) -> None:
    """New texts and tasks; what is updated takes no more."""
    storage = outlook(asked).storage
    assert set(storage.records) == {"SMS_Message__c", "Task"}
    assert storage.mb == pytest.approx(sum(storage.records.values()) * 2 / 1024)
    assert storage.full_after == pytest.approx(10_240 / (storage.mb or 1))
    assert outlook(replace(asked, record_kb=None)).storage.mb is None


@pytest.fixture
def ours() -> Mapping:
    """The mapping that we ship."""
    found = shipped_mapping("salesforce")
    assert found is not None
    return found


def test_the_mapping_says_what_each_text_asks_for(ours: Mapping) -> None:
    """A click changes the text and its sums; a reply makes a record, an entry and a task that refer
    to it; a no makes no task."""
    rows = rows_of(ours, CRM)
    lanes = {name: sorted({row.lane for row in found}) for name, found in rows.items()}
    assert lanes["sent"] == lanes["clicked"] == [Lane.TIMELINE, Lane.ROLL_UP]
    assert lanes["reply"] == [Lane.TASK, Lane.TIMELINE, Lane.ROLL_UP]
    assert lanes["opt_out"] == [Lane.OPT_OUT, Lane.TIMELINE, Lane.ROLL_UP]
    assert not any(row.fresh for row in rows["clicked"])
    follows = {name: sum(row.follows for row in found) for name, found in rows.items()}
    assert follows == {"sent": 0, "clicked": 0, "reply": 2, "opt_out": 1}


def test_a_mapping_that_cannot_make_a_record_is_forecast_without_it(ours: Mapping) -> None:
    """Doctor and parked rows tell of it; a forecast is no place to fail."""
    text = (Path(ours.name)).read_text(encoding="utf-8")
    broken = text.replace(
        "[message.fields]", '[message.fields]\nOdd__c = { value = "1 / message.click_count" }'
    )
    rows = rows_of(Mapping.load(broken, "mine"), CRM)
    assert Lane.TIMELINE not in {row.lane for row in rows["sent"]}
    assert Lane.ROLL_UP in {row.lane for row in rows["sent"]}
