"""A played month: `make month`, or `pytest tests/simulation -m slow --seed 7 --days 30`."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which month is played, and how much of it."""
    parser.addoption("--seed", type=int, help="which month; another one each time without it")
    parser.addoption("--days", type=int, default=30, help="how many days of it")


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The number that stands for everything that happens."""
    given = request.config.getoption("--seed", default=None)
    return random.SystemRandom().randrange(10**6) if given is None else int(given)


@pytest.fixture
def days(request: pytest.FixtureRequest) -> int:
    """How long it is."""
    return int(request.config.getoption("--days", default=30))
