"""Record pages as a rep sees them: fields, open tasks, and one timeline of texts and tasks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader

from crm_sms.sandbox.salesforce.ids import normalise
from crm_sms.sandbox.salesforce.org import Org
from crm_sms.sandbox.salesforce.recycle import children
from crm_sms.sandbox.salesforce.schema import Field, SObject
from crm_sms.sandbox.salesforce.table import Row

LISTED = ("Contact", "Lead", "Opportunity", "Task", "SMS_Message__c")
"""The objects that have pages."""
LONGEST_LIST = 100

_SYSTEM = frozenset(
    ("Id", "IsDeleted", "CreatedById", "LastModifiedById", "SystemModstamp", "MasterRecordId")
)
_MESSAGE = "SMS_Message__c"
_ENVIRONMENT = Environment(
    loader=PackageLoader(__package__ or "", "templates"), autoescape=True, trim_blocks=True
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A value with its label; `link` where it is another record."""

    label: str
    value: str
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline."""

    at: str
    kind: str
    title: str
    text: str
    state: str
    link: str


def link(object_name: str, record_id: str) -> str:
    """Where a record's page is, from the server's root."""
    return f"/lightning/r/{object_name}/{record_id}/view"


def record_page(org: Org, object_name: str, record_id: str) -> str | None:
    """The page of a record, or None if there is none."""
    obj = org.schema.get(object_name)
    row = org.row(normalise(record_id) or "")
    if obj is None or object_name not in LISTED or row is None:
        return None
    if row["Id"] not in org.tables[object_name].rows:
        return None
    entries = _timeline(org, row["Id"])
    return _ENVIRONMENT.get_template("record.html").render(
        object=obj,
        title=title(row),
        deleted=row.get("IsDeleted", False),
        groups=_groups(org, obj, row),
        open_tasks=[entry for entry in entries if entry.kind == "Task" and entry.state == "Open"],
        timeline=[entry for entry in entries if entry.state != "Open"],
    )


def index_page(org: Org, wanted: str, credentials: dict[str, Any]) -> str:
    """What there is, last changed first; `wanted` is looked for in names and phones."""
    lists = [_list(org, org.schema[name], wanted) for name in LISTED if name in org.schema]
    return _ENVIRONMENT.get_template("index.html").render(
        lists=lists, wanted=wanted, credentials=credentials
    )


def title(row: Row) -> str:
    """What a record is called."""
    return str(row.get("Name") or row.get("Subject") or row["Id"])


def _list(org: Org, obj: SObject, wanted: str) -> dict[str, Any]:
    rows = [row for row in org.tables[obj.name].since(None) if not row.get("IsDeleted")]
    found = [row for row in reversed(rows) if _is_wanted(obj, row, wanted)]
    items = [
        {"link": link(obj.name, row["Id"]), "title": title(row), "detail": _detail(row)}
        for row in found[:LONGEST_LIST]
    ]
    return {"label": obj.plural, "count": len(found), "entries": items}


def _is_wanted(obj: SObject, row: Row, wanted: str) -> bool:
    looked_in = [title(row)] + [
        str(row[name])
        for name, field in obj.fields.items()
        if field.type == "phone" and name in row
    ]
    return any(wanted.casefold() in text.casefold() for text in looked_in)


def _detail(row: Row) -> str:
    names = ("MobilePhone", "Phone", "StageName", "Status", "Direction__c", "Status__c", "Body__c")
    return " · ".join(str(row[name])[:80] for name in names if row.get(name))


def _groups(org: Org, obj: SObject, row: Row) -> list[tuple[str, list[Shown]]]:
    fields = [field for field in obj.fields.values() if field.name not in _SYSTEM]
    ours = [field for field in fields if field.name.startswith("SMS_")]
    details = [field for field in fields if field not in ours]
    groups = [("Details", _shown(org, details, row)), ("Text messages", _shown(org, ours, row))]
    return [(name, shown) for name, shown in groups if shown]


def _shown(org: Org, fields: Iterable[Field], row: Row) -> list[Shown]:
    return [_show(org, field, row[field.name]) for field in fields if field.name in row]


def _show(org: Org, field: Field, value: Any) -> Shown:
    if isinstance(value, bool):
        return Shown(field.label, "Yes" if value else "No")
    if field.type == "datetime":
        return Shown(field.label, _moment(value))
    if isinstance(value, float) and value.is_integer():
        return Shown(field.label, f"{value:.0f}")
    parent = org.row(value) if field.to else None
    if parent is None:
        return Shown(field.label, str(value))
    kind = getattr(org.object_of(value), "name", "")
    label = field.label.removesuffix(" ID")
    return Shown(label, title(parent), link(kind, value) if kind in LISTED else None)


def _timeline(org: Org, record_id: str) -> list[Entry]:
    """Texts and tasks that hang on a record, the last one first."""
    found = {row["Id"]: (obj.name, row) for obj, _, row in children(org, record_id)}
    entries = [_text(row) for name, row in found.values() if name == _MESSAGE]
    entries += [_task(row) for name, row in found.values() if name == "Task"]
    return sorted(entries, key=lambda entry: (entry.at, entry.link), reverse=True)


def _text(row: Row) -> Entry:
    inbound = row.get("Direction__c") == "Inbound"
    return Entry(
        at=_moment(row.get("Occurred_At__c") or row["CreatedDate"]),
        kind="Text received" if inbound else "Text sent",
        title=f"{row.get('From__c', '')} → {row.get('To__c', '')}",
        text=row.get("Body__c", ""),
        state=row.get("Status__c", ""),
        link=link(_MESSAGE, row["Id"]),
    )


def _task(row: Row) -> Entry:
    done = row.get("CompletedDateTime")
    return Entry(
        at=_moment(done or row["CreatedDate"]),
        kind="Task",
        title=row.get("Subject", "Task"),
        text=row.get("Description", ""),
        state="Completed" if row["IsClosed"] else "Open",
        link=link("Task", row["Id"]),
    )


def _moment(text: str) -> str:
    return text[:19].replace("T", " ") + " UTC"
