"""What stands in the files of a project, and who may see what."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crm_sms.errors import BadSettings
from crm_sms.records import Columns, MirrorPart, PersonKind, Pull
from crm_sms_salesforce.metadata import SalesforceInstaller
from crm_sms_salesforce.metadata.table import table
from crm_sms_salesforce.pulls import source_of

SOURCE = "force-app/main/default"
INTEGRATION = f"{SOURCE}/permissionsets/SMS_Integration.permissionset-meta.xml"
READER = f"{SOURCE}/permissionsets/SMS_Reader.permissionset-meta.xml"


def fields(files: dict[str, str]) -> set[str]:
    """The custom fields of a project, as `Object.Field`."""
    parts = [path.split("/") for path in files if "/fields/" in path]
    return {f"{part[4]}.{part[6].removesuffix('.field-meta.xml')}" for part in parts}


def granted(elements: Any, text: str, verb: str) -> set[str]:
    """The fields that a permission set lets somebody see (`readable`) or edit (`editable`)."""
    found = elements(text, "fieldPermissions")
    return {one["field"] for one in found if one[verb] == "true"}


def test_the_same_mapping_gives_the_same_files(project: Any) -> None:
    """Byte for byte: a difference in a repository is a difference in the mapping."""
    assert project() == project()
    assert list(project().files) == list(project().files)


def test_only_fields_that_the_mapping_names_are_made(project: Any, needed: Any) -> None:
    """Not those that wait for facts, such as Intent__c."""
    wanted = {
        f"{'Activity' if need.object == 'Task' else need.object}.{need.name}"
        for need in needed()
        if need.name.endswith("__c")
    }
    assert fields(project().files) == wanted
    assert "SMS_Message__c.Intent__c" not in wanted
    assert "Intent__c" in table().fields["message"]


def test_a_field_that_the_mapping_drops_is_dropped_everywhere(project: Any) -> None:
    """Field, manifest, permission sets and views speak of the same."""
    without = project(('Error_Code__c = { value = "message.error_code" }\n', "")).files
    assert "Error_Code__c" in "".join(project().files.values())
    assert "Error_Code__c" not in "".join(without.values())


def test_the_manifest_names_every_part(project: Any, elements: Any) -> None:
    """And the API version of the settings."""
    files = SalesforceInstaller({"api_version": 67}).project(()).files
    assert "<version>67.0</version>" in files["manifest/package.xml"]
    assert json.loads(files["sfdx-project.json"])["sourceApiVersion"] == "67.0"
    manifest = project().files["manifest/package.xml"]
    for field in fields(project().files):
        assert f"<members>{field}</members>" in manifest
    assert manifest.count("<members>SMS_Message__c</members>") == 2
    assert "<members>SMS_Message__c.Replies</members>" in manifest


def test_a_wrong_api_version_is_told_as_ever() -> None:
    """Of the settings of a connection nothing else is needed."""
    with pytest.raises(BadSettings, match="api_version"):
        SalesforceInstaller({"api_version": "31.0"})
    SalesforceInstaller({"auth": "jwt"})


def test_no_field_is_required(project: Any) -> None:
    """No permission set can grant a required field."""
    assert "<required>true" not in "".join(project().files.values())


def test_look_ups_are_cleared_when_their_record_is_deleted(project: Any) -> None:
    """The lightest lock that a look-up can take."""
    files = project().files
    look_ups = [text for text in files.values() if "<type>Lookup</type>" in text]
    assert len(look_ups) == 4
    assert all("<deleteConstraint>SetNull</deleteConstraint>" in text for text in look_ups)


def test_texts_are_private_and_say_whose_they_are(project: Any) -> None:
    """By name and version, so that a later installer knows its own."""
    text = project().files[f"{SOURCE}/objects/SMS_Message__c/SMS_Message__c.object-meta.xml"]
    assert "<sharingModel>Private</sharingModel>" in text
    assert "managed by crm_sms 0." in text
    switches = ("enableBulkApi", "enableSharing", "enableStreamingApi")
    assert all(f"<{switch}>true</{switch}>" in text for switch in switches)


def test_our_user_sees_what_is_mapped_and_edits_what_is_written(
    project: Any, needed: Any, elements: Any
) -> None:
    """And nothing else. Fields of activities are granted on the task."""
    text = project().files[INTEGRATION]
    custom = {f"{n.object}.{n.name}" for n in needed() if n.name.endswith("__c")}
    edited, seen = granted(elements, text, "editable"), granted(elements, text, "readable")
    assert edited == custom | {"Task.WhoId", "Task.WhatId", "Task.Description"}
    phones = {f"{n.object}.{n.name}" for n in needed() if not n.written}
    read = {"Contact.AccountId", "Opportunity.AccountId", "Opportunity.Amount"}
    assert seen == edited | phones | read
    assert "Activity." not in text


@pytest.mark.parametrize("part", MirrorPart)
def test_every_column_that_a_pull_asks_for_is_granted(
    project: Any, elements: Any, part: MirrorPart
) -> None:
    """As far as a permission set can grant it: the others come with their object."""
    columns = Columns("Contact", PersonKind.CONTACT, ("MobilePhone",), "SMS_Opt_Out__c")
    source = source_of(Pull(part, columns=columns, key_field="SMS_Key__c"))
    covered = table().grantable.get(source.object, frozenset())
    wanted = {f"{source.object}.{name}" for name in source.fields if name in covered}
    assert wanted <= granted(elements, project().files[INTEGRATION], "readable")


def test_only_our_own_object_is_granted_whole(project: Any, elements: Any) -> None:
    """Of people and pipeline it is read and edit; never create, delete or all records."""
    rights = {
        one.pop("object"): {verb for verb, given in one.items() if given == "true"}
        for one in elements(project().files[INTEGRATION], "objectPermissions")
    }
    read = {"allowRead", "viewAllRecords"}
    assert rights.pop("SMS_Message__c") >= {"modifyAllRecords", "allowCreate", "allowDelete"}
    assert rights.pop("Account") == read
    assert rights == dict.fromkeys(("Contact", "Lead", "Opportunity"), read | {"allowEdit"})


def test_people_see_texts_and_may_stop_them(project: Any, elements: Any) -> None:
    """They edit one field, the opt-out, and no object by this set."""
    text = project().files[READER]
    edited, seen = granted(elements, text, "editable"), granted(elements, text, "readable")
    assert edited == {"Contact.SMS_Opt_Out__c", "Lead.SMS_Opt_Out__c"}
    assert "SMS_Message__c.Body__c" in seen
    (rights,) = elements(text, "objectPermissions")
    assert [verb for verb, given in rights.items() if given == "true"] == ["allowRead"]


def test_a_mapping_without_leads_grants_no_lead(project: Any, mapping_text: Any) -> None:
    """Least privilege follows the mapping."""
    start = mapping_text().index("[people.lead]")
    end = mapping_text().index("# ──", start)
    without = project((mapping_text()[start:end], "")).files
    assert "Lead.MobilePhone" in project().files[INTEGRATION]
    assert "<object>Lead" not in without[INTEGRATION]
    assert not [path for path in without if "objects/Lead" in path]


def test_a_renamed_object_brings_its_names_along(project: Any) -> None:
    """Tab, label, views and permissions."""
    files = project(("SMS_Message__c", "Text_Record__c"), ("Status__c", "State__c")).files
    assert "SMS_Message__c" not in "".join(files.values())
    text = files[f"{SOURCE}/objects/Text_Record__c/Text_Record__c.object-meta.xml"]
    assert "<label>Text Record</label>" in text
    assert f"{SOURCE}/tabs/Text_Record__c.tab-meta.xml" in files
    view = files[f"{SOURCE}/objects/Text_Record__c/listViews/Not_Delivered.listView-meta.xml"]
    assert "<field>State__c</field>" in view


@pytest.mark.parametrize("object", ["Case", "acme__Text__c"])
def test_texts_on_an_object_of_others_make_no_object(
    project: Any, elements: Any, object: str
) -> None:
    """It gets fields only, and our user may make its records, but not see to all of them."""
    made = project(('object = "SMS_Message__c"', f'object = "{object}"'))
    assert f"{object}.Body__c" in fields(made.files)
    ends = (".object-meta.xml", ".tab-meta.xml", ".listView-meta.xml")
    assert not [path for path in made.files if path.endswith(ends)]
    rights = elements(made.files[INTEGRATION], "objectPermissions")
    (ours,) = [one for one in rights if one["object"] == object]
    assert {verb for verb, given in ours.items() if given == "true"} == {
        *("allowCreate", "allowEdit", "allowRead", "viewAllRecords")
    }
    told = [finding.subject for finding in made.findings]
    assert told == ([] if object == "Case" else [object])


def test_a_view_needs_the_field_that_it_filters_by(project: Any) -> None:
    """And the choice, in the mapping's words; a column that is not mapped is skipped."""
    files = project(('inbound = "Inbound"', 'inbound = "Eingehend"')).files
    views = [path.split("/")[-1].split(".")[0] for path in files if "listViews" in path]
    assert sorted(views) == ["All", "Not_Delivered"]


def test_the_page_names_what_nobody_granted_and_what_is_left_out(project: Any) -> None:
    """Where the admin reads it, beside the commands."""
    plain = project().files["README.md"]
    assert "`Task.ActivityDate`" in plain
    assert "sf project deploy start --dry-run" in plain
    assert "Look at these first" not in plain
    odd = project(
        ("[message.fields]", '[message.fields]\nOdd__c = { value = "message.body or 1" }')
    )
    assert "`SMS_Message__c.Odd__c` is left out" in odd.files["README.md"]
    assert [finding.ok for finding in odd.findings] == [False]
