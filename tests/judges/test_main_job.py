"""Everything that a played main job really sends to Salesforce, held against what others made."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from simple_salesforce.api import Salesforce

from crm_sms.admin_files import shipped
from crm_sms.events import Click, EventKind, Metadata, Status
from crm_sms.sandbox.server import Sandbox, running
from crm_sms.testing.world import World, build

pytestmark = pytest.mark.judges

NODE = Path(__file__).parent / "node"
JANE, RAUL, LENA = "+12025550123", "+12025550188", "+12025550177"
ODD = "Sí “quoted” 'o\\'hara' @{x} {{ y }} \u2028 \U0001f44d\nsecond line"
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@dataclass
class Sent:
    """What went to the org: rows by object, and statements of SOQL."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    statements: set[str] = field(default_factory=set)

    def take(self, method: str, url: str, body: Any) -> None:
        """One request or one part of a Composite."""
        parts = urlsplit(url)
        if parts.path.rstrip("/").endswith(("/query", "/queryAll")):
            self.statements.update(parse_qs(parts.query)["q"])
        for part in (body or {}).get("compositeRequest", ()):
            self.take(part["method"], part["url"], part.get("body"))
        for record in (body or {}).get("records", ()):
            self.rows.setdefault(record["attributes"]["type"], []).append(record)


def play(world: World) -> None:
    """A job with everything in it: contacts, a lead, a deal, replies, opt-outs, clicks, failures,
    edits, a lost answer, a second pull."""
    [account] = world.create("Account", {"Name": "Acme"})
    [jane, _] = world.create(
        "Contact",
        {"LastName": "Doe", "FirstName": "Jane", "MobilePhone": JANE, "AccountId": account},
        {"LastName": "Roe", "MobilePhone": RAUL},
    )
    world.create("Lead", {"LastName": "Poe", "Company": "Lena's", "MobilePhone": LENA})
    deal = {"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-12-31", "Amount": 9.5}
    [deal_id] = world.create("Opportunity", {**deal, "AccountId": account})
    world.create("OpportunityContactRole", {"OpportunityId": deal_id, "ContactId": jane})
    world.advance(600)
    world.sync()
    said = Metadata(campaign="c" * 300, offer="o", template="t", purpose="p", person_id=jane)
    world.receive(
        world.outbound(JANE, "SM1", metadata=said, price=0.0079, segments=3, media_count=1),
        world.outbound(LENA, "SM2", Status.FAILED, error_code="30003"),
        world.reply(RAUL, "SM3", "STOP"),
    )
    world.settle()
    world.fault("drop", when="after_commit", match={"path": "composite$"}, times=1)
    world.advance(60)
    clicked = Click("https://a.example/x", "Mozilla/5.0", world.now)
    click = replace(world.outbound(JANE, "SM1"), key="click", kind=EventKind.CLICK, click=clicked)
    world.receive(
        world.outbound(JANE, "SM1", Status.DELIVERED, body=ODD),
        click,
        world.reply(JANE, "SM4", ODD * 40, media=("https://a.example/1",), media_count=1),
        world.reply(LENA, "SM5", ""),
    )
    world.settle()
    world.advance(1000)
    world.settle(1000, rounds=3)
    world.sync()
    world.settle()


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Sent:
    """What the adapter sent while the job was played, taken off the wire."""
    found = Sent()
    real = requests.adapters.HTTPAdapter.send

    def send(adapter: Any, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        body = request.body if request.headers.get("Content-Type") == "application/json" else None
        found.take(str(request.method), str(request.url), json.loads(body) if body else None)
        return real(adapter, request, **options)

    with pytest.MonkeyPatch.context() as patch, running() as box:
        patch.setattr(requests.adapters.HTTPAdapter, "send", send)
        world = build(tmp_path_factory.mktemp("installation"), box)
        play(world)
        assert len(world.tasks()) == 2
        world.app.close()
    return found


@pytest.fixture(scope="module")
def openapi(shared: Path) -> Path:
    """The OpenAPI that an org generated, with unknown fields refused."""
    return shared / "data/salesforce/sobjects-oas3-v59-14-objects-strict.json"


def test_every_task_row_is_a_create_of_v59(sent: Sent, shared: Path, openapi: Path) -> None:
    """Each as it was sent, without our own fields: tasks for replies and timeline entries."""
    made = runpy.run_path(str(shared / "judges/openapi_adapter.py"))["Judge"]
    created = json.dumps({"id": "00T5g00000abcdeEAA", "success": True, "errors": []}).encode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves the closing to others
        judge = made(
            str(openapi),
            base="http://127.0.0.1:4060",
            paths=r"/sobjects/Task$",
            answer=lambda _: (201, created),
        )
    rows = sent.rows["Task"]
    assert {"Not Started", "Completed"} <= {row["Status"] for row in rows}
    assert {row["SMS_Key__c"].partition(":")[0] for row in rows} == {"task", "entry"}
    with requests.Session() as session:
        session.mount("https://", judge)
        judged = Salesforce(
            instance="x.my.salesforce.com", session_id="t", session=session, version="59.0"
        )
        for row in rows:
            standard = {n: v for n, v in row.items() if not n.startswith(("SMS_", "attributes"))}
            judged.Task.create({n: v for n, v in standard.items() if v is not None})
    assert [why for _, _, why in judge.seen] == [None] * len(rows)


def text(longest: int) -> Callable[[Any], bool]:
    """A text of at most so many UTF-16 units."""
    return lambda value: isinstance(value, str) and len(value.encode("utf-16-le")) // 2 <= longest


def number(value: Any) -> bool:
    """A number, no truth."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def instant(value: Any) -> bool:
    """A DateTime as Salesforce takes it."""
    return isinstance(value, str) and bool(INSTANT.fullmatch(value))


def lookup(value: Any) -> bool:
    """The id of a record."""
    return isinstance(value, str) and bool(re.fullmatch(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?", value))


STATUSES = (
    *("Scheduled", "Queued", "Sent", "Delivered", "Undelivered", "Failed", "Expired"),
    *("Canceled", "Received", "Read", "Unknown"),
)
DEFINED: dict[str, Callable[[Any], bool]] = {
    "Message_Key__c": text(255),
    "Direction__c": ("Outbound", "Inbound").__contains__,
    "Status__c": STATUSES.__contains__,
    "Provider_Message_Id__c": text(64),
    "Body__c": text(32_768),
    **dict.fromkeys(("From__c", "To__c", "Provider__c"), text(40)),
    **dict.fromkeys(("Error_Code__c", "Error_Class__c"), text(40)),
    **dict.fromkeys(("Occurred_At__c", "Sent_At__c", "Delivered_At__c"), instant),
    **dict.fromkeys(("First_Clicked_At__c", "Replied_At__c"), instant),
    **dict.fromkeys(("Click_Count__c", "Response_Seconds__c", "Segments__c"), number),
    **dict.fromkeys(("Media_Count__c", "Price__c"), number),
    **dict.fromkeys(("Campaign__c", "Offer__c", "Template__c", "Template_Version__c"), text(80)),
    **dict.fromkeys(("Purpose__c", "Segment__c", "Journey__c", "Arm__c"), text(80)),
    **dict.fromkeys(("Decision_Id__c",), text(80)),
    **dict.fromkeys(("Contact__c", "Lead__c", "Account__c", "Opportunity__c", "OwnerId"), lookup),
    "SMS_Phone_E164__c": text(20),
    "SMS_Opt_Out__c": lambda value: value is True,
    "SMS_Opt_Out_Source__c": text(255),
    "SMS_Opt_Out_Phone__c": text(255),
    "SMS_Last_Response_Seconds__c": number,
    **dict.fromkeys(("SMS_Opt_Out_At__c", "SMS_Last_Sent_At__c", "SMS_Last_Reply_At__c"), instant),
    **dict.fromkeys(("SMS_Last_Click_At__c", "SMS_First_Touch_At__c"), instant),
    **dict.fromkeys(("SMS_Last_Touch_At__c",), instant),
    **dict.fromkeys(("SMS_Sent_Count__c", "SMS_Reply_Count__c", "SMS_Click_Count__c"), number),
}
"""The fields as ../shared/design/crm-fields.md defines them; an empty value clears any of them."""


@pytest.mark.parametrize("name", ["SMS_Message__c", "Contact", "Lead", "Opportunity"])
def test_every_other_row_is_what_its_fields_are_defined_to_hold(
    sent: Sent, shared: Path, name: str
) -> None:
    """No field but the defined ones, each with a value of its kind; one that no org lacks may be
    written by its recorded describe."""
    definitions = (shared / "design/crm-fields.md").read_text(encoding="utf-8")
    rows = [{n: v for n, v in row.items() if n != "attributes"} for row in sent.rows[name]]
    assert rows
    names = {n for row in rows for n in row} - {"id"}
    assert names <= set(DEFINED)
    assert all(n in definitions or n.startswith("SMS_") for n in names)
    wrong = [(n, v) for row in rows for n, v in row.items() if n in names and v is not None]
    assert [(n, v) for n, v in wrong if not DEFINED[n](v)] == []
    assert {n for n in names if not n.endswith("__c")} <= {"OwnerId"}
    described = json.loads((shared / "data/salesforce/describe/Event.json").read_text())
    [owner] = [one for one in described["fields"] if one["name"] == "OwnerId"]
    assert owner["createable"]
    assert owner["updateable"]


def test_the_shipped_mapping_writes_all_that_is_judged_here(sent: Sent) -> None:
    """The job left no object out that the mapping writes."""
    mapping = (shipped() / "salesforce.toml").read_text()
    assert set(re.findall(r'^object = "(\w+)"', mapping, re.MULTILINE)) == set(sent.rows)


def test_every_statement_that_was_sent_is_soql(sent: Sent, shared: Path) -> None:
    """By the parser that others made: pulls with and without a watermark, looks by key and id."""
    assert (NODE / "node_modules").is_dir(), f"run npm install --no-package-lock in {NODE}"
    node = shutil.which("node")
    assert node is not None, "node is missing: the judges need it"
    asked = sorted(sent.statements)
    assert {re.search(r"FROM (\w+)", one)[1] for one in asked} >= {  # type: ignore[index]
        *("Contact", "Lead", "User", "Opportunity", "OpportunityContactRole", "Task"),
        "SMS_Message__c",
    }
    assert any("SystemModstamp >=" in one for one in asked)
    assert any("SMS_Key__c IN (" in one for one in asked)
    assert any("Id IN (" in one for one in asked)
    done = subprocess.run(
        [node, str(shared / "judges/soql.mjs")],
        input="".join(f"{one}\n" for one in asked),
        capture_output=True,
        text=True,
        cwd=NODE,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("", "")


VALUES = st.one_of(
    st.just(""),
    st.booleans(),
    st.integers(-5, 10**6),
    st.floats(-5, 5).filter(lambda value: not value.is_integer()),
    st.text("ab <>&'", max_size=12),
    st.lists(st.text("ab", max_size=3), max_size=2),
    st.dictionaries(st.text("ab", min_size=1, max_size=3), st.integers(), max_size=2),
)
LEAST = {
    "Task": {},
    "Contact": {"LastName": "x"},
    "Lead": {"LastName": "x", "Company": "x"},
    "Opportunity": {"Name": "x", "StageName": "Prospecting", "CloseDate": "2026-12-31"},
}


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """A running sandbox."""
    with running() as it:
        yield it


@pytest.fixture(scope="module")
def create(box: Sandbox) -> Iterator[Callable[[str, Any], requests.Response]]:
    """Creates a record over the API of the sandbox."""
    with requests.Session() as session:
        credentials = session.get(f"{box.url}/_sandbox/salesforce", timeout=10).json()
        secrets = {n: credentials["credentials"][n] for n in ("client_id", "client_secret")}
        form = {"grant_type": "client_credentials", **secrets}
        answer = session.post(f"{box.url}/services/oauth2/token", data=form, timeout=10).json()
        session.headers["Authorization"] = f"Bearer {answer['access_token']}"

        def post(name: str, body: Any) -> requests.Response:
            path = f"{box.url}/services/data/v59.0/sobjects/{name}"
            return session.post(path, json=body, timeout=10)

        yield post


@pytest.mark.parametrize("name", sorted(LEAST))
def test_what_the_openapi_refuses_the_sandbox_refuses(
    create: Callable[[str, Any], requests.Response], openapi: Path, name: str
) -> None:
    """A field that does not exist, or a value of another JSON type than the org's."""
    schema = json.loads(openapi.read_text())["components"]["schemas"][f"{name}SObject"]
    judge = Draft202012Validator(schema)
    fields = sorted(set(schema["properties"]) - {"attributes"})
    refused = []

    @settings(
        max_examples=150,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(fields) | st.sampled_from(["Whoo", "Subjectt", "SMS__c"]), VALUES)
    def held(named: str, value: Any) -> None:
        body = {**LEAST[name], named: value}
        if not judge.is_valid(body):
            refused.append(named)
            answer = create(name, body)
            assert answer.status_code >= 400, (body, answer.text)

    assert judge.is_valid(LEAST[name])
    assert create(name, LEAST[name]).status_code == 201
    held()
    assert len(set(refused)) > 20
