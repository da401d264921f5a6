"""What the Salesforce tests share: settings, chunks, and a client of the sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from crm_sms.records import Chunk, Op, Scalar, Write
from crm_sms.sandbox.salesforce import Salesforce
from crm_sms.testing.sandbox import VendorSandbox, salesforce_sandbox, sandbox
from crm_sms_salesforce import SalesforceCrm

__all__ = ["salesforce_sandbox", "sandbox"]

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


class Org:
    """The sandbox's org, looked at from outside: never through the adapter."""

    def __init__(self, org: VendorSandbox[Salesforce]) -> None:
        self.sandbox, self._settings = org.sandbox, org.settings
        self._http = requests.Session()
        about = self._http.get(f"{org.url}/_sandbox/salesforce").json()
        self.credentials: dict[str, str] = about["credentials"]
        form = {"grant_type": "client_credentials"} | {
            name: self.credentials[name] for name in ("client_id", "client_secret")
        }
        token = self._http.post(self.credentials["token_url"], data=form).json()
        self._http.headers["Authorization"] = f"Bearer {token['access_token']}"

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Settings for client credentials at this org."""
        return {**self._settings, **changes}

    @property
    def private_key(self) -> str:
        """The key that the org knows our certificate of."""
        return self._http.get(self.credentials["private_key_url"]).text

    def crm(self, **changes: Any) -> SalesforceCrm:
        """A client of this org."""
        return SalesforceCrm(self.settings(**changes), self.sandbox.clock.now)

    def fault(self, kind: str, **params: Any) -> None:
        """Switch a fault on."""
        self._order("faults", {"kind": kind, **params})

    def seed(self, op: str, **params: Any) -> list[str]:
        """Do what somebody in the org does; returns the ids."""
        answer: dict[str, list[list[str]]] = self._order("records", {"op": op, **params})
        return answer["results"][0]

    def create(self, object: str, *records: dict[str, Any]) -> list[str]:
        """Create records as somebody in the org does."""
        return self.seed("create", object=object, records=list(records))

    def rows(self, soql: str) -> list[dict[str, Any]]:
        """What a query finds, deleted rows included, without attributes."""
        url = f"{self.sandbox.url}/services/data/v66.0/queryAll"
        answer = self._http.get(url, params={"q": soql})
        assert answer.ok, answer.text
        return [
            {name: value for name, value in record.items() if name != "attributes"}
            for record in answer.json()["records"]
        ]

    @property
    def calls(self) -> int:
        """Calls as the org counts them."""
        count: int = self.sandbox.salesforce.stats()["calls"]
        return count

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _order(self, what: str, order: dict[str, Any]) -> Any:
        answer = self._http.post(f"{self.sandbox.url}/_sandbox/salesforce/{what}", json=order)
        assert answer.ok, answer.text
        return answer.json()


@pytest.fixture
def org(salesforce_sandbox: VendorSandbox[Salesforce]) -> Iterator[Org]:
    """A fresh org for each test."""
    org = Org(salesforce_sandbox)
    yield org
    org.close()
