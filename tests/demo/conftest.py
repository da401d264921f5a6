"""One small demo, played once for all tests of a module that only look at it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crm_sms.demo.check import Observed, observe
from crm_sms.demo.expected import Story
from crm_sms.demo.run import Performance, performed
from crm_sms.demo.stage import Ports
from crm_sms.demo.truth import texts
from crm_sms.demo.words import LEAST_PEOPLE

TODAY = datetime(2026, 11, 20, 15, 4, 5, 6, UTC)
SEED = 1


@pytest.fixture(scope="module")
def performance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Performance]:
    """A demo with as few people as there may be, which still stands."""
    folder = tmp_path_factory.mktemp("demo")
    with performed(folder, LEAST_PEOPLE, SEED, TODAY, _deaf, Ports()) as played:
        yield played


def _deaf(what: str, done: int, total: int | None) -> None:
    assert total is None or 0 <= done <= total, what


@pytest.fixture(scope="module")
def story(performance: Performance, observed: Observed) -> Story:
    """What the script says of the texts that were played."""
    stage, played = performance.stage, performance.played
    found = texts(performance.script, played.sids, observed.witness, stage.world.account)
    return Story(performance.script, stage.ids, found, stage.start)


@pytest.fixture(scope="module")
def observed(performance: Performance) -> Observed:
    """What was found after the play."""
    return observe(performance.stage)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder."""
    path = tmp_path / "stage"
    path.mkdir()
    return path
