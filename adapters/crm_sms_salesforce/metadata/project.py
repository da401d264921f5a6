"""A standard Salesforce project, file by file, for the fields that a mapping names."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib import resources
from string import Template

from crm_sms.ports import Finding
from crm_sms.records import NeededField
from crm_sms_salesforce.metadata.definitions import Definitions, Field, define
from crm_sms_salesforce.metadata.objects import MANAGED, field_file, object_file, tab_file, views
from crm_sms_salesforce.metadata.permissions import (
    INTEGRATION,
    READER,
    Access,
    integration_access,
    integration_set,
    reader_access,
    reader_set,
)
from crm_sms_salesforce.metadata.table import table, words
from crm_sms_salesforce.metadata.xml import Node, document

_SOURCE = "force-app/main/default"


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the files are made of. `own` is the object of texts, if it is ours to make."""

    needs: tuple[NeededField, ...]
    definitions: Definitions

    @property
    def fields(self) -> tuple[Field, ...]:
        return self.definitions.fields

    @property
    def own(self) -> str | None:
        return self.definitions.own


def files(needs: Sequence[NeededField], api_version: str, version: str) -> dict[str, str]:
    """Every file by its path. The same needs give the same files."""
    plan = _Plan(tuple(needs), define(needs))
    access = integration_access(plan.needs, plan.fields)
    source = {**_fields(plan), **_own(plan, version), **_permission_sets(plan, access)}
    return {
        "README.md": _readme(plan, access, version),
        "sfdx-project.json": _project_file(api_version),
        "manifest/package.xml": _manifest(plan, api_version),
        **{f"{_SOURCE}/{path}": text for path, text in source.items()},
    }


def findings(needs: Sequence[NeededField]) -> tuple[Finding, ...]:
    """What is left out of the files (failed), and what is in them by guess (a warning)."""
    return define(needs).findings


def _fields(plan: _Plan) -> dict[str, str]:
    return {
        f"objects/{field.object}/fields/{field.name}.field-meta.xml": field_file(field)
        for field in plan.fields
    }


def _own(plan: _Plan, version: str) -> dict[str, str]:
    """The object of texts with its views and its tab."""
    if plan.own is None:
        return {}
    folder = f"objects/{plan.own}"
    shown = {
        f"{folder}/listViews/{name}.listView-meta.xml": text
        for name, text in views(_by_our_names(plan)).items()
    }
    label, plural = _labels(plan.own)
    return {
        f"{folder}/{plan.own}.object-meta.xml": object_file(version, label, plural),
        **shown,
        f"tabs/{plan.own}.tab-meta.xml": tab_file(),
    }


def _labels(own: str) -> tuple[str, str]:
    ours = table().object
    if words(own) == ours["label"]:
        return ours["label"], ours["plural"]
    return words(own), f"{words(own)}s"


def _by_our_names(plan: _Plan) -> dict[str, Field]:
    """The object's fields, by the names that the table has for what they hold."""
    like = {need.name: need.like for need in plan.needs if need.section == "message" and need.like}
    return {like.get(f.name, f.name): f for f in plan.fields if f.object == plan.own}


def _permission_sets(plan: _Plan, access: Access) -> dict[str, str]:
    sets = {
        INTEGRATION: integration_set(plan.needs, plan.own, access),
        READER: reader_set(plan.own, reader_access(plan.needs, plan.fields)),
    }
    return {f"permissionsets/{name}.permissionset-meta.xml": text for name, text in sets.items()}


def _project_file(api_version: str) -> str:
    project = {
        "packageDirectories": [{"path": "force-app", "default": True}],
        "name": "crm-sms",
        "namespace": "",
        "sfdcLoginUrl": "https://login.salesforce.com",
        "sourceApiVersion": api_version,
    }
    return json.dumps(project, indent=4) + "\n"


def _manifest(plan: _Plan, api_version: str) -> str:
    members: dict[str, Collection[str]] = {
        "CustomField": [f"{field.object}.{field.name}" for field in plan.fields],
        "CustomObject": [plan.own] if plan.own else [],
        "CustomTab": [plan.own] if plan.own else [],
        "ListView": [f"{plan.own}.{view}" for view in views(_by_our_names(plan)) if plan.own],
        "PermissionSet": [INTEGRATION, READER],
    }
    types: list[Node] = [
        {"members": sorted(names), "name": kind} for kind, names in members.items() if names
    ]
    return document("Package", {"types": types, "version": api_version})


def _readme(plan: _Plan, access: Access, version: str) -> str:
    template = Template(
        resources.files(__package__).joinpath("README.template.md").read_text("utf-8")
    )
    return template.substitute(
        version=version,
        managed=MANAGED,
        integration=INTEGRATION,
        reader=READER,
        object=f"`{plan.own}`" if plan.own else "texts",
        elsewhere=", ".join(f"`{place}`" for place in sorted(access.elsewhere)) or "none",
        findings=_listed(plan.definitions.findings),
    )


def _listed(found: Sequence[Finding]) -> str:
    """A section of the page on what is special about this mapping; nothing if there is nothing."""
    if not found:
        return ""
    lines = [f"- `{one.subject}` {one.text}; {one.remedy}." for one in found]
    return "\n".join(["## Look at these first", "", *lines, "", ""])
