"""A sandbox for each test: import the fixture `sandbox` into a conftest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crm_sms.sandbox.server import Sandbox, running


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Salesforce and Twilio on a free loopback port, with a clock that stands until it is set."""
    with running() as it:
        yield it
