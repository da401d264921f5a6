"""A whole installation on a sandbox, for tests of the way from a fact to the CRM."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crm_sms.sandbox.server import Sandbox
from crm_sms.testing.sandbox import sandbox, world
from crm_sms.testing.world import World, build

__all__ = ["sandbox", "world"]


@pytest.fixture
def postgres_world(tmp_path: Path, sandbox: Sandbox, postgres_url: str) -> Iterator[World]:
    """An installation as `world` is one, on PostgreSQL."""
    world = build(tmp_path, sandbox, database=postgres_url)
    yield world
    world.app.close()
