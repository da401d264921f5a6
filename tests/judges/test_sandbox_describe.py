"""The sandbox's describes against those that a real org gave."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crm_sms.sandbox.salesforce import describe, schema

pytestmark = pytest.mark.judges

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
