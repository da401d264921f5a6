"""The sandbox's describes and records against those that real orgs gave."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from crm_sms.sandbox.salesforce import describe, fault_rules, schema, setup
from crm_sms.sandbox.salesforce.calls import Call
from crm_sms.sandbox.salesforce.desk import Desk
from crm_sms.sandbox.salesforce.org import Org
from crm_sms.sandbox.salesforce.resources import answer

pytestmark = pytest.mark.judges

README = resources.files("crm_sms.sandbox.salesforce").joinpath("README.md").read_text("utf-8")
#: Fields that the recorded org hides by field-level security.
HIDDEN_THERE = {"DoNotCall", "HasOptedOutOfEmail", "HasOptedOutOfFax"}
COMPARED = (
    *("type", "length", "byteLength", "precision", "scale", "digits", "soapType"),
    *("createable", "updateable", "nillable", "unique", "externalId", "caseSensitive"),
    *("filterable", "sortable", "referenceTo", "relationshipName", "restrictedPicklist"),
    *("defaultedOnCreate", "calculated", "nameField", "idLookup", "label", "custom"),
)
#: An org that may set audit fields can create converted leads; the sandbox's user may not.
KNOWN = {("Lead", "IsConverted", "createable")}


@pytest.fixture(scope="session")
def recorded(shared: Path) -> Callable[[str], dict[str, Any]]:
    """A recorded describe by object name."""
    folder = shared / "data" / "salesforce" / "describe"

    def read(name: str) -> dict[str, Any]:
        return json.loads((folder / f"{name}.json").read_text())

    return read


def ours(name: str) -> dict[str, Any]:
    obj = schema.load()[name]
    return describe.describe_object(obj, obj.fields.values(), "/services/data/v66.0")


@pytest.mark.parametrize("name", ["Contact", "Lead", "Account"])
def test_standard_fields_are_those_of_an_org(name: str, recorded: Any) -> None:
    """Every standard field has the type, length and flags that the org's describe has."""
    real = {field["name"]: field for field in recorded(name)["fields"]}
    wrong = [
        (name, field["name"], key, field[key], real[field["name"]][key])
        for field in ours(name)["fields"]
        if field["name"] not in HIDDEN_THERE and not field["name"].startswith("SMS_")
        for key in COMPARED
        if (name, field["name"], key) not in KNOWN and field[key] != real[field["name"]][key]
    ]
    assert wrong == []


@pytest.mark.parametrize("name", ["Contact", "Lead", "Account"])
def test_the_rule_in_the_readme_makes_that_org(name: str, recorded: Any) -> None:
    """With it switched on, no standard field is described that the recorded org does not show."""
    org = Org(lambda: datetime(2026, 3, 2, tzinfo=UTC))
    rule = next(line for line in README.splitlines() if line.startswith('{"kind": "hidden"'))
    org.set_up(setup.read(org.schema, [fault_rules.read(1, json.loads(rule))]))
    desk = Desk(org, lambda write: None)
    described = answer(desk, Call("GET", "v66.0", ("sobjects", name, "describe"))).body["fields"]
    shown = {field["name"] for field in described if not field["name"].startswith("SMS_")}
    assert len(shown) > 20
    assert shown - {field["name"] for field in recorded(name)["fields"]} == set()


@pytest.mark.parametrize("name", ["Contact", "Lead", "Account"])
def test_a_field_says_all_that_an_orgs_field_says(name: str, recorded: Any) -> None:
    """Each entry of `fields` has every key of a recorded one, and no other."""
    wanted = set(recorded(name)["fields"][0])
    assert all(set(field) == wanted for field in ours(name)["fields"])


def test_an_object_says_all_that_an_orgs_object_says(recorded: Any) -> None:
    """The describe has every key of a recorded one."""
    assert set(recorded("Contact")) - set(ours("Contact")) == set()


def test_picklists_hold_the_values_of_an_org(recorded: Any) -> None:
    """Salutation and LeadSource have values of the recorded shape, and the recorded ones."""
    real = {field["name"]: field["picklistValues"] for field in recorded("Lead")["fields"]}
    mine = {field["name"]: field["picklistValues"] for field in ours("Lead")["fields"]}
    assert mine["Salutation"] == real["Salutation"]
    assert mine["LeadSource"] == real["LeadSource"]


def test_the_global_describe_has_the_recorded_keys(recorded: Any) -> None:
    """An entry of the global describe has the keys of a recorded one."""
    wanted = set(recorded("Global")["sobjects"][0])
    obj = schema.load()["Contact"]
    assert wanted - set(describe.describe_short(obj, "/services/data/v66.0")) == set()


#: Fields that exist but that the org behind the OpenAPI hides from its user.
HIDDEN_IN_OPENAPI = {
    *(("Contact", name) for name in HIDDEN_THERE),
    *(("Lead", name) for name in HIDDEN_THERE),
    ("Task", "Type"),
}
JSON_TYPES = {
    "boolean": "boolean",
    "int": "integer",
    "double": "number",
    "currency": "number",
    "percent": "number",
}
RECORDS = {
    "User": {"LastName": "U", "Username": "u@x.example", "Email": "u@x.example"},
    "Account": {"Name": "A", "NumberOfEmployees": 5, "AnnualRevenue": 1000},
    "Contact": {"LastName": "C", "Birthdate": "1999-12-31", "MobilePhone": "1", "Title": "T"},
    "Lead": {"LastName": "L", "Company": "C", "NumberOfEmployees": 5},
    "Opportunity": {
        "Name": "O",
        "StageName": "Closed Won",
        "CloseDate": "2026-12-31",
        "Amount": 12.5,
    },
    "Task": {
        "Subject": "S",
        "Status": "Completed",
        "ActivityDate": "2026-12-31",
        "ReminderDateTime": "2026-12-31T09:00:00Z",
        "CallDurationInSeconds": 60,
        "Description": "D",
    },
}


@pytest.fixture(scope="session")
def schemas(shared: Path) -> dict[str, Any]:
    """What an org's own OpenAPI says of its objects (names and types, nothing unknown)."""
    file = shared / "data" / "salesforce" / "sobjects-oas3-v59-14-objects-strict.json"
    return json.loads(file.read_text())["components"]["schemas"]


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_standard_fields_are_those_of_an_orgs_openapi(name: str, schemas: Any) -> None:
    """Every standard field is one of v59, and of the JSON type that it has there."""
    known = schemas[f"{name}SObject"]["properties"]
    wrong = [
        field["name"]
        for field in ours(name)["fields"]
        if not field["name"].startswith("SMS_") and (name, field["name"]) not in HIDDEN_IN_OPENAPI
        if known.get(field["name"], {}).get("type") != JSON_TYPES.get(field["type"], "string")
    ]
    assert wrong == []


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_records_are_those_of_an_orgs_openapi(name: str, schemas: Any) -> None:
    """A record as the sandbox gives it fits the org's schema, without ours and empty fields."""
    org = Org(lambda: datetime(2026, 3, 2, tzinfo=UTC))
    desk = Desk(org, lambda write: None)
    made = answer(desk, Call("POST", "v59.0", ("sobjects", name), body=RECORDS[name]))
    assert made.status == 201, made.body
    given = answer(desk, Call("GET", "v59.0", ("sobjects", name, made.body["id"])))
    record = {
        field: value
        for field, value in given.body.items()
        if value is not None and not field.startswith("SMS_")
        if (name, field) not in HIDDEN_IN_OPENAPI
    }
    assert record.items() >= {"Id": made.body["id"]}.items()
    Draft202012Validator(schemas[f"{name}SObject"]).validate(record)
    Draft202012Validator(schemas["SaveResult"]).validate(made.body)
