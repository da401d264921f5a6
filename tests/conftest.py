"""Fixtures every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of descriptions and data that others made; absent on most machines.

    `make judges` sets CRM_SMS_JUDGES, and then a missing folder is a failure, not a skip.
    """
    if SHARED.is_dir():
        return SHARED
    if os.environ.get("CRM_SMS_JUDGES"):
        pytest.fail(f"{SHARED} is missing: the judges need it")
    pytest.skip(f"{SHARED} is not on this machine")
