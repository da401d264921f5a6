"""What the manual has an admin set up in an org is what the mapping writes and the sandbox has."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crm_sms.admin_files import shipped
from crm_sms.bootstrap import installation, planner, project
from crm_sms.mapping import check
from crm_sms.sandbox.salesforce import schema
from crm_sms.sandbox.salesforce.schema import Field
from crm_sms.sandbox.server import running
from crm_sms.testing.world import World, build
from crm_sms.use_cases.init import write_files
from crm_sms_salesforce.metadata.table import table as known

pytestmark = pytest.mark.checkout
PAGE = (Path(__file__).parents[3] / "docs" / "salesforce-setup.md").read_text(encoding="utf-8")
MAPPING = tomllib.loads((shipped() / "salesforce.toml").read_text(encoding="utf-8"))
WITH, WITHOUT = schema.load(), schema.load(bare=True)
NUMBER = "+12025550123"

OBJECTS = {
    "The object SMS Message": ("SMS_Message__c",),
    "Fields of Contact and Lead": ("Contact", "Lead"),
    "Fields of Opportunity": ("Opportunity",),
    "Fields of Activity": ("Task",),
}
"""By heading, the objects whose fields stand under it."""

SECTIONS = {
    "message": ("SMS_Message__c",),
    "person_roll_up": ("Contact", "Lead"),
    "opt_out": ("Contact", "Lead"),
    "opportunity_roll_up": ("Opportunity",),
    "task": ("Task",),
    "timeline_entry": ("Task",),
}
"""By section of the mapping, the objects that it writes."""


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its first line."""
    (section,) = re.findall(rf"^#+ {heading}\n(.*?)(?=^#|\Z)", PAGE, re.DOTALL | re.MULTILINE)
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def ours(object: str) -> dict[str, Field]:
    """Fields that an org has only when somebody made them for us."""
    before = WITHOUT[object].fields if object in WITHOUT else {}
    fields = WITH[object].fields.items()
    return {name: it for name, it in fields if name.endswith("__c") and name not in before}


def written(object: str) -> dict[str, tuple[str, bool]]:
    """Fields that the mapping writes: the rule, and whether records park without it."""
    found = {}
    for section, objects in SECTIONS.items():
        if object in objects:
            body = MAPPING[section]
            found |= {body["key"]: ("key", True)} if "key" in body else {}
            for name, field in body["fields"].items():
                found[name] = field.get("rule", "always"), field.get("required", False)
    return found


def type_of(field: Field) -> str:
    """As Setup shows the data type of a field."""
    match field.type:
        case "string":
            return f"Text({field.length})"
        case "textarea":
            return f"Long Text Area({field.length})"
        case "double":
            return f"Number({field.precision - field.scale}, {field.scale})"
        case "reference":
            return f"Lookup({', '.join(field.to)})"
    return {"datetime": "Date/Time", "boolean": "Checkbox", "picklist": "Picklist"}[field.type]


def further(field: Field) -> str:
    """What is to be ticked and typed besides."""
    case = "case sensitive" if field.case_sensitive else "case insensitive"
    match field.type:
        case "picklist":
            return f"{'restricted' if field.restricted else 'open'}: {', '.join(field.values)}"
        case "boolean":
            return "unchecked"
        case "reference":
            return "clear the value when the record is deleted"
    flags = ["External ID"] * field.external + [f"Unique, {case}"] * field.unique
    return ", ".join(flags)


@pytest.mark.parametrize(("heading", "object"), [(h, o) for h, os in OBJECTS.items() for o in os])
def test_each_field_is_as_the_sandbox_has_it(heading: str, object: str) -> None:
    """Name, type, length, flags and choices; all of them, in the order of the org."""
    shown = [(name.split("`")[1], kind, more) for name, kind, more, _ in rows(heading)]
    expected = [(name, type_of(it), further(it)) for name, it in ours(object).items()]
    assert shown == expected


@pytest.mark.parametrize(("heading", "object"), [(h, o) for h, os in OBJECTS.items() for o in os])
def test_rule_and_star_are_those_of_the_mapping(heading: str, object: str) -> None:
    """What the mapping does not name is not yet written."""
    rules = written(object)
    for name, _, _, rule in rows(heading):
        wanted, starred = rules.get(name.split("`")[1], ("not yet", False))
        assert (rule, name.endswith("*")) == (wanted, starred), name


def test_every_field_of_ours_is_on_the_page() -> None:
    """Also those of an object that somebody adds."""
    listed = {object for objects in OBJECTS.values() for object in objects}
    assert {name for name in WITH if ours(name)} == listed
    assert {object for objects in SECTIONS.values() for object in objects} == listed


def granted() -> tuple[set[str], set[str]]:
    """Fields that the page has our user read, and edit, as `Object.Field`."""
    read, edit = set(), set()
    for object, reads, edits in rows("Permissions on fields"):
        name = object.strip("`")
        read |= {f"{name}.{field}" for field in re.findall(r"`(\w+)`", reads)}
        edit |= {f"{name}.{field}" for field in re.findall(r"`(\w+)`", edits)}
        if "every field of its table" in edits:
            edit |= {f"{name}.{field}" for field in written(name) if field in ours(name)}
    return read, edit


def inner(element: str, text: str) -> list[str]:
    """What stands in each element of this name."""
    return re.findall(rf"<{element}>(.*?)</{element}>", text, re.DOTALL)


def test_the_project_grants_what_the_page_does(tmp_path: Path) -> None:
    """By hand or deployed, the user ends up with the same permissions."""
    write_files(tmp_path)
    app = installation(tmp_path, {})
    files = project(app, "salesforce").files
    app.close()
    (granting,) = [text for path, text in files.items() if "SMS_Integration" in path]
    read, edit = granted()
    fields = inner("fieldPermissions", granting)
    assert {inner("field", one)[0] for one in fields} == read | edit
    assert {inner("field", one)[0] for one in fields if inner("editable", one) == ["true"]} == edit
    words = {
        "Read": "allowRead",
        "Create": "allowCreate",
        "Edit": "allowEdit",
        "Delete": "allowDelete",
        "View All": "viewAllRecords",
        "Modify All": "modifyAllRecords",
    }
    told = {
        name.strip("`"): {words[word] for word in grant.split(", ")}
        for name, grant, _ in rows("Permissions on objects")
    }
    assert told == {
        inner("object", one)[0]: {word for word in words.values() if inner(word, one) == ["true"]}
        for one in inner("objectPermissions", granting)
    }


def withheld() -> Iterator[dict[str, Any]]:
    """The org's rules for a user with the page's permissions and no other ones."""
    read, edit = granted()
    fields = [(object, f) for object in WITH for f in ours(object)]
    fields += [(object, f) for object, names in known().grantable.items() for f in sorted(names)]
    there = {f"{object}.{f}" for object, f in fields if f in WITH[object].fields}
    yield {"kind": "hidden", "fields": sorted(there - read - edit)}
    yield {"kind": "read_only", "fields": sorted(read)}
    objects = {name.strip("`"): grant for name, grant, _ in rows("Permissions on objects")}
    closed = [name for name in ("Account", "Contact", "Lead", "Opportunity") if name not in objects]
    yield {"kind": "object_access", "objects": closed, "access": "none"}
    reads = [name for name, grant in objects.items() if "Edit" not in grant]
    yield {"kind": "object_access", "objects": reads, "access": "read"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An installation whose user has the permissions of the page."""
    with running() as box:
        it = build(tmp_path, box)
        box.salesforce.faults.add(list(withheld()))
        yield it
        it.app.close()


def test_the_permissions_are_enough_for_the_mapping(world: World) -> None:
    """Doctor's check of the mapping has nothing to say."""
    mapping = planner(world.app, "salesforce").mapping
    assert check(mapping, world.app.crms["salesforce"].describe(sorted(mapping.objects()))) == ()


def test_the_permissions_are_enough_for_the_main_job(world: World) -> None:
    """A reply becomes record, entry, task and counts, a no reaches contact and lead."""
    [account] = world.create("Account", {"Name": "Acme"})
    contact = world.contact(NUMBER, AccountId=account)
    [lead] = world.create("Lead", {"LastName": "Roe", "Company": "R", "MobilePhone": NUMBER})
    deal = {"Name": "Deal", "CloseDate": "2026-12-31", "StageName": "Prospecting"}
    [opportunity] = world.create("Opportunity", {**deal, "Amount": 100, "AccountId": account})
    role = {"OpportunityId": opportunity, "ContactId": contact, "IsPrimary": True}
    world.create("OpportunityContactRole", role)
    assert world.sync().failed == ""
    world.receive(world.outbound(NUMBER, "SM0"), world.reply(NUMBER, "SM1"))
    world.advance(60)
    world.receive(world.reply(NUMBER, "SM2", "STOP"))
    assert [report.parked for report in world.settle(rounds=2)] == [0, 0]
    [task] = world.tasks()
    assert (task["WhoId"], task["WhatId"]) == (contact, opportunity)
    texts = world.records("SMS_Message__c")
    assert [text["Contact__c"] for text in texts] == [contact] * 3
    assert [text["Account__c"] for text in texts] == [account] * 3
    assert world.record("Opportunity", opportunity)["SMS_Reply_Count__c"] >= 1
    for object, id in (("Contact", contact), ("Lead", lead)):
        assert world.record(object, id)["SMS_Opt_Out__c"] is True


def test_the_page_is_linked_and_its_own_links_lead_somewhere() -> None:
    """From the first page, and to headings that are there."""
    root = Path(__file__).parents[3]
    assert "(docs/salesforce-setup.md)" in (root / "README.md").read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-")
        for title in re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    }
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", PAGE):
        assert (root / "docs" / target).exists(), target
        assert not anchor or target or anchor in headings, anchor
