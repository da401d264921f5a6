"""A client of the sandbox org: plain requests with a token, short words for what tests do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from simple_salesforce import Salesforce as Client

from crm_sms.sandbox.server import Sandbox

BASE = "/services/data/v66.0"


@dataclass
class Api:
    """Calls the org as an integration does; paths are below the versioned base."""

    sandbox: Sandbox
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def credentials(self) -> dict[str, str]:
        about = requests.get(f"{self.sandbox.url}/_sandbox/salesforce", timeout=10).json()
        return about["credentials"]

    def login(self) -> None:
        self.session.headers["Authorization"] = f"Bearer {self.token().json()['access_token']}"

    def token(self, **form: str) -> requests.Response:
        known = self.credentials
        form = form or {
            "grant_type": "client_credentials",
            "client_id": known["client_id"],
            "client_secret": known["client_secret"],
        }
        return requests.post(known["token_url"], data=form, timeout=10)

    def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        if body is not None:
            more["json"] = body
        url = path if path.startswith("/") else f"{BASE}/{path}"
        return self.session.request(method, self.sandbox.url + url, timeout=10, **more)

    def query(self, soql: str, *, deleted: bool = False) -> dict[str, Any]:
        answer = self("GET", "queryAll" if deleted else "query", params={"q": soql})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def rows(self, soql: str, *, deleted: bool = False) -> list[dict[str, Any]]:
        """The records of a query's first page, without attributes."""
        records = self.query(soql, deleted=deleted)["records"]
        return [{k: v for k, v in record.items() if k != "attributes"} for record in records]

    def refused(self, soql: str) -> tuple[str, str]:
        """Code and message of a query that is not accepted."""
        answer = self("GET", "query", params={"q": soql})
        assert answer.status_code == 400, answer.text
        return answer.json()[0]["errorCode"], answer.json()[0]["message"]

    def create(self, object_name: str, **fields: Any) -> str:
        answer = self("POST", f"sobjects/{object_name}", fields)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def get(self, object_name: str, record_id: str) -> dict[str, Any]:
        answer = self("GET", f"sobjects/{object_name}/{record_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def collection(
        self, method: str, *rows: dict[str, Any], path: str = "composite/sobjects", **more: Any
    ) -> requests.Response:
        """Rows are fields and `type`; sends them as a collection."""
        records = [
            {"attributes": {"type": row["type"]}, **{k: v for k, v in row.items() if k != "type"}}
            for row in rows
        ]
        return self(method, path, {"allOrNone": False, "records": records, **more})

    def seed(self, *operations: dict[str, Any]) -> list[list[str]]:
        """What people in the org do."""
        url = f"{self.sandbox.url}/_sandbox/salesforce/records"
        answer = requests.post(url, json=list(operations), timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()["results"]

    def people(self, object_name: str, *records: dict[str, Any]) -> list[str]:
        return self.seed({"op": "create", "object": object_name, "records": list(records)})[0]

    def fault(self, kind: str, **params: Any) -> None:
        url = f"{self.sandbox.url}/_sandbox/salesforce/faults"
        answer = requests.post(url, json={"kind": kind, **params}, timeout=10)
        assert answer.status_code == 200, answer.text

    def calm(self) -> None:
        """Switches every fault off."""
        requests.delete(f"{self.sandbox.url}/_sandbox/salesforce/faults", timeout=10)


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[Api]:
    """Logged in, to an org with nothing in it."""
    it = Api(sandbox)
    it.login()
    yield it
    it.session.close()


class PlainHttp(requests.Session):
    """simple-salesforce knows https only; the sandbox is plain."""

    def request(self, method: str, url: str, **more: Any) -> requests.Response:  # type: ignore[override]
        return super().request(method, url.replace("https://", "http://"), timeout=10, **more)


@pytest.fixture
def client(api: Api) -> Iterator[Client]:
    """simple-salesforce with a token of the sandbox."""
    token = api.token().json()
    with PlainHttp() as session:
        yield Client(
            session_id=token["access_token"],
            instance_url=token["instance_url"],
            version="66.0",
            session=session,
        )
