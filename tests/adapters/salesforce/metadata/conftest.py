"""Projects for a mapping, and an org of the sandbox into which one was deployed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest

from crm_sms.admin_files import shipped, shipped_mapping
from crm_sms.mapping import Mapping as AMapping
from crm_sms.mapping.needs import needs
from crm_sms.ports import Project
from crm_sms.records import NeededField
from crm_sms.sandbox.salesforce import schema
from crm_sms.sandbox.salesforce.schema import Field, SObject
from crm_sms.sandbox.server import Sandbox, running
from crm_sms_salesforce.metadata import SalesforceInstaller

TEXT = (shipped() / "salesforce.toml").read_text(encoding="utf-8")
NS = "{http://soap.sforce.com/2006/04/metadata}"
OBJECTS = "force-app/main/default/objects/"
SETS = "force-app/main/default/permissionsets/"
Files = Mapping[str, str]


@pytest.fixture
def mapping_text() -> Callable[..., str]:
    """Our mapping after some replacements."""

    def change(*changes: tuple[str, str]) -> str:
        text = TEXT
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        return text

    return change


@pytest.fixture
def needed(mapping_text: Any) -> Callable[..., tuple[NeededField, ...]]:
    """The needs of our mapping after some replacements."""

    def find(*changes: tuple[str, str]) -> tuple[NeededField, ...]:
        mapping = AMapping.load(mapping_text(*changes), "mine")
        return needs(mapping, shipped_mapping("salesforce"))

    return find


@pytest.fixture
def project(needed: Any) -> Callable[..., Project]:
    """The project for our mapping after some replacements."""
    return lambda *changes: SalesforceInstaller({}).project(needed(*changes))


def children(text: str, *path: str) -> list[dict[str, str]]:
    """The elements at a path of a file, each as its own plain elements."""
    found = ElementTree.fromstring(text).findall("/".join(NS + name for name in path))
    return [{one.tag.removeprefix(NS): one.text or "" for one in element} for element in found]


@pytest.fixture
def elements() -> Callable[..., list[dict[str, str]]]:
    """Reads the elements at a path of a file."""
    return children


def root(text: str) -> dict[str, str]:
    """The plain elements of a file."""
    return {one.tag.removeprefix(NS): one.text or "" for one in ElementTree.fromstring(text)}


TYPES = {
    "Text": "string",
    "LongTextArea": "textarea",
    "Picklist": "picklist",
    "DateTime": "datetime",
    "Date": "date",
    "Number": "double",
    "Checkbox": "boolean",
    "Lookup": "reference",
}
"""What each type of the Metadata API is called in a describe."""

LENGTHS = {"Picklist": 255, "Lookup": 18}


def deployed_field(text: str) -> Field:
    """A field as an org describes it once this file is deployed. Reads the file alone."""
    told = root(text)
    values = children(text, "valueSet", "valueSetDefinition", "value")
    restricted = [one.get("restricted") for one in children(text, "valueSet")] == ["true"]
    name, type_ = told["fullName"], told["type"]
    return Field(
        name=name,
        type=TYPES[type_],
        label=told["label"],
        length=int(told.get("length", LENGTHS.get(type_, 0))),
        precision=int(told.get("precision", 0)),
        scale=int(told.get("scale", 0)),
        nillable=type_ != "Checkbox",
        external=told.get("externalId") == "true",
        unique=told.get("unique") == "true",
        case_sensitive=told.get("caseSensitive") == "true"
        or type_ in ("DateTime", "Date", "Lookup"),
        values=tuple(value["fullName"] for value in values),
        restricted=restricted,
        default={"false": False}.get(told.get("defaultValue", "")),
        to=(told["referenceTo"],) if "referenceTo" in told else (),
        relationship=name.replace("__c", "__r") if "referenceTo" in told else None,
    )


def deployed_schema(files: Files) -> dict[str, SObject]:
    """The objects of a bare org after these files were deployed into it."""
    objects = dict(schema.load(bare=True))
    full = schema.load()
    for path, text in files.items():
        if path.endswith(".object-meta.xml"):
            name = path.split("/")[-2]
            told = root(text)
            plain = {n: f for n, f in full["SMS_Message__c"].fields.items() if "__c" not in n}
            objects[name] = replace(
                full["SMS_Message__c"],
                name=name,
                label=told["label"],
                plural=told["pluralLabel"],
                fields=plain,
            )
    for path, text in files.items():
        if "/fields/" in path:
            place = path.removeprefix(OBJECTS).split("/")[0]
            name = "Task" if place == "Activity" else place
            field = deployed_field(text)
            objects[name] = replace(
                objects[name], fields={**objects[name].fields, field.name: field}
            )
    return objects


@pytest.fixture
def as_deployed() -> Callable[[Files], Mapping[str, SObject]]:
    """What an org describes once files were deployed into it."""
    return deployed_schema


def _granted(files: Files) -> dict[str, str]:
    """By field: `rw` or `r`, as the integration's permission set grants it."""
    grants = children(files[f"{SETS}SMS_Integration.permissionset-meta.xml"], "fieldPermissions")
    return {
        one["field"]: "rw" if one["editable"] == "true" else "r"
        for one in grants
        if one["readable"] == "true"
    }


def _security(files: Files, objects: Mapping[str, SObject]) -> list[dict[str, Any]]:
    """What nobody granted our user: fields that field-level security covers, and objects."""
    granted = _granted(files)
    standard = {"Contact.MobilePhone", "Contact.Phone", "Contact.AccountId", "Lead.MobilePhone"}
    covered = standard | {"Lead.Phone", "Contact.HomePhone", "Contact.OtherPhone", "Task.WhoId"}
    covered |= {"Task.WhatId", "Task.Description", "Opportunity.AccountId", "Opportunity.Amount"}
    covered |= {
        f"{obj.name}.{name}" for obj in objects.values() for name in obj.fields if "__c" in name
    }
    text = files[f"{SETS}SMS_Integration.permissionset-meta.xml"]
    rights = children(text, "objectPermissions")
    users = {one["name"] for one in children(text, "userPermissions") if one["enabled"] == "true"}
    tasks = {"Task"} if "EditTask" in users else set()
    edited = {one["object"] for one in rights if one["allowEdit"] == "true"} | tasks
    seen = {one["object"] for one in rights if one["allowRead"] == "true"} | {"Task"}
    people = {name for name in objects if name.endswith("__c")}
    governed = people | {"Account", "Contact", "Lead", "Opportunity"}
    return [
        {"kind": "hidden", "fields": sorted(covered - set(granted))},
        {"kind": "read_only", "fields": sorted(f for f in covered if granted.get(f) == "r")},
        {"kind": "object_access", "objects": sorted(governed - seen), "access": "none"},
        {"kind": "object_access", "objects": sorted(seen - edited), "access": "read"},
    ]


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Files], Any]:
    """A bare org into which files were deployed and whose API user has the integration's set."""

    @contextmanager
    def deploy(files: Files) -> Iterator[Sandbox]:
        objects = deployed_schema(files)
        with monkeypatch.context() as patch:
            patch.setattr(schema, "load", lambda *, bare=False: objects)
            with running(bare=True) as box:
                for rule in _security(files, objects):
                    if rule.get("fields") or rule.get("objects"):
                        box.salesforce.faults.add(rule)
                yield box

    return deploy
