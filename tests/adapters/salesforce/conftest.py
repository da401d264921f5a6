"""What the Salesforce tests share: settings, chunks, and a client of the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from crm_sms.records import Chunk, Op, Scalar, Write

NOW = datetime(2026, 11, 20, 15, 48, 22, tzinfo=UTC)
MESSAGES = ("SMS_Message__c", "Message_Key__c")


@pytest.fixture
def now() -> datetime:
    """The instant that the pure tests take as now."""
    return NOW


@pytest.fixture(scope="session")
def private_key() -> str:
    """An RSA key of its own for this run, in PEM."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture
def good() -> dict[str, Any]:
    """Settings that are complete for client credentials."""
    return {
        "auth": "client_credentials",
        "client_id": "3MVG9.id",
        "client_secret": "s3cret-value",
        "login_url": "https://acme.my.salesforce.com",
    }


@pytest.fixture
def upserts() -> Callable[..., Chunk]:
    """Makes a chunk of message records with these keys."""

    def make(*keys: str, **fields: Scalar) -> Chunk:
        rows = tuple(Write(key, fields or {"Status__c": "Sent"}) for key in keys)
        return Chunk(MESSAGES[0], Op.UPSERT, MESSAGES[1], rows)

    return make


@pytest.fixture
def creates() -> Callable[..., Chunk]:
    """Makes a chunk of tasks with these keys."""

    def make(*keys: str, **fields: Scalar) -> Chunk:
        rows = tuple(Write(key, fields or {"Subject": "Reply"}) for key in keys)
        return Chunk("Task", Op.CREATE, "SMS_Key__c", rows)

    return make


@pytest.fixture
def updates() -> Callable[..., Chunk]:
    """Makes a chunk of contacts with these ids."""

    def make(*ids: str, **fields: Scalar) -> Chunk:
        rows = tuple(Write(id, fields or {"SMS_Sent_Count__c": 1}) for id in ids)
        return Chunk("Contact", Op.UPDATE, None, rows)

    return make
