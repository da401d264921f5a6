"""Sandboxes as pytest fixtures: name this module in `pytest_plugins`, or import from it.

Each test gets a Salesforce org and Twilio of its own, on a free port of this machine, empty, with a
clock that stands until it is set. Starting one takes a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import pytest

from crm_sms.sandbox.salesforce import Salesforce
from crm_sms.sandbox.server import Sandbox, running
from crm_sms.sandbox.twilio import Twilio
from crm_sms.testing.world import World, build

Vendor = TypeVar("Vendor")


@dataclass(frozen=True, slots=True)
class VendorSandbox(Generic[Vendor]):
    """One vendor of a sandbox: its address, the adapter's settings that work against it, the thing
    itself to look into and give orders to, and both vendors with their clock."""

    url: str
    settings: Mapping[str, Any]
    vendor: Vendor
    sandbox: Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Salesforce and Twilio on a free loopback port, with a clock that stands until it is set."""
    with running() as it:
        yield it


@pytest.fixture
def salesforce_sandbox(sandbox: Sandbox) -> VendorSandbox[Salesforce]:
    """A Salesforce org with the fields of the default mapping. Of `sandbox`, if a test has both."""
    told = sandbox.salesforce.credentials(sandbox.url)
    settings = {
        "auth": "client_credentials",
        "client_id": told["client_id"],
        "client_secret": told["client_secret"],
        "login_url": sandbox.url,
        "allow_http": True,
    }
    return VendorSandbox(sandbox.url, settings, sandbox.salesforce, sandbox)


@pytest.fixture
def twilio_sandbox(sandbox: Sandbox) -> VendorSandbox[Twilio]:
    """A Twilio account. Of `sandbox`, if a test has both."""
    accounts = sandbox.twilio.accounts.values()
    settings = {
        "public_url": "https://sms.example.com",
        "base_url": sandbox.url,
        "accounts": {one.sid: {"auth_token": one.auth_token} for one in accounts},
    }
    return VendorSandbox(sandbox.url, settings, sandbox.twilio, sandbox)


@pytest.fixture
def world(tmp_path: Path, sandbox: Sandbox) -> Iterator[World]:
    """An installation on SQLite that works against `sandbox`, both on one clock."""
    it = build(tmp_path, sandbox)
    yield it
    it.app.close()
