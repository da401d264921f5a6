"""What we send to Salesforce, held against descriptions that Salesforce's own orgs made."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import tomllib
import warnings
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceMalformedRequest

from crm_sms.admin_files import shipped
from crm_sms.phone import variants
from crm_sms.records import (
    Chunk,
    Columns,
    FieldDescription,
    FieldType,
    MirrorPart,
    ObjectDescription,
    Op,
    PersonKind,
    Pull,
    Scalar,
    Write,
)
from crm_sms_salesforce.describe import object_description
from crm_sms_salesforce.pulls import source_of, statement
from crm_sms_salesforce.soql import select_by_key, select_by_phones, select_written
from crm_sms_salesforce.writes import composite_body

pytestmark = pytest.mark.judges

NODE = Path(__file__).parent / "node"
NOW = datetime(2026, 11, 20, 15, 48, 22, tzinfo=UTC)
SAMPLES: dict[str, Scalar] = {
    "Subject": "SMS reply from Ada: Yes 👍",
    "Status": "Not Started",
    "Priority": "Normal",
    "ActivityDate": "2026-11-21",
    "WhoId": "0035g00000abcdeAAA",
    "WhatId": "0065g00000abcdeAAA",
    "OwnerId": "0055g00000abcdeAAA",
    "Description": "Ada wrote:\n\nYes 👍\n\nhttps://acme.my.salesforce.com/lightning/r/x/view",
}
BARE = ("Id", "SystemModstamp")
PEOPLE = (
    Columns("Contact", PersonKind.CONTACT, ("MobilePhone", "Phone", "HomePhone", "OtherPhone")),
    Columns("Lead", PersonKind.LEAD, ("MobilePhone", "Phone")),
)
PULLS = (
    Pull(MirrorPart.OWNERS),
    Pull(MirrorPart.OPPORTUNITIES),
    Pull(MirrorPart.ROLES),
    Pull(MirrorPart.TASKS, key_field="SMS_Key__c"),
    Pull(MirrorPart.STAGES),
    *(Pull(MirrorPart.PEOPLE, columns=columns) for columns in PEOPLE),
)


def visible(object: str, names: Iterable[str]) -> ObjectDescription:
    """An object of which these fields are to be seen."""
    fields = {name: FieldDescription(name, FieldType.OTHER) for name in names}
    return ObjectDescription(object, fields)


def mapping() -> dict[str, Any]:
    """The shipped mapping as it stands in its file."""
    return tomllib.loads((shipped() / "salesforce.toml").read_text(encoding="utf-8"))


def standard(names: Any) -> set[str]:
    """The names that every org has."""
    return {name for name in names if not name.endswith("__c")}


@pytest.fixture(scope="module")
def module(shared: Path) -> ModuleType:
    """The judge's module, by its path."""
    path = shared / "judges/openapi_adapter.py"
    spec = importlib.util.spec_from_file_location("openapi_adapter", path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture(scope="module")
def openapi(shared: Path) -> Path:
    """The OpenAPI that an org generated, with unknown fields refused."""
    return shared / "data/salesforce/sobjects-oas3-v59-14-objects-strict.json"


@pytest.fixture(scope="module")
def judge(module: ModuleType, openapi: Path) -> Any:
    """Answers 400 to what the OpenAPI does not allow."""
    created = json.dumps({"id": "00T5g00000abcdeEAA", "success": True, "errors": []}).encode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves the closing to others
        return module.Judge(
            str(openapi),
            base="http://127.0.0.1:4060",
            paths=r"/sobjects/(Task|Contact|Lead)$",
            answer=lambda request: (201, created),
        )


@pytest.fixture(scope="module")
def judged(judge: Any) -> Iterator[Salesforce]:
    """A plain client of simple-salesforce whose every request is judged."""
    with requests.Session() as session:
        session.mount("https://", judge)
        yield Salesforce(
            instance="x.my.salesforce.com", session_id="t", session=session, version="59.0"
        )


@pytest.fixture(scope="module")
def description(shared: Path, openapi: Path) -> Callable[[str], ObjectDescription]:
    """An object as a real org described it, or else as its OpenAPI lists it."""
    schemas = json.loads(openapi.read_text(encoding="utf-8"))["components"]["schemas"]

    def find(name: str) -> ObjectDescription:
        recorded = shared / f"data/salesforce/describe/{name}.json"
        if recorded.is_file():
            return object_description(json.loads(recorded.read_text(encoding="utf-8")))
        names = schemas[f"{name}SObject"]["properties"]
        return visible(name, names)

    return find


def stripped(chunk: Chunk) -> list[dict[str, Any]]:
    """The records of a chunk as we send them, without what only our own fields hold."""
    (request,) = composite_body([chunk], "/services/data/v66.0", allow_save=True)[
        "compositeRequest"
    ]
    return [
        {name: value for name, value in record.items() if not name.startswith("SMS_")}
        for record in request["body"]["records"]
    ]


@pytest.mark.parametrize("section", ["task", "timeline_entry"])
def test_mapped_tasks_are_allowed(judged: Salesforce, judge: Any, section: str) -> None:
    """Every standard field that the shipped mapping puts on a task is one, of that type."""
    names = mapping()[section]["fields"]
    row = Write("conv-1", {name: SAMPLES[name] for name in names})
    judge.seen.clear()
    for record in stripped(Chunk("Task", Op.CREATE, "SMS_Key__c", (row,))):
        judged.Task.create(record)
    url = "http://127.0.0.1:4060/services/data/v59.0/sobjects/Task/"
    assert judge.seen == [("POST", url, None)]


@settings(max_examples=50)
@given(
    st.dictionaries(st.sampled_from(sorted(SAMPLES)), st.none() | st.text(max_size=30)),
    st.text(min_size=1, max_size=20),
)
def test_any_text_in_a_task_is_allowed(
    judged: Salesforce, judge: Any, texts: dict[str, str | None], key: str
) -> None:
    """Whatever people write, the request keeps its form."""
    fields: dict[str, Scalar] = {
        name: value
        for name, value in texts.items()
        if name in ("Subject", "Description") and value is not None
    }
    judge.seen.clear()
    for record in stripped(Chunk("Task", Op.CREATE, "SMS_Key__c", (Write(key, fields),))):
        judged.Task.create(record)
    assert [why for _, _, why in judge.seen] == [None]


@pytest.mark.parametrize("field", ["SMS_Key__c", "Whoo", "subject"])
def test_a_field_that_does_not_exist_is_refused(judged: Salesforce, judge: Any, field: str) -> None:
    """The judge does refuse, so its yes above means something."""
    with pytest.raises(SalesforceMalformedRequest):
        judged.Task.create({"Subject": "x", field: "x"})


@pytest.mark.parametrize("name", ["Contact", "Lead", "Opportunity", "User", "Task"])
def test_columns_that_we_pull_exist(
    description: Callable[[str], ObjectDescription], name: str
) -> None:
    """Each standard column of a pull is one of that object; none is lost to a wrong name.

    Some are asked of both kinds of people and exist on one each.
    """
    real = set(description(name).fields)
    (pull,) = (pull for pull in PULLS if source_of(pull).object == name)
    wanted = standard(source_of(pull).fields)
    of_one = {"Contact": {"AccountId"}, "Lead": {"IsConverted", "ConvertedContactId"}}
    either = set().union(*of_one.values()) if pull.part is MirrorPart.PEOPLE else set()
    assert wanted - either <= real
    assert either & real == of_one.get(name, set()) & either
    assert {"Id", "SystemModstamp"} <= real


def test_columns_of_people_are_visible_in_the_recorded_describes(
    description: Callable[[str], ObjectDescription],
) -> None:
    """A pull from a real org's describe selects every phone of the shipped mapping."""
    for kind in mapping()["people"].values():
        columns = Columns(kind["object"], PersonKind.CONTACT, tuple(kind["phones"]))
        pull = Pull(MirrorPart.PEOPLE, None, columns)
        soql = statement(source_of(pull), description(kind["object"]), pull)
        assert all(phone in soql for phone in kind["phones"])


def test_standard_fields_that_we_write_may_be_written(
    description: Callable[[str], ObjectDescription],
) -> None:
    """On contacts and leads the mapping writes our own fields only; what it writes of a task, an
    event takes too, and its describe says that it may be written."""
    shipped_mapping = mapping()
    for section in ("person_roll_up", "opt_out"):
        assert standard(shipped_mapping[section]["fields"]) == set()
    event = description("Event").fields
    shared_by_activities = standard(shipped_mapping["task"]["fields"]) - {"Status", "Priority"}
    assert all(event[name].creatable for name in shared_by_activities)


def statements() -> Iterator[str]:
    """A statement of every shape that the adapter can build."""
    for pull in PULLS:
        source = source_of(pull)
        everything = visible(source.object, (*BARE, "IsDeleted", *source.fields))
        # Without the field that tells which rows are wanted there is no statement at all.
        least = (*BARE, source.having) if source.having else BARE
        for seen in (everything, visible(source.object, least)):
            for since in (None, NOW):
                changed = Pull(pull.part, since, pull.columns, pull.key_field)
                yield statement(source, seen, changed)
    odd = [
        "o'hara",
        'a"b',
        "back\\slash",
        "%_",
        "Ærø",
        "a\nb\r\tc\b\f",
        "",
        "+1202",
        "{0}",
        "--",
    ]
    for key_field in ("Id", "Message_Key__c", "Account.Name"):
        yield from select_by_key("SMS_Message__c", key_field, odd, ["Id", "IsDeleted", "Body__c"])
    yield from select_by_key("Task", "SMS_Key__c", [f"{n:0250}" for n in range(1000)], ["Id"])
    for since in (None, NOW):
        yield select_written("SMS_Message__c", "Message_Key__c", "005A'", since)
    for spellings in (odd, variants("+12025550123")):
        yield from select_by_phones("Lead", ["MobilePhone", "Phone"], spellings, BARE)


def invalid(shared: Path, queries: list[str]) -> str:
    """What the judge of SOQL refuses; it must be there when the judges are asked for."""
    node = shutil.which("node")
    missing = "node" if node is None else None
    if missing is None and not (NODE / "node_modules/@jetstreamapp/soql-parser-js").is_dir():
        missing = f"npm install in {NODE}"
    if missing is not None:
        if os.environ.get("CRM_SMS_JUDGES"):
            pytest.fail(f"{missing} is missing: the judges need it")
        pytest.skip(f"{missing} is missing")
    lines = "".join(f"{query}\n" for query in queries)
    command = [str(node), str(shared / "judges/soql.mjs")]
    done = subprocess.run(
        command, input=lines, capture_output=True, text=True, cwd=NODE, timeout=60, check=False
    )
    assert done.stderr == ""
    return done.stdout


def test_every_statement_is_soql(shared: Path) -> None:
    """All shapes of statements parse by a parser that others made."""
    queries = list(statements())
    assert len(queries) > 25
    assert all("\n" not in query for query in queries)
    assert invalid(shared, queries) == ""


def test_the_parser_refuses_what_is_not_soql(shared: Path) -> None:
    """The judge does refuse, so its silence above means something."""
    bad = "SELECT Id FROM Contact WHERE Name IN ('o'hara')"
    assert invalid(shared, [bad]) == f"INVALID {bad}\n"


# The judge's parser takes these two for ends of line, as JavaScript does.
WRITABLE = st.characters(exclude_categories=["Cs"], exclude_characters="\u2028\u2029")


@settings(max_examples=5, deadline=None)
@given(keys=st.lists(st.text(WRITABLE, max_size=20), min_size=100, max_size=400))
def test_any_key_makes_soql(shared: Path, keys: list[str]) -> None:
    """Whatever a key holds, the statement parses."""
    queries = [q for key in keys for q in select_by_key("Task", "SMS_Key__c", [key], ["Id"])]
    assert invalid(shared, queries) == ""


def test_statements_are_built_in_one_place() -> None:
    """No other module of the adapter writes SOQL, so no statement escapes these judges."""
    import crm_sms_salesforce

    folder = Path(crm_sms_salesforce.__file__).parent
    found = {path.name for path in folder.glob("*.py") if "SELECT {" in path.read_text()}
    assert found == {"soql.py"}
