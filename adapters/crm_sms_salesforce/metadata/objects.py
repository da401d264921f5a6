"""Fields, the object of our own, its list views and its tab, each as a file of a project."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from crm_sms_salesforce.metadata.definitions import Field
from crm_sms_salesforce.metadata.table import Definition, View, table
from crm_sms_salesforce.metadata.xml import Node, document

MANAGED = "managed by crm_sms"
"""Stands in the description of everything of ours, so that what is not ours is told apart."""


def field_file(field: Field) -> str:
    """A custom field. None is required: Salesforce grants no access to a field that is."""
    made = field.definition
    description = f"{made.help} ({MANAGED})" if made.help else MANAGED
    content: dict[str, Node] = {
        "fullName": field.name,
        "description": description,
        "label": made.label,
        "type": made.type,
    }
    return document("CustomField", content | _PARTS[made.type](made))


def _text(made: Definition) -> dict[str, Node]:
    unique: dict[str, Node] = {"caseSensitive": made.case_sensitive} if made.unique else {}
    return {
        "externalId": made.external,
        "length": made.length,
        "required": False,
        "unique": made.unique,
        **unique,
    }


def _picklist(made: Definition) -> dict[str, Node]:
    values: list[Node] = [
        {"fullName": value, "default": False, "label": value} for value in made.values
    ]
    definition: dict[str, Node] = {"sorted": False, "value": values}
    choices: dict[str, Node] = {"restricted": made.restricted, "valueSetDefinition": definition}
    return {"required": False, "valueSet": choices}


def _lookup(made: Definition) -> dict[str, Node]:
    """SetNull takes the lightest lock on the record that it points to."""
    return {
        "deleteConstraint": "SetNull",
        "referenceTo": made.to,
        "relationshipLabel": made.children.replace("_", " "),
        "relationshipName": made.children,
        "required": False,
    }


def _number(made: Definition) -> dict[str, Node]:
    return {"precision": made.precision, "required": False, "scale": made.scale}


_PARTS: Mapping[str, Callable[[Definition], dict[str, Node]]] = {
    "Text": _text,
    "LongTextArea": lambda made: {"length": made.length, "visibleLines": 4},
    "Number": _number,
    "Checkbox": lambda made: {"defaultValue": False},
    "Date": lambda made: {"required": False},
    "DateTime": lambda made: {"required": False},
    "Picklist": _picklist,
    "Lookup": _lookup,
}


def object_file(version: str, label: str, plural: str) -> str:
    """The object of texts. Private: a text is seen by whoever owns it, and those above them."""
    ours = table().object
    number: dict[str, Node] = {
        "displayFormat": ours["number"],
        "label": f"{label} Number",
        "type": "AutoNumber",
    }
    switches: dict[str, Node] = {
        "enableActivities": False,
        "enableFeeds": False,
        "enableHistory": False,
        # Salesforce wants these three to agree.
        "enableBulkApi": True,
        "enableSharing": True,
        "enableStreamingApi": True,
        "enableReports": True,
        "enableSearch": True,
    }
    return document(
        "CustomObject",
        switches
        | {
            "deploymentStatus": "Deployed",
            "description": f"{ours['help']} {MANAGED} {version}",
            "label": label,
            "nameField": number,
            "pluralLabel": plural,
            "sharingModel": "Private",
        },
    )


def tab_file() -> str:
    """The tab of the object; permission sets make it visible."""
    return document("CustomTab", {"customObject": True, "motif": table().object["motif"]})


def views(fields: Mapping[str, Field]) -> dict[str, str]:
    """The list views that these fields allow, by name. `fields` are by the table's names, whatever
    the mapping calls them."""
    return {
        name: _view_file(name, view, fields)
        for name, view in table().views.items()
        if all(_filters(fields.get(field), value) for field, _, value in view.filters)
    }


def _filters(field: Field | None, value: str) -> Collection[str]:
    """The choices to filter by, as far as the field has them."""
    return [one for one in value.split(",") if field and one in field.definition.values]


def _view_file(name: str, view: View, fields: Mapping[str, Field]) -> str:
    wanted = (*table().columns, *view.columns)
    shown: list[Node] = [fields[one].name if one in fields else one for one in wanted]
    filters: list[Node] = [
        {
            "field": fields[field].name,
            "operation": operation,
            "value": ",".join(_filters(fields[field], value)),
        }
        for field, operation, value in view.filters
    ]
    content: dict[str, Node] = {
        "fullName": name,
        "columns": [one for one in shown if one == "NAME" or one in _names(fields)],
        "filterScope": view.scope,
        "label": view.label,
    }
    return document("ListView", content | ({"filters": filters} if filters else {}))


def _names(fields: Mapping[str, Field]) -> set[str]:
    return {field.name for field in fields.values()}
