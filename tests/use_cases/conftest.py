"""An installation against a sandbox in this process, on a clock that stands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crm_sms.sandbox.server import running
from crm_sms.testing.world import World, build


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An upgraded ledger in SQLite, an org without people."""
    with running() as box:
        it = build(tmp_path, box)
        yield it
        it.app.close()
